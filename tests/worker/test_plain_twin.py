"""What the statement records of plain rows is what `worker.admission` would have had recorded: the two are twins."""

import random
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg
import pytest

from rules.hashing import Hashing
from rules.schedules import Schedule
from rules.statuses import Channel
from store.connections import Pool
from tests.worker.pretend import Provider, account, desk
from worker import plain
from worker.accounts import Account
from worker.intake import Taken, intake

#: It does not depend on the interpreter.
pytestmark = pytest.mark.once

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
LATER = datetime(2036, 11, 24, 12, tzinfo=UTC)

#: Values of each column, the usual ones first, which come most often.
VALUES: dict[str, tuple[Any, ...]] = {
    "account": ("pretend", "pretend", "other", "parts", "nobody", "", None),
    "channel": ("sms", "sms", "email", "push", "SMS", "pigeon", "", None),
    "recipient": ("+44 7700 (900) 001", "Ann@Example.COM ", "", None, " a.b-c ", "+4477009\u0660"),
    "part": (None, None, None, "", "ann@example.com"),
    "communication": ("May", "May", "June", "", None, "new one", "Other new"),
    "status": (None, None, "sent", "", "pending", "delivered", "failed", "blocked", "Sent", "teleported"),
    "reason": (None, None, None, "", "spam", "whim"),
    "sent_at": (NOW, LATER, None, LATER, NOW - timedelta(days=99), datetime(9950, 1, 1, tzinfo=UTC)),
    "scheduled_at": (None, None, None, LATER + timedelta(hours=1), NOW - timedelta(days=1)),
    "deadline_at": (None, None, None, LATER + timedelta(days=9)),
    "schedule": (None, None, None, "", "often"),
    "acknowledged_at": (None, None, None, None, LATER),
    "responded_at": (None, None, None, None, LATER),
    "response": (None, None, None, "", "yes"),
    "opted_out_at": (None, None, None, None, LATER),
}


Written = Mapping[str, list[tuple[Any, ...]]]


def accounts() -> list[Account]:
    """Accounts with terms of their own; nothing is left to chance."""
    often = Schedule((timedelta(seconds=20),), timedelta(hours=1), jitter=0)
    seldom = Schedule((timedelta(hours=30),), None, jitter=0)
    other = replace(account("other", retention=timedelta(hours=5), lag=timedelta(minutes=3)))
    return [
        replace(account(), schedules=dict.fromkeys(Channel, often), named_schedules={"often": seldom}),
        replace(other, schedules=dict.fromkeys(Channel, seldom), allowances={Channel.SMS: timedelta(hours=7)}),
        replace(account("parts", parts=True), schedules=dict.fromkeys(Channel, often)),
    ]


def rows(seed: int) -> list[tuple[Any, ...]]:
    """Rows of which most are plain. Some share a name with others."""
    chance = random.Random(seed)  # noqa: S311 - the same each time
    found = []
    for number in range(300):
        odd = chance.random() < 0.5
        said = {column: chance.choice(values) if odd else values[0] for column, values in VALUES.items()}
        near = number - chance.choice((0, 0, 0, 1, 7))
        spelled = chance.choice((f"SM{near}", f"SM{near}", f" sp{number} ", f"a b{number}", "", None, f"é{number}"))
        ours = chance.choice((f"order-{near}", f"order-{near}", "", None, f" {number} "))
        found.append((number, NOW, spelled, ours, *said.values()))
    return found


async def taken_in(pool: Pool, said: list[tuple[Any, ...]]) -> tuple[Taken, Written]:
    """What intake makes of these rows in an empty database."""
    await pool.execute(
        "truncate landed.message, landed.watch, landed.event, landed.stray, landed.communication, landed.suppression"
    )
    await pool.execute("insert into landed.communication (name) values ('May'), ('June')")
    await pool.execute(
        "insert into landed.suppression (channel, recipient, bits, sent_at) values (2, '+447700900001', 0, $1)", NOW
    )
    configured = {one.name: one for one in accounts()}
    numbers = {name: (await desk(pool, Provider(), one)).number for name, one in configured.items()}
    await say(pool, said)
    taken = await intake(pool, configured, numbers)
    return taken, await written(pool)


async def say(pool: Pool, said: list[tuple[Any, ...]]) -> None:
    """A sender's COPY."""
    columns = ["id", "received_at", "provider_id", "reference", *VALUES]
    await pool.copy_records_to_table("inbox", schema_name="landed", columns=columns, records=said)


async def written(pool: Pool) -> Written:
    """What intake has written, by kind."""
    return {what: sorted(map(tuple, await pool.fetch(query)), key=repr) for what, query in WRITTEN.items()}


