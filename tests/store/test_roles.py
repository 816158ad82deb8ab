"""Each role can do its own work and nothing else."""

import io
from collections.abc import AsyncIterator
from datetime import UTC, date, datetime, timedelta
from urllib.parse import urlsplit
from uuid import uuid4

import asyncpg
import pytest

from embedded import Urls
from rules.reports import Word
from rules.statuses import Source, Status
from store import accounts, archive, events, inbox, journal, messages, quota, reports, slices, suppression, watches
from store.connections import clock
from store.migrations import create_roles, migrate
from store.reports import Said
from store.suppression import Fact
from store.watches import BEGINNING
from tests.store.written import NOW, record, recording
from worker.sweep import GONE

#: All that a sender may say.
SAID = [
    *("received_at", "account", "channel", "recipient", "provider_id", "part", "reference", "communication", "status"),
    *("reason", "sent_at", "scheduled_at", "deadline_at", "schedule", "acknowledged_at", "responded_at", "response"),
    "opted_out_at",
]


@pytest.fixture
async def roles(db: asyncpg.Connection) -> AsyncIterator[asyncpg.Connection]:
    """A connection to a database with the roles, which it may take on. They are the server's, so they are kept."""
    await create_roles(db)
    yield db
    await db.execute("reset role")


async def may(connection: asyncpg.Connection, statement: str) -> bool:
    """Whether the role may run a statement; nothing of it stays."""
    transaction = connection.transaction()
    await transaction.start()
    try:
        await connection.execute(statement)
    except asyncpg.InsufficientPrivilegeError:
        return False
    finally:
        await transaction.rollback()
    return True


async def rights(connection: asyncpg.Connection, role: str) -> set[tuple[str, str]]:
    """What a role may do with tables, views, sequences and with functions that act as their owner: (name, right)."""
    rows = await connection.fetch(
        """
        select relname as name, r as right
        from pg_class c, unnest(array['select', 'insert', 'update', 'references']) as r
        where relnamespace = 'landed'::regnamespace and relkind in ('r', 'p', 'v')
            and has_any_column_privilege($1, c.oid, r)
        union all
        select relname, r
        from pg_class c, unnest(array['delete', 'truncate', 'trigger']) as r
        where relnamespace = 'landed'::regnamespace and relkind in ('r', 'p', 'v') and has_table_privilege($1, c.oid, r)
        union all
        select relname, r
        from pg_class c, unnest(array['select', 'usage', 'update']) as r
        where relnamespace = 'landed'::regnamespace and relkind = 'S' and has_sequence_privilege($1, c.oid, r)
        union all
        select proname, 'execute'
        from pg_proc p
        where pronamespace = 'landed'::regnamespace and prosecdef and has_function_privilege($1, p.oid, 'execute')
        """,
        role,
    )
    return {(row["name"], row["right"]) for row in rows}


async def test_making_the_roles_again_changes_nothing(roles: asyncpg.Connection) -> None:
    query = "select relname, relacl::text from pg_class where relnamespace = 'landed'::regnamespace order by relname"
    before = await roles.fetch(query)
    await create_roles(roles)

    assert await roles.fetch(query) == before


async def test_a_sender_says_everything_by_insert_and_by_copy(roles: asyncpg.Connection) -> None:
    await roles.execute("set role landed_sender")
    await roles.execute("insert into landed.inbox (account, channel, provider_id) values ('acme', 'sms', 'a')")
    values = [None if name == "received_at" else NOW if name.endswith("_at") else name for name in SAID]
    values[0] = NOW
    places = ", ".join(f"${number}" for number in range(1, len(SAID) + 1))
    await roles.execute(f"insert into landed.inbox ({', '.join(SAID)}) values ({places})", *values)  # noqa: S608
    await roles.copy_records_to_table("inbox", schema_name="landed", columns=SAID, records=[values])
    await roles.copy_to_table(
        "inbox",
        schema_name="landed",
        columns=["account", "provider_id"],
        source=io.BytesIO(b"acme\tb\n"),
        format="text",
    )
    await roles.execute("reset role")

    assert await roles.fetchval("select count(*) from landed.inbox") == 4
    assert await roles.fetchval("select count(*) from landed.inbox where response = 'response'") == 2


async def test_a_sender_asks_what_is_blocked_and_nothing_else(roles: asyncpg.Connection) -> None:
    await suppression.add(roles, [(Fact(2, "+447700900001"), NOW)], NOW, "someone")
    await roles.execute("set role landed_sender")

    assert await roles.fetchval("select landed.is_blocked('sms', '+44 7700 900001')")
    assert await rights(roles, "landed_sender") == {("inbox", "insert"), ("is_blocked", "execute")}
    for statement in (
        "insert into landed.inbox (account) values ('acme') returning account",
        "insert into landed.inbox (id, account) overriding system value values (1, 'acme')",
        "select from landed.inbox",
        "select landed.drop_partitions('event', current_date)",
        "create table landed.mine ()",
    ):
        assert not await may(roles, statement), statement


