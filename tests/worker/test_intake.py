"""Intake takes in what senders say, whatever they say, and loses nothing."""

import asyncio
import random
from datetime import UTC, datetime, timedelta

import pytest
from asyncpg import Record

from rules.statuses import Channel
from rules.suppression import Triggers
from store import inbox, suppression
from store.connections import Connection, Pool
from store.inbox import Place
from store.suppression import Fact
from tests.worker.pretend import Provider, account, budget, desk, one, record, statuses
from worker.accounts import Account
from worker.intake import Taken, intake
from worker.poll import poll

#: It does not depend on the interpreter.
pytestmark = pytest.mark.once

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)

#: No index takes it, however well it is packed.
TOO_LONG = random.Random(1).randbytes(4500).hex()  # noqa: S311 - always the same


async def say(pool: Pool, **row: object) -> None:
    """A sender's plain INSERT."""
    row = {"account": "pretend", "channel": "sms", **row}
    places = ", ".join(f"${number}" for number in range(1, len(row) + 1))
    await pool.execute(f"insert into landed.inbox ({', '.join(row)}) values ({places})", *row.values())  # noqa: S608


async def take(pool: Pool, asking: Account | None = None) -> Taken:
    at = await desk(pool, Provider(), asking)
    return await intake(pool, {at.account.name: at.account}, {at.account.name: at.number})


async def test_a_row_with_the_least_said_is_a_sent_message_that_is_watched(pool: Pool) -> None:
    await say(pool, provider_id="a")

    assert await take(pool) == Taken(rows=1, new=1)
    assert await statuses(pool) == {"a": "sent"}
    assert await pool.fetchval("select deadline_at - sent_at from landed.watch") == timedelta(hours=48)


async def test_recording_twice_is_harmless(pool: Pool) -> None:
    for _ in range(2):
        await say(pool, provider_id="a", sent_at=NOW)
        await take(pool)

    assert await pool.fetchval("select count(*) from landed.message") == 1
    assert await pool.fetchval("select count(*) from landed.event") == 1


async def test_a_later_row_tells_the_provider_id_and_acceptance_starts_the_wait(pool: Pool) -> None:
    await say(pool, reference="mine", status="pending")
    await take(pool)
    await say(pool, reference="mine", provider_id="a", sent_at=NOW + timedelta(days=30))
    await take(pool)

    row = await one(pool, "select provider_id, reference, deadline_at, next_look_at from landed.watch")
    assert (row["provider_id"], row["reference"]) == ("a", "mine")
    assert row["deadline_at"] == NOW + timedelta(days=32)
    assert await statuses(pool) == {"a": "sent"}


async def test_a_later_row_tells_a_refusal_and_a_response(pool: Pool) -> None:
    await say(pool, reference="one", status="pending")
    await say(pool, reference="two")
    await take(pool)
    await say(pool, reference="one", status="not_sent", reason="account")
    await say(pool, reference="two", responded_at=NOW, response="yes")
    await take(pool)

    rows = await pool.fetch("select status, reason, response from landed.messages order by reference")
    assert [tuple(row) for row in rows] == [("not_sent", "account", None), ("delivered", None, "yes")]


async def test_several_rows_about_one_message_in_one_batch_are_one_message(pool: Pool) -> None:
    await say(pool, reference="mine", status="pending")
    await say(pool, reference="mine", provider_id="a")
    await say(pool, provider_id="a", acknowledged_at=NOW)

    assert await take(pool) == Taken(rows=3, new=1, known=2)
    assert await statuses(pool) == {"a": "delivered"}


async def test_rows_nobody_understands_are_kept_with_their_problem_and_tried_again(pool: Pool) -> None:
    await say(pool, account="later", provider_id="a")
    await say(pool, channel="pigeon", provider_id="b")
    await say(pool, provider_id="c", status="teleported")
    await say(pool)
    await say(pool, provider_id="d")

    taken = await take(pool)

    async with pool.acquire() as connection:
        problems = {row["problem"] for row in await inbox.strays(connection, 10)}
    assert (taken.strays, taken.new, len(problems)) == (4, 1, 4)

    async with pool.acquire() as connection:
        await inbox.retry_strays(connection)
    again = await take(pool, account("later"))
    assert (again.new, again.strays) == (1, 3)


async def test_a_row_that_postgres_refuses_does_not_hold_up_the_others(pool: Pool) -> None:
    await say(pool, provider_id="a")
    await say(pool, provider_id="b" * 9000)
    await say(pool, provider_id="c", sent_at=datetime(9999, 12, 31, tzinfo=UTC))
    await say(pool, provider_id="d")

    taken = await take(pool)

    assert (taken.rows, await pool.fetchval("select count(*) from landed.inbox")) == (4, 0)
    assert {"a", "d"} <= set(await statuses(pool))
    assert taken.new + taken.strays == 4


