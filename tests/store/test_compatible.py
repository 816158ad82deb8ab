"""Every migration leaves in place what the program of the release before it uses, so that this goes on meanwhile."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from itertools import pairwise
from urllib.parse import urlsplit
from uuid import uuid4

import asyncpg
import pytest

from embedded import Urls
from store.migrations import known

#: It does not depend on the interpreter.
pytestmark = pytest.mark.once

#: What a migration took away that the program before it does not use, by its number, and why that is so.
UNUSED = {
    6: {"unique inbox (id)"},  # nobody names a row of the inbox by its number in `on conflict`
}


@dataclass(frozen=True)
class Shape:
    """What a program relies on: columns with their types, what must be given, and what is refused."""

    columns: dict[str, str]
    required: set[str]
    functions: dict[str, str]
    unique: set[str]
    checks: set[str]


async def shape(connection: asyncpg.Connection) -> Shape:
    async def column(query: str) -> set[str]:
        return {row[0] for row in await connection.fetch(query)}

    return Shape(
        {row[0]: row[1] for row in await connection.fetch(COLUMNS)},
        await column(REQUIRED),
        {row[0]: row[1] for row in await connection.fetch(FUNCTIONS)},
        await column(UNIQUE),
        await column(CHECKS),
    )


def broken(before: Shape, after: Shape) -> set[str]:
    """What worked before and does not any more."""
    tables = {name.split(".")[0] for name in before.columns}
    gone = {f"column {name} {kind}" for name, kind in before.columns.items() if after.columns.get(name) != kind}
    gone |= {f"function {name}" for name, kind in before.functions.items() if after.functions.get(name) != kind}
    gone |= {f"unique {name}" for name in before.unique - after.unique}
    gone |= {f"required {name}" for name in after.required - before.required if name.split(".")[0] in tables}
    gone |= {f"refusing {name}" for name in after.checks - before.checks if name.split()[0] in tables}
    gone |= {f"refusing {name}" for name in after.unique - before.unique if name.split()[0] in tables}
    return gone


@pytest.fixture
async def empty(servers: Urls, admin: asyncpg.Connection) -> AsyncIterator[asyncpg.Connection]:
    """A connection to a database in which no migration has run."""
    name = f"landed_empty_{uuid4().hex}"
    await admin.execute(f'create database "{name}"')
    connection = await asyncpg.connect(urlsplit(servers.database)._replace(path=f"/{name}").geturl())
    yield connection
    await connection.close()
    await admin.execute(f'drop database "{name}" with (force)')


async def test_no_migration_takes_from_the_release_before_it_what_that_uses(empty: asyncpg.Connection) -> None:
    """Columns, functions and unique keys stay as they are; nothing new must be given, and nothing more is refused."""
    shapes: list[Shape] = []
    await empty.execute("create schema landed")
    for migration in known():
        await empty.execute(migration.text)
        shapes.append(await shape(empty))
    found = {number: broken(*pair) for number, pair in enumerate(pairwise(shapes), 2)}

    assert {number: gone for number, gone in found.items() if gone} == UNUSED


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ("alter table landed.journal drop column cut", "column journal.cut boolean"),
        ("alter table landed.watch rename column said to heard_last", "column watch.said bigint"),
        ("alter table landed.watch alter column looks type bigint", "column watch.looks integer"),
        ("drop function landed.is_blocked(text, text)", "function is_blocked(text, text)"),
        ("drop index landed.unknown_word_once", "unique unknown_word (account, hashtextextended(word, (0)::bigint))"),
        ("alter table landed.inbox add column more text not null", "required inbox.more"),
        ("alter table landed.inbox alter column account set not null", "required inbox.account"),
        ("alter table landed.journal alter column at drop default", "required journal.at"),
        ("alter table landed.watch add check (looks < 100)", "refusing watch CHECK ((looks < 100))"),
        ("create unique index on landed.communication (lower(name))", "refusing communication (lower(name))"),
    ],
)
async def test_what_breaks_a_running_program_is_found(db: asyncpg.Connection, change: str, expected: str) -> None:
    before = await shape(db)
    transaction = db.transaction()
    await transaction.start()
    await db.execute(change)
    after = await shape(db)
    await transaction.rollback()

    assert broken(before, after) == {expected}


async def test_what_only_adds_breaks_nothing(db: asyncpg.Connection) -> None:
    before = await shape(db)
    async with db.transaction():
        await db.execute("alter table landed.message add column more text, add column most integer not null default 0")
        await db.execute("create table landed.more (id bigint primary key, name text not null unique)")
        await db.execute("create index on landed.message (deadline_at)")

    assert broken(before, await shape(db)) == set()


COLUMNS = """
select c.relname || '.' || a.attname, format_type(a.atttypid, a.atttypmod)
from pg_class c join pg_attribute a on a.attrelid = c.oid
where c.relnamespace = 'landed'::regnamespace and c.relkind in ('r', 'p', 'v') and not c.relispartition
    and a.attnum > 0 and not a.attisdropped
"""

REQUIRED = """
select c.relname || '.' || a.attname
from pg_class c join pg_attribute a on a.attrelid = c.oid
where c.relnamespace = 'landed'::regnamespace and c.relkind in ('r', 'p') and not c.relispartition
    and a.attnum > 0 and not a.attisdropped and a.attnotnull and not a.atthasdef and a.attidentity = ''
"""

FUNCTIONS = """
select p.proname || '(' || oidvectortypes(p.proargtypes) || ')', pg_get_function_result(p.oid)
from pg_proc p
where p.pronamespace = 'landed'::regnamespace
"""

UNIQUE = """
select c.relname || ' ' || substring(pg_get_indexdef(i.indexrelid) from 'USING btree (.*)$')
from pg_index i join pg_class c on c.oid = i.indrelid
where c.relnamespace = 'landed'::regnamespace and i.indisunique and not c.relispartition
"""

CHECKS = """
select c.relname || ' ' || pg_get_constraintdef(o.oid)
from pg_constraint o join pg_class c on c.oid = o.conrelid
where c.relnamespace = 'landed'::regnamespace and not c.relispartition and o.contype in ('c', 'f', 'x')
"""