#: All that is written, but for numbers, and for the time at which it was.
WRITTEN = {
    "messages": """
        select coalesce(provider_id, ''), coalesce(reference, ''), part, account, channel, recipient, provider_id,
            reference, c.name, schedule, sent_at, scheduled_at, deadline_at, heard, prev_heard, status, prev_status,
            status_at, reason, cause_at, code, attempts, last_attempt_at, acknowledged_at, responded_at, response,
            response_at, opted_out_at
        from landed.message m
        left join landed.communication c on c.id = m.communication
    """,
    "watches": """
        select m.provider_id, m.reference, m.part, w.provider_id, w.reference, w.part, w.account, w.channel, w.schedule,
            w.heard, w.allowance, w.looks, w.sent_at, w.deadline_at, w.looked_at, w.said, w.found,
            case when w.next_look_at <> m.recorded_at then w.next_look_at end
        from landed.watch w
        join landed.message m on m.account = w.account and m.id = w.id
    """,
    "events": """
        select m.provider_id, m.reference, m.part, e.account, e.kind, e.from_status, e.reason, e.source, e.applied,
            e.code, e.detail, e.occurred_at, e.seen_at = m.recorded_at
        from landed.event e
        join landed.message m on m.account = e.account and m.id = e.message
    """,
    "strays": "select received_at, problem, account, said from landed.stray",
}


@pytest.mark.parametrize("seed", range(4))
async def test_rows_are_taken_in_alike_whether_the_plain_ones_come_to_us_or_not(
    pool: Pool, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    said = rows(seed)
    where_they_are = await taken_in(pool, said)
    monkeypatch.setattr(plain, "routes", lambda *_: plain.NONE)
    by_us = await taken_in(pool, said)

    assert where_they_are == by_us
    assert where_they_are[0].new > 100


def plain_rows(many: int) -> list[tuple[Any, ...]]:
    """Rows of which nothing but the usual is said."""
    usual = [values[0] for values in VALUES.values()]
    return [(number, NOW, f"SM{number}", f"order-{number}", *usual) for number in range(many)]


async def test_plain_rows_never_come_to_us(pool: Pool, monkeypatch: pytest.MonkeyPatch) -> None:
    came: list[object] = []
    monkeypatch.setattr("worker.intake.admit", lambda row, *_: came.append(row))
    taken, found = await taken_in(pool, plain_rows(1001))

    assert taken == Taken(rows=1001, new=1001)
    assert [len(rows) for rows in found.values()] == [1001, 1001, 1001, 0]
    assert came == []


async def test_a_plain_row_about_a_known_message_changes_nothing(pool: Pool) -> None:
    _, first = await taken_in(pool, plain_rows(100))
    await say(pool, plain_rows(100))
    number = await pool.fetchval("select id from landed.account where name = 'pretend'")
    again = await intake(pool, {"pretend": accounts()[0]}, {"pretend": number})

    assert again == Taken(rows=100, known=100)
    assert await written(pool) == first


async def test_jitter_spreads_first_looks_between_the_earliest_and_the_latest(pool: Pool) -> None:
    asking = replace(account(), schedules={Channel.SMS: Schedule((timedelta(minutes=10),), None, jitter=0.5)})
    number = (await desk(pool, Provider(), asking)).number
    await pool.execute(
        "insert into landed.inbox (account, channel, provider_id, sent_at)"
        " select 'pretend', 'sms', 'a' || n, $1 from generate_series(1, 200) as n",
        LATER,
    )
    await intake(pool, {"pretend": asking}, {"pretend": number})
    ages = [row[0] for row in await pool.fetch("select next_look_at - sent_at from landed.watch order by 1")]

    assert timedelta(minutes=10) <= ages[0] < timedelta(minutes=11)
    assert timedelta(minutes=14) < ages[-1] <= timedelta(minutes=15)


async def test_reports_that_came_before_a_plain_row_are_joined_when_it_is_recorded(
    pool: Pool, db: asyncpg.Connection
) -> None:
    at = await desk(pool, Provider())
    await db.execute(
        "insert into landed.early (account, source, top, reason, attempts, bits, blocks, at, provider_id, part, code,"
        " response, detail) values ($1, 2, 15, 0, 0, 32768, 0, $2, 'a', '', '', '', '')",
        at.number,
        NOW,
    )
    await db.execute("insert into landed.inbox (account, channel, provider_id) values ('pretend', 'sms', 'a')")
    await intake(pool, {"pretend": at.account}, {"pretend": at.number})

    assert await db.fetchval("select status from landed.messages") == "delivered"
    assert await db.fetchval("select count(*) from landed.early") == 0


def test_where_recipients_may_become_hashes_no_row_is_plain() -> None:
    known = {"pretend": account()}

    assert plain.routes(known, {"pretend": 1}, Hashing("key")) == plain.NONE
    assert plain.routes(known, {"pretend": 1}, Hashing()) != plain.NONE
