"""Every query fits the schema; those that run all day use their index, and applying rewrites no index."""

import json
import random
import re
from collections.abc import AsyncIterator, Iterator
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import asyncpg
import pytest

from embedded import Urls
from rules.reports import Word
from rules.statuses import Reason, Source, Status
from store import reports
from store.queries import FOLDER, Queries, files
from store.reports import Said
from tests.store.written import NOW, account, record, recording

#: Enough for the planner to mind.
MANY = 10_000


@pytest.fixture(scope="module")
async def filled(servers: Urls, admin: asyncpg.Connection, template: str) -> AsyncIterator[asyncpg.Connection]:
    """A connection to a database with many messages of three accounts, as many watches, and what belongs to them."""
    name = f"landed_filled_{uuid4().hex}"
    await admin.execute(f'create database "{name}" template "{template}"')
    connection = await asyncpg.connect(urlsplit(servers.database)._replace(path=f"/{name}").geturl())
    await connection.execute(FILL.replace("MANY", str(MANY)))
    yield connection
    await connection.close()
    await admin.execute(f'drop database "{name}" with (force)')


FILL = """
insert into landed.account (name, adapter) values ('one', 'acme'), ('two', 'acme'), ('three', 'acme');
insert into landed.message (id, heard, account, channel, status, communication, status_at, recorded_at, deadline_at,
    sent_at, provider_id, reference, recipient)
select n, 2, 1 + n % 3, 2, 1, 1 + n % 50, t, t, t + interval '2 days', t, 'SM' || md5(n::text), 'order-' || n,
    '+4477009' || n
from (select n, now() - n * interval '1 second' as t from generate_series(1, MANY) as n) as x;
insert into landed.watch (id, account, channel, heard, sent_at, deadline_at, next_look_at, provider_id, reference)
select id, account, channel, heard, sent_at, deadline_at, sent_at + interval '1 hour', provider_id, reference
from landed.message;
insert into landed.event (occurred_at, message, account, kind, source, applied) select sent_at, id, account, 1, 1, true
from landed.message;
insert into landed.early (account, source, top, reason, attempts, bits, blocks, at, provider_id, part, code, response,
    detail)
select 1, 2, 15, 0, 0, 32768, 0, now(), 'other' || n, '', '', '', '' from generate_series(1, MANY) as n;
insert into landed.suppression (channel, recipient, bits, sent_at)
select 2, '+4477009' || n, 0, now() from generate_series(1, 8 * MANY) as n;
insert into landed.settling (at, account, channel, kind, messages, looks, missed, froms, untils)
select now() - n * interval '1 minute', 1 + n % 3, 2, 1, 1, 1, 0, '{5}', '{9}' from generate_series(1, MANY) as n;
insert into landed.inbox (account, channel, provider_id) select 'one', 'sms', 'new' || n
from generate_series(1, MANY) as n;
analyze;
"""


@pytest.mark.parametrize(("file", "name"), [(file, name) for file in files() for name in Queries(file).names()])
async def test_every_query_fits_the_schema(filled: asyncpg.Connection, file: str, name: str) -> None:
    prepared = await filled.prepare(getattr(Queries(file), name))
    described = re.search(rf"^-- name: {name}\n((?:--.*\n)*)", (FOLDER / f"{file}.sql").read_text(), re.MULTILINE)
    assert described is not None
    numbers = {int(number) for number in re.findall(r"\$(\d+)", described[1])}

    assert numbers == set(range(1, len(prepared.get_parameters()) + 1))


def nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for part in plan.get("Plans", ()):
        yield from nodes(part)


def indexes(plan: str) -> set[str]:
    """The indexes that a plan uses, those of partitions without the day."""
    used = {node["Index Name"] for node in nodes(json.loads(plan)[0]["Plan"]) if "Index Name" in node}
    return {re.sub(r"^(event|look)_(default|\d{8})", r"\1", name) for name in used}


def read_whole(plan: str) -> set[str]:
    """The tables that a plan reads from one end to the other."""
    found = {node["Relation Name"] for node in nodes(json.loads(plan)[0]["Plan"]) if node["Node Type"] == "Seq Scan"}
    return found - {"account", "archived", "communication", "unblocking"}


