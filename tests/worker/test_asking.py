"""Asking: what is left when it ends early, and what ends it."""

import asyncio
from dataclasses import replace
from datetime import timedelta

import asyncpg
import httpx
import msgspec
import pytest

from store.connections import Pool
from tests.worker.pretend import Provider, account, budget, desk, record, statuses
from worker import asked, writing
from worker.poll import poll

#: It does not depend on the interpreter.
pytestmark = pytest.mark.once


async def test_a_window_longer_than_the_time_there_is_counts_as_far_as_it_was_read(
    pool: Pool, provider: Provider
) -> None:
    """A large window at a slow rate would otherwise be begun again and again, and never be read to its end."""
    at = await desk(pool, provider, account(ids=0, listing=2))
    names = [f"m{number}" for number in range(6)]
    await record(at, names)
    provider.known = dict.fromkeys(names, "deferred")

    def page(what: dict[str, object]) -> bytes:
        shown = [(name, "deferred", None) for name in names[:2]]
        return msgspec.json.encode({"items": shown, "more": msgspec.json.encode({**what, "page": 2}).decode()})

    provider.trouble = page

    await poll(at, "w", budget(stopping=lambda: bool(provider.asked)))

    rows = await pool.fetch("select provider_id, looks, next_look_at <= clock_timestamp() as due from landed.watch")
    expected = {name: (1, False) if name in names[:2] else (0, True) for name in names}
    assert {row["provider_id"]: (row["looks"], row["due"]) for row in rows} == expected
    assert (len(provider.asked), set((await statuses(pool)).values())) == (1, {"deferred", "sent"})


async def test_a_window_read_to_its_end_is_a_look_at_all_that_it_was_for(pool: Pool, provider: Provider) -> None:
    at = await desk(pool, provider, account(ids=0, listing=2))
    names = [f"m{number}" for number in range(6)]
    await record(at, names)
    provider.known = {"m0": "deferred"}
    provider.sent_at = {"m0": await pool.fetchval("select min(sent_at) from landed.watch")}

    await poll(at, "w", budget())

    assert await pool.fetchval("select array_agg(looks) from landed.watch") == [1] * 6


async def test_what_cannot_be_written_is_not_asked_for_any_longer(
    pool: Pool, provider: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    at = await desk(pool, provider, account(ids=1, concurrency=1))
    await record(at, [f"m{number}" for number in range(20)])

    async def fails(*_: object) -> None:
        raise asyncpg.InterfaceError("the connection is lost")

    monkeypatch.setattr(writing, "join", fails)
    answer = provider.send

    async def send(request: httpx.Request) -> httpx.Response:
        await asyncio.sleep(0)
        return await answer(request)

    provider.send = send  # type: ignore[method-assign]

    with pytest.raises(asyncpg.InterfaceError):
        await poll(at, "w", budget())

    assert len(provider.asked) < 20
    assert await pool.fetchval("select lease_until from landed.account") is None


async def test_an_account_paused_while_it_is_asked_is_asked_nothing_more(pool: Pool, provider: Provider) -> None:
    at = await desk(pool, provider, account(ids=1, concurrency=1))
    await record(at, [f"m{number}" for number in range(30)])
    answer = provider.send

    async def send(request: httpx.Request) -> httpx.Response:
        await pool.execute("update landed.account set paused_at = now()")
        await asyncio.sleep(0.05)
        return await answer(request)

    provider.send = send  # type: ignore[method-assign]

    await poll(at, "w", replace(budget(), lease=timedelta(seconds=0.3)))

    assert 0 < len(provider.asked) < 30
    assert await pool.fetchval("select count(*) from landed.watch where looks = 0") == 30 - len(provider.asked)


def test_a_question_written_down_is_the_same_when_it_is_read() -> None:
    what = asked.parse({"shape": "ids", "ids": ["a", "b"]})

    assert asked.parse(asked.plain(what)) == what