async def test_the_row_that_spoils_a_batch_is_put_aside_and_no_other_whoever_takes_rows_meanwhile(
    pool: Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A worker that tried a row and took that back may find the next one in its place."""
    await say(pool, provider_id=TOO_LONG)
    await say(pool, provider_id="a")
    taken: list[int] = []
    take_rows = inbox.take
    async with pool.acquire() as other:
        holding = other.transaction()

        async def take_while_another_holds_the_first(connection: Connection, limit: int, place: Place) -> list[Record]:
            taken.append(limit)
            if taken == [1, 1]:
                await holding.start()
                await other.fetch("select from landed.inbox where provider_id = $1 for update", TOO_LONG)
            return await take_rows(connection, limit, place)

        monkeypatch.setattr(inbox, "take", take_while_another_holds_the_first)
        done = await take(pool)
        await holding.rollback()

    put_aside = await pool.fetch("select said ->> 'provider_id' as name from landed.stray")
    assert done == Taken(rows=2, new=1, strays=1)
    assert await statuses(pool) == {"a": "sent"}
    assert [row["name"] for row in put_aside] == [TOO_LONG]


async def test_ids_keep_their_case_and_leading_zeros(pool: Pool) -> None:
    """jasmin: ids lost a leading zero or changed case, and no receipt was matched."""
    await say(pool, provider_id="00aB")
    await take(pool)

    assert await statuses(pool) == {"00aB": "sent"}


async def test_a_message_not_handed_over_to_a_blocked_address_is_blocked_and_never_asked_about(pool: Pool) -> None:
    async with pool.acquire() as connection:
        await suppression.add(connection, [(Fact(Channel.SMS, "+447700900001"), NOW)], NOW, "someone")
    await say(pool, reference="a", status="pending", recipient="+44 7700 900001")
    await say(pool, provider_id="b", recipient="+44 7700 900001")
    await say(pool, reference="c", status="pending", recipient="+44 7700 900002")
    await take(pool)

    assert await statuses(pool) == {"a": "blocked", "b": "sent", "c": "pending"}
    assert await pool.fetchval("select count(*) from landed.watch") == 2


async def test_never_handed_over_outcomes_are_settled_at_once(pool: Pool) -> None:
    words = ["control_group", "no_address", "duplicate", "blocked"]
    for word in words:
        await say(pool, reference=word, status=word)
    await take(pool)

    assert await statuses(pool) == {word: word for word in words}
    assert await pool.fetchval("select count(*) from landed.watch") == 0


async def test_a_refusal_because_of_an_earlier_opt_out_blocks_the_address(pool: Pool) -> None:
    await say(pool, reference="a", status="not_sent", reason="opted_out", recipient="+447700900001")
    await take(pool)

    assert await pool.fetchval("select landed.is_blocked('sms', '+447700900001')")


async def test_a_report_before_its_row_is_joined_when_the_row_comes(pool: Pool) -> None:
    """alphagov: receipt before `sending`; then the sweep fails a delivered message."""
    provider = Provider(queue=[("a", "delivered")])
    at = await desk(pool, provider, account(queue=3))
    await poll(at, "w", budget())
    await say(pool, provider_id="a", sent_at=NOW)
    await take(pool, at.account)

    assert await statuses(pool) == {"a": "delivered"}
    assert await pool.fetchval("select count(*) from landed.watch") == 0


async def test_two_workers_take_each_row_once(pool: Pool) -> None:
    await pool.execute(
        "insert into landed.inbox (account, channel, provider_id)"
        " select 'pretend', 'sms', 'm' || n from generate_series(1, 5000) as n"
    )

    done = await asyncio.gather(*(take(pool) for _ in range(4)))

    assert sum(taken.new for taken in done) == 5000
    assert await pool.fetchval("select count(*) from landed.event") == 5000


async def test_what_is_recorded_late_is_looked_at_now(pool: Pool) -> None:
    await say(pool, provider_id="a", sent_at=datetime.now(UTC) - timedelta(hours=30))
    await take(pool)

    assert await pool.fetchval("select next_look_at <= clock_timestamp() from landed.watch")


async def test_a_late_bounce_blocks_the_address_on_its_channel(pool: Pool) -> None:
    provider = Provider(known={"a": "hard_bounced"})
    at = await desk(pool, provider)
    await record(at, ["a"])
    await pool.execute("update landed.message set recipient = '+447700900001'")
    await poll(at, "w", budget())

    assert await pool.fetchval("select landed.is_blocked('sms', '+447700900001')")
    assert not await pool.fetchval("select landed.is_blocked('email', '+447700900001')")


@pytest.mark.parametrize("word", ["hard_bounced", "delivered"])
async def test_a_bounce_heard_before_the_recipient_is_known_blocks_the_address_once_it_is(
    pool: Pool, word: str
) -> None:
    await say(pool, reference="mine", provider_id="a")
    await take(pool)
    at = await desk(pool, Provider(known={"a": word}))
    await pool.execute("update landed.watch set next_look_at = now()")
    await poll(at, "w", budget())
    before = await pool.fetchval("select count(*) from landed.suppression")
    await say(pool, reference="mine", recipient="+44 7700 900001")
    await take(pool)

    assert before == 0
    assert await pool.fetchval("select landed.is_blocked('sms', '+447700900001')") == (word == "hard_bounced")


async def test_what_is_filled_in_later_blocks_nothing_anew(pool: Pool) -> None:
    await say(pool, reference="mine", provider_id="a", recipient="+447700900001")
    await take(pool)
    at = await desk(pool, Provider(known={"a": "hard_bounced"}))
    await pool.execute("update landed.watch set next_look_at = now()")
    await poll(at, "w", budget())
    await say(pool, reference="mine", recipient="+447700900001", communication="spring")
    await take(pool)

    assert await pool.fetchval("select count(*) from landed.suppression") == 1


def test_nothing_more_blocks_unless_it_is_asked_for() -> None:
    assert account().triggers.get(Channel.SMS, Triggers()) == Triggers()
