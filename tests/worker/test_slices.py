"""Slices of an account look messages up beside its own poll, and a quota that is used up is no trouble."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from adapters.errors import Unreachable
from store import accounts as rows
from store.connections import Pool, clock
from tests.worker.office import Office, desk_of, office, standing
from tests.worker.pretend import account, raising, record
from worker.accounts import Account
from worker.pace import QuotaUsed

#: It does not depend on the interpreter.
pytestmark = pytest.mark.once


def sliced(**limits: object) -> Account:
    return replace(account("busy", ids=1, **limits), slices=3)


async def busy(pool: Pool, known: Account, count: int = 12) -> Office:
    """A program at work on an account with more due than two claims: its own poll waits for the provider."""
    program = await office(pool, known)
    program.batch = 4
    program.providers["busy"].known = {f"m{n}": "sent" for n in range(count)}
    await record(desk_of(program, "busy"), [f"m{n}" for n in range(count)])
    async with pool.acquire() as connection:
        now = await clock(connection)
        assert await rows.lease(connection, "busy", "another worker", now, now + timedelta(minutes=1))
    return program


async def test_a_tick_starts_slices_of_an_account_that_has_enough_due(pool: Pool) -> None:
    program = await busy(pool, sliced())

    done = await program.tick()

    assert sorted(job for job in program.started.jobs if job[0] == "slice") == [
        ("slice", "busy", "1"),
        ("slice", "busy", "2"),
    ]
    assert done["polls"] == 2


async def test_no_slice_of_an_account_that_has_one_lease_only(pool: Pool) -> None:
    program = await busy(pool, replace(sliced(), slices=1))

    await program.tick()

    assert [job for job in program.started.jobs if job[0] == "slice"] == []


async def test_slices_look_up_beside_the_accounts_own_poll_each_message_once(pool: Pool) -> None:
    program = await busy(pool, sliced(listing=100, feed=5))

    await asyncio.gather(program.slice("busy", "1"), program.slice("busy", "2"))

    # No window and no stream.
    asked = [(what["shape"], what["ids"]) for what in program.providers["busy"].asked]
    assert sorted(asked, key=str) == sorted((("ids", [f"m{n}"]) for n in range(12)), key=str)
    # The second has none if the first has already claimed everything.
    held = await pool.fetch("select from landed.slice where lease_until is not null or holder is not null")
    assert held == []


async def test_a_slice_that_has_nothing_to_do_by_now_ends(pool: Pool) -> None:
    program = await busy(pool, sliced(), count=3)

    assert await program.slice("busy", "1") == {}
    assert program.providers["busy"].asked == []


async def test_a_used_up_quota_is_waited_for_and_is_no_trouble(pool: Pool) -> None:
    """Nothing counts as a failure or as a look, and all that was claimed is due again."""
    program = await office(pool, account("busy", ids=1))
    until = datetime(2100, 1, 1, tzinfo=UTC)
    program.providers["busy"].trouble = raising(QuotaUsed("busy", until))
    await record(desk_of(program, "busy"), ["a", "b"])

    await program.poll("busy")

    row = await standing(pool, "busy")
    watched = await pool.fetchrow("select sum(looks) as looks, max(next_look_at) <= now() as is_due from landed.watch")
    assert (row["ask_after"], row["failures"], row["trouble"], row["holder"]) == (until, 0, None, None)
    assert watched is not None
    assert tuple(watched) == (0, True)
    assert await pool.fetchval("select count(*) from landed.look") == 0


@pytest.mark.parametrize("number", ["1", "2"])
async def test_trouble_that_a_slice_meets_is_its_accounts(pool: Pool, number: str) -> None:
    program = await busy(pool, sliced())
    program.providers["busy"].trouble = raising(Unreachable("no answer"))

    await program.slice("busy", number)

    row = await standing(pool, "busy")
    assert (row["failures"] > 0, row["trouble"], row["holder"]) == (True, "unreachable", "another worker")
