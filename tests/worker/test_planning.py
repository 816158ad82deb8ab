"""What the planner learns is kept, what it decides is written down, and windows are read only as far as that pays."""

from datetime import timedelta

import msgspec
import pytest

from adapters.base import Window
from store import density
from store.connections import Pool
from tests.worker.pretend import Provider, account, budget, desk, record
from worker import asked
from worker.poll import poll

#: It does not depend on the interpreter.
pytestmark = pytest.mark.once

HOUR = timedelta(hours=1)


def paged(provider: Provider, pages: list[list[str]]) -> None:
    """Every window shows these pages."""

    def page(what: dict[str, object]) -> bytes | None:
        if not isinstance(asked.parse(what), Window):
            return None
        number = int(str(what.get("page", 0)))
        more = msgspec.json.encode({**what, "page": number + 1}).decode() if number + 1 < len(pages) else None
        return msgspec.json.encode({"items": [(name, "deferred", None) for name in pages[number]], "more": more})

    provider.trouble = page


def asked_for(provider: Provider) -> list[str]:
    return [str(what["shape"]) for what in provider.asked]


async def test_a_window_that_showed_all_it_was_for_is_read_no_further(pool: Pool, provider: Provider) -> None:
    at = await desk(pool, provider, account(ids=1, listing=10))
    await record(at, ["m0", "m1"])
    provider.known = dict.fromkeys(["m0", "m1"], "deferred")
    paged(provider, [["x0", "m0", "m1"], ["x1"], ["x2"]])

    await poll(at, "w", budget())

    assert asked_for(provider) == ["window"]
    assert await pool.fetchval("select array_agg(looks order by id) from landed.watch") == [1, 1]


async def test_the_rest_of_a_window_that_is_longer_than_expected_is_looked_up(pool: Pool, provider: Provider) -> None:
    at = await desk(pool, provider, account(ids=1, listing=10))
    await record(at, ["m0", "m1"])
    provider.known = dict.fromkeys(["m0", "m1"], "deferred")
    paged(provider, [[f"x{number}"] for number in range(90)])

    await poll(at, "w", budget())

    shapes = asked_for(provider)
    assert shapes[-2:] == ["ids", "ids"]
    assert set(shapes[:-2]) == {"window"}
    assert len(shapes) < 8
    assert await pool.fetchval("select array_agg(looks order by id) from landed.watch") == [1, 1]


async def test_each_request_says_why_it_was_made_and_what_another_way_would_have_taken(
    pool: Pool, provider: Provider
) -> None:
    at = await desk(pool, provider, account(ids=1, listing=10))
    await record(at, [f"m{number}" for number in range(3)])
    await record(at, ["old"], age=40 * HOUR)
    names = ["m0", "m1", "m2"]
    now = await pool.fetchval("select date_trunc('minute', clock_timestamp())")
    async with pool.acquire() as connection:
        minutes = (now - timedelta(minutes=number) for number in range(120))
        await density.keep(connection, at.number, dict.fromkeys(minutes, 4.0))
    provider.known = dict.fromkeys([*names, "old"], "deferred")
    provider.sent_at = dict.fromkeys(names, await pool.fetchval("select max(sent_at) from landed.watch"))

    await poll(at, "w", budget())

    rows = await pool.fetch("select how, why, expected, instead, covered from landed.look order by how")
    assert [tuple(row) for row in rows] == [("listing", "fewest", 1, 3, 3), ("lookup", "fewest", 1, 1, 1)]


async def test_what_windows_showed_is_kept_and_known_to_other_workers(pool: Pool, provider: Provider) -> None:
    at = await desk(pool, provider, account(ids=1, listing=100))
    names = [f"m{number}" for number in range(40)]
    await record(at, names)
    provider.known = dict.fromkeys(names, "deferred")
    sent_at = await pool.fetchval("select min(sent_at) from landed.watch")
    provider.sent_at = dict.fromkeys(names, sent_at)

    await poll(at, "w", budget())
    other = await desk(pool, provider, account(ids=1, listing=100))
    await poll(other, "w", budget())

    now = await pool.fetchval("select clock_timestamp()")
    assert round(other.density.between(sent_at - timedelta(seconds=30), now)) == 40


async def test_densities_older_than_two_days_before_the_newest_are_dropped(pool: Pool, provider: Provider) -> None:
    at = await desk(pool, provider)
    now = await pool.fetchval("select date_trunc('minute', clock_timestamp())")
    async with pool.acquire() as connection:
        await density.keep(connection, at.number, {now - 72 * HOUR: 5.0, now - 47 * HOUR: 3.0})
        await density.keep(connection, at.number, {now: 7.0, now - 47 * HOUR: 4.0})
        kept = await density.of(connection, at.number)

    assert kept == {now - 47 * HOUR: 4.0, now: 7.0}