async def test_a_reader_reads_words_and_no_numbers_and_changes_nothing(roles: asyncpg.Connection) -> None:
    views = await roles.fetch("select viewname from pg_views where schemaname = 'landed'")
    expected = {(row["viewname"], "select") for row in views} | {("is_blocked", "execute")}
    await roles.execute("set role landed_reader")

    assert await rights(roles, "landed_reader") == expected
    assert len(views) == 3
    assert await may(roles, "select * from landed.messages, landed.events, landed.blocked")
    assert not await may(roles, "select from landed.message")


#: A day before any history of these tests.
LONG_AGO = date(2020, 1, 1)


async def test_a_worker_does_all_its_work(roles: asyncpg.Connection) -> None:
    """Taking in, asking, applying, settling, upkeep; it owns no table."""
    await roles.execute("set role landed_worker")
    now = await clock(roles)
    number = (await accounts.ensure(roles, {"acme": "acme"}))["acme"]
    held = await accounts.lease(roles, "acme", "me", now, now + timedelta(minutes=1))
    await roles.execute("insert into landed.inbox (account, channel, provider_id) values ('acme', 'sms', 'a')")
    async with roles.transaction():
        await inbox.take(roles, 10)
        await inbox.record(roles, now, [recording(number, "a", recipient="+1", communication="May", next_look_at=now)])
    claimed = await watches.claim(roles, number, now, 10, now + timedelta(minutes=1))
    await watches.hand_back(roles, number, claimed, now)
    said = [Said(Word(Status.HARD_BOUNCED.bit, now), name, blocks=0b100) for name in ("a", "early")]
    applied = await reports.apply(roles, number, Source.POLL, now, said)
    await record(roles, [recording(number, "early")])
    joined = await reports.join_all_early(roles, number, now)
    await reports.forget_early(roles, number, now, 10)
    await journal.quarantine(roles, number, {"odd": (1, "a")}, now)
    await journal.keep(roles, number, "drain", journal.Answer({}, 200, {}, b""), None, now)
    await journal.forget(roles, now, 1)
    await journal.look(roles, number, [journal.Look(now, "lookup", "ok", 200, 5)])
    await suppression.unblock(roles, 2, "+1", now, "me", "")
    made = await events.make_partitions(roles, now.date())
    hour = await roles.fetchval(events.QUERIES.make_partition_of_hour, "event", LONG_AGO, 7)
    dropped = await events.drop_partitions(roles, "event", now + timedelta(days=2))
    await events.since(roles, events.Position(), 10)
    await reports.settle(roles, number, now, (BEGINNING, 0), 10, GONE)
    await quota.change(roles, "account a", lambda state, _now: state.blocks)
    await slices.lease(roles, "acme", 1, "me", now, now)
    leaving = [row for row in await archive.page(roles, number, 0, 10, now + timedelta(days=1)) if row["ripe"]]
    left = await archive.take_out(roles, number, [(row["id"], row["version"]) for row in leaving[1:]])

    assert held is not None
    assert (applied.settled, applied.early, joined.settled) == (1, 1, 1)
    # The history of this test lies on a day of its own, which is one of these on some day of the calendar.
    ahead = [events.name(table, now.date() + timedelta(days=day)) for day in range(4) for table in events.TABLES]
    assert set(ahead) <= set(made)
    assert hour
    assert set(dropped) >= {events.name("event", now.date() + timedelta(days=day)) for day in range(2)}
    assert f"{events.name('event', LONG_AGO)}_07" in dropped
    assert left == 1
    assert len(await messages.find(roles, "a")) == 1


async def test_a_worker_makes_no_partition_of_anything_else(roles: asyncpg.Connection) -> None:
    await roles.execute("set role landed_worker")
    day = datetime(2026, 1, 1, tzinfo=UTC).date()

    for parent in ("message", "event; drop table landed.message", "EVENT"):
        with pytest.raises(asyncpg.RaiseError, match="only event and look"):
            await roles.fetchval("select landed.make_partition($1, $2)", parent, day)
        with pytest.raises(asyncpg.RaiseError, match="only event and look"):
            await roles.fetchval("select landed.make_partition_of_hour($1, $2, 1)", parent, day)
        with pytest.raises(asyncpg.RaiseError, match="only event and look"):
            await roles.fetch("select landed.drop_partitions($1, $2)", parent, day)
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await roles.fetchval("select landed.cut_partition('event', 'event_x', $1, $2)", NOW, NOW + timedelta(hours=1))


async def test_a_worker_may_at_once_do_what_a_new_release_needs(
    roles: asyncpg.Connection, servers: Urls, admin: asyncpg.Connection
) -> None:
    """Where the roles are there already, migrating is enough."""
    name = f"landed_roles_{uuid4().hex}"
    await admin.execute(f'create database "{name}"')
    connection = await asyncpg.connect(urlsplit(servers.database)._replace(path=f"/{name}").geturl())
    try:
        await migrate(connection)
        right = await connection.fetchval("select has_table_privilege('landed_worker', 'landed.archived', 'delete')")
    finally:
        await connection.close()
        await admin.execute(f'drop database "{name}" with (force)')

    assert right
    assert await roles.fetchval("select has_table_privilege('landed_worker', 'landed.archived', 'delete')")
