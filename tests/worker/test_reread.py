"""Answers in the journal are read again: drains that a crash left, and what an adapter did not know before."""

from dataclasses import replace
from datetime import timedelta

import httpx
import msgspec
import pytest

from adapters.base import Take
from store import journal
from store.connections import Pool
from tests.worker.pretend import Pretend, Provider, account, budget, desk, record, statuses
from worker import asked
from worker.accounts import Account
from worker.desk import Desk
from worker.poll import poll
from worker.reread import LEFT_BEHIND, Reread, reread

#: It does not depend on the interpreter.
pytestmark = pytest.mark.once


async def left(at: Desk, *items: tuple[str, str], body: bytes | None = None, minutes: float = 5) -> int:
    """An answer that a killed worker took from a drain and did not read; its number."""
    content = msgspec.json.encode({"items": [(*item, None) for item in items]}) if body is None else body
    async with at.pool.acquire() as connection:
        now = await at.pool.fetchval("select clock_timestamp()") - timedelta(minutes=minutes)
        answer = asked.answer(Take(), httpx.Response(200, content=content))
        return await journal.keep(connection, at.number, "drain", answer, None, now)


async def kept(pool: Pool) -> list[tuple[str, bool]]:
    """Each answer's kind and whether it was read."""
    rows = await pool.fetch("select kind, read_at is not null as is_read from landed.journal order by id")
    return [(row["kind"], row["is_read"]) for row in rows]


async def drained(pool: Pool) -> tuple[Desk, dict[str, Account]]:
    asking = account(ids=0, drain=3)
    return await desk(pool, Provider(), asking), {"pretend": asking}


async def test_a_drained_answer_that_a_crash_left_is_applied_once(pool: Pool) -> None:
    at, known = await drained(pool)
    await record(at, ["a", "b"])
    await left(at, ("a", "delivered"), ("b", "failed"))

    done = [await reread(pool, known, drains_only=True) for _ in range(2)]

    assert done == [Reread(read=1, written=2), Reread()]
    assert (await statuses(pool), await kept(pool)) == ({"a": "delivered", "b": "failed"}, [("drain", True)])


async def test_a_drained_answer_that_someone_may_just_be_reading_is_left_to_him(pool: Pool) -> None:
    at, known = await drained(pool)
    await record(at, ["a"])
    await left(at, ("a", "delivered"), minutes=LEFT_BEHIND.total_seconds() / 60 - 1)

    assert await reread(pool, known, drains_only=True) == Reread()


async def test_unknown_words_in_what_a_crash_left_are_counted_once_and_wait_for_the_adapter(pool: Pool) -> None:
    at, known = await drained(pool)
    await record(at, ["a", "b"])
    await left(at, ("a", "delivered"), ("b", "teleported"))

    for _ in range(3):
        await reread(pool, known, drains_only=True)

    seen = await pool.fetch("select word, seen from landed.unknown_word")
    assert [tuple(row) for row in seen] == [("teleported", 1)]
    assert (await statuses(pool), await kept(pool)) == ({"a": "delivered", "b": "sent"}, [("unknown", False)])


async def test_rubbish_that_a_crash_left_is_kept_and_not_read_over_and_over(pool: Pool) -> None:
    at, known = await drained(pool)
    await left(at, body=b"rubbish")

    done = [await reread(pool, known, drains_only=True) for _ in range(2)]

    assert (done, await kept(pool)) == ([Reread(left=1), Reread()], [("unreadable", False)])


async def test_one_answer_that_cannot_be_read_does_not_stop_the_others(pool: Pool) -> None:
    at, known = await drained(pool)
    await record(at, ["a"])
    await left(at, body=b"rubbish")
    await left(at, ("a", "delivered"))

    done = await reread(pool, known)

    assert (done.read, done.left, await statuses(pool)) == (1, 1, {"a": "delivered"})


async def test_only_the_account_that_was_named_is_read(pool: Pool) -> None:
    known, desks = {}, []
    for name in ("one", "two"):
        known[name] = account(name, ids=0, drain=3)
        desks.append(await desk(pool, Provider(), known[name]))
        await record(desks[-1], [name])
        await left(desks[-1], (name, "delivered"))

    await reread(pool, known, "two")

    assert await statuses(pool) == {"one": "sent", "two": "delivered"}


async def test_answers_of_an_account_that_is_not_configured_are_kept_for_when_it_is(pool: Pool) -> None:
    at, known = await drained(pool)
    await record(at, ["a"])
    await left(at, ("a", "delivered"))

    without = await reread(pool, {})
    again = await reread(pool, known)

    assert (without, again.read) == (Reread(), 1)


async def test_more_answers_than_are_read_at_once_are_all_read(pool: Pool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("worker.reread.CHUNK", 2)
    at, known = await drained(pool)
    names = [f"m{number}" for number in range(5)]
    await record(at, names)
    for name in names:
        await left(at, (name, "delivered"))

    assert (await reread(pool, known)).read == 5
    assert set((await statuses(pool)).values()) == {"delivered"}


async def test_a_word_is_mended_once_no_kept_answer_shows_it_as_unknown(
    pool: Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    asking = account()
    at = await desk(pool, Provider(known={"a": "arrived", "b": "beamed"}), asking)
    await record(at, ["a", "b"])
    await poll(at, "w", budget())
    table = Pretend.STATUSES
    monkeypatch.setattr(Pretend, "STATUSES", {**table, "arrived": table["delivered"]})

    await reread(pool, {"pretend": asking})
    first = await _mended(pool)
    monkeypatch.setattr(Pretend, "STATUSES", {**table, "arrived": table["delivered"], "beamed": table["delivered"]})
    await reread(pool, {"pretend": asking})

    assert (first, await _mended(pool)) == ({"arrived": True, "beamed": False}, {"arrived": True, "beamed": True})
    assert await statuses(pool) == {"a": "delivered", "b": "delivered"}


async def _mended(pool: Pool) -> dict[str, bool]:
    rows = await pool.fetch("select word, mended_at is not null as mended from landed.unknown_word")
    return {row["word"]: row["mended"] for row in rows}


async def test_reading_again_never_takes_back_what_is_known_since(pool: Pool) -> None:
    at, known = await drained(pool)
    await record(at, ["a"])
    await left(at, ("a", "deferred"))
    newer = replace(at, account=account(), sender=Provider(known={"a": "delivered"}))
    await poll(newer, "w", budget())

    await reread(pool, known)

    assert await statuses(pool) == {"a": "delivered"}