#: A thousand of anything, as in a batch.
IDS = list(range(1, 1001))
NAMES = [f"SM{number}" for number in IDS]
WORDS: list[list[Any]] = [
    [2] * 1000, [1] * 1000, [NOW] * 1000, [0] * 1000, [""] * 1000, [0] * 1000, [None] * 1000, [""] * 1000,
    [""] * 1000, [0] * 1000,
]  # fmt: skip
HOUR = timedelta(hours=1)
LATER = NOW + timedelta(days=365)
EARLIER = NOW - timedelta(days=36500)

#: Query, what it is asked, and the indexes it must use.
DAILY: list[tuple[str, str, list[Any], set[str]]] = [
    ("watches", "claim", [1, NOW, 1000, EARLIER, NOW], {"watch_due"}),
    ("watches", "waiting", [1, NOW, EARLIER, 1000], {"watch_due"}),
    (
        "watches",
        "candidates",
        [1, NOW, EARLIER, NOW, HOUR, 9 * HOUR, 5, 100],
        {"watch_overdue", "watch_due", "watch_pkey"},
    ),
    ("watches", "claim_these", [1, NOW, IDS, 1000, NOW], {"watch_pkey"}),
    ("watches", "last_looks", [1, NOW, HOUR, 9 * HOUR], {"watch_overdue"}),
    ("watches", "looked", [1, NOW, IDS, IDS, [NOW] * 1000, IDS, [True] * 1000], {"watch_pkey"}),
    ("watches", "hand_back", [1, IDS, IDS, [NOW] * 1000], {"watch_pkey"}),
    ("reports", "apply_by_id", [1, NOW, 2, IDS, *WORDS, None], {"message_pkey", "watch_pkey"}),
    ("reports", "apply_by_key", [1, NOW, 2, NAMES, [""] * 1000, *WORDS], {"message_by_provider_id", "watch_pkey"}),
    (
        "reports",
        "settle",
        [1, NOW, 5, EARLIER, 0, 2000, HOUR, 9 * HOUR, HOUR, True, True, True, True, True, NOW],
        {"watch_overdue", "message_pkey", "watch_pkey"},
    ),
    ("reports", "take_early", [1, NAMES, [""] * 1000, 1000], {"early_once", "early_pkey", "message_by_provider_id"}),
    ("messages", "page", [1, 0, 100], {"message_by_communication"}),
    ("messages", "classes", [1], {"message_by_communication"}),
    ("messages", "find", ["7"], {"message_pkey", "message_by_provider_id", "message_by_reference"}),
    ("messages", "near", ["SM7"], {"message_by_provider_id", "message_by_reference"}),
    ("inbox", "take", [1000, (0, 0)], set()),
    ("inbox", "take_plain", [1000, (0, 0), NOW, "{}"], set()),
    ("inbox", "early_among", [[1, 2], 1, 1000], {"message_pkey", "early_once"}),
    ("inbox", "known", [[1] * 1000, NAMES, [""] * 1000, NAMES], {"message_by_provider_id", "message_by_reference"}),
    ("accounts", "askable", [EARLIER, ["one"], ["x"], [False], [EARLIER]], {"watch_due"}),
    ("accounts", "overdue", [EARLIER, ["one"], [EARLIER]], {"watch_overdue"}),
    ("retiming", "page", [1, 0, 1000], {"watch_pkey"}),
    ("retiming", "soon", [1, 0, 1000, "{}", "{}"], {"watch_pkey"}),
    ("retiming", "lately", [1, 0, 1000, LATER], {"watch_pkey"}),
    ("retiming", "retime", [1, IDS, IDS, [NOW] * 1000, [NOW] * 1000], {"watch_pkey"}),
    ("events", "of_message", [1, 7], {"event_message_idx"}),
    ("events", "since", ["1", 0, 1000], {"event_xact_position_idx"}),
    ("following", "since", ["1", 0, 500, True], {"event_xact_position_idx", "message_pkey"}),
    ("suppression", "blocked_among", [[2] * 1000, NAMES], {"suppression_pkey"}),
    ("suppression", "soft_bouncers", [2, NOW, 3, LATER, NOW], {"event_seen_at_idx", "message_by_recipient"}),
    ("suppression", "proof", [2, "a"], {"suppression_pkey"}),
    ("settlings", "totals", [1, LATER], {"settling_by_account"}),
    ("settlings", "forget", [EARLIER], {"settling_by_account"}),
    ("archive", "page", [1, 0, 1000, NOW], {"message_pkey"}),
    ("archive", "take_out", [1, IDS, ["700"] * 1000], {"message_pkey"}),
]


@pytest.mark.parametrize(("file", "name", "arguments", "expected"), DAILY)
async def test_a_query_that_runs_all_day_uses_its_index_whatever_it_is_asked(
    filled: asyncpg.Connection, file: str, name: str, arguments: list[Any], expected: set[str]
) -> None:
    """Postgres runs a prepared query with a plan that knows no arguments, once it has seen some."""
    query = getattr(Queries(file), name)
    plans = [await unknowing(filled, query, len(arguments))]
    if not any(isinstance(argument, list) and len(argument) > 1 for argument in arguments):
        plans.append(await filled.fetchval(f"explain (format json) {query}", *arguments))

    for plan in plans:
        assert expected <= indexes(plan)
        assert read_whole(plan) == set()


async def unknowing(connection: asyncpg.Connection, query: str, arguments: int) -> str:
    """The plan that knows no arguments."""
    await connection.execute(f"set plan_cache_mode = force_generic_plan; prepare this as {query}")
    nothing = f"({', '.join(['null'] * arguments)})" if arguments else ""
    try:
        return str(await connection.fetchval(f"explain (format json) execute this {nothing}"))
    finally:
        await connection.execute("deallocate this; reset plan_cache_mode")


@pytest.mark.parametrize(
    ("name", "names"), [("apply_by_id", [[-1]]), ("apply_by_key", [["nobody"], [""]])], ids=["by id", "by key"]
)
async def test_words_that_come_singly_are_soon_applied_without_planning_each_time(
    filled: asyncpg.Connection, name: str, names: list[list[Any]]
) -> None:
    """Postgres makes five plans that know the arguments, and then compares; planning takes longer than one word."""
    prepared = await filled.prepare(getattr(Queries("reports"), name))
    word = [column[:1] for column in WORDS]
    arguments = [1, NOW, 2, *names, *word, *([None] if name == "apply_by_id" else [])]
    transaction = filled.transaction()
    await transaction.start()
    for _ in range(12):
        await prepared.fetchrow(*arguments)
    await transaction.rollback()
    row = await filled.fetchrow(
        "select custom_plans, generic_plans from pg_prepared_statements where name = $1", prepared.get_name()
    )

    assert row is not None
    assert (row["custom_plans"], row["generic_plans"]) == (5, 7)


async def test_no_index_of_messages_names_what_apply_writes(db: asyncpg.Connection) -> None:
    """It would turn off HOT updates. A condition counts too (courier: a status in a partial index)."""
    changes = re.search(r"-- fragment: changes\n(.*?)\n-- fragment", (FOLDER / "reports.sql").read_text(), re.DOTALL)
    assert changes is not None
    written = set(re.findall(r"^ {8}(\w+) = ", changes[1], re.MULTILINE))
    definitions = await db.fetch(
        "select pg_get_indexdef(indexrelid) from pg_index where indrelid = 'landed.message'::regclass"
    )
    named_columns = {word for row in definitions for word in re.findall(r"\w+", row[0].split(" USING ")[1])}

    assert {"heard", "status", "read_at", "response"} <= written
    assert {"account", "provider_id", "communication"} <= named_columns
    assert written & named_columns == set()


@pytest.mark.parametrize("shuffled", [False, True])
async def test_applying_to_open_messages_is_hot(db: asyncpg.Connection, *, shuffled: bool) -> None:
    """In the order of recording, as windows bring it, and at random."""
    await db.execute("select pg_stat_reset()")
    number = await account(db)
    names = [f"SM{n:032x}" for n in range(3000)]
    given = {"communication": "May", "recipient": "+447700900001"}
    await record(db, [recording(number, name, reference=f"order-{name[-6:]}", **given) for name in names])
    for word in (
        Word(Status.DEFERRED.bit, NOW, Reason.UNREACHABLE, "30003", 1, NOW),
        Word(Status.DELIVERED.bit, NOW + timedelta(minutes=1), attempts=2, attempt_at=NOW),
    ):
        if shuffled:
            random.Random(1).shuffle(names)  # noqa: S311 - an order, guards nothing
        await reports.apply(db, number, Source.POLL, NOW, [Said(word, name) for name in names])

    await db.execute("select pg_stat_force_next_flush()")
    row = await db.fetchrow("select n_tup_upd, n_tup_hot_upd from pg_stat_user_tables where relname = 'message'")
    assert row is not None
    assert row["n_tup_upd"] == 6000
    assert row["n_tup_hot_upd"] >= 0.95 * 6000
