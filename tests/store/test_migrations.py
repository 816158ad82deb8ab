"""Migrations run once each, whoever starts them; and the words in SQL are those of the rules."""

import asyncio
import re
from collections.abc import AsyncIterator
from enum import IntEnum
from urllib.parse import urlsplit
from uuid import uuid4

import asyncpg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from embedded import Urls
from rules.recipients import normal
from rules.statuses import Channel, Engagement, Mark, Reason, Source, Status
from store import migrations, suppression
from store.migrations import FOLDER, NewerDatabase, known, migrate, pending
from store.suppression import Fact
from tests.store.written import NOW


@pytest.fixture
async def empty(servers: Urls, admin: asyncpg.Connection) -> AsyncIterator[str]:
    """The URL of a database without anything of ours."""
    name = f"landed_empty_{uuid4().hex}"
    await admin.execute(f'create database "{name}"')
    yield urlsplit(servers.database)._replace(path=f"/{name}").geturl()
    await admin.execute(f'drop database "{name}" with (force)')


async def test_a_fresh_database_gets_every_migration_and_a_second_run_does_nothing(empty: str) -> None:
    connection = await asyncpg.connect(empty)
    first = await pending(connection)
    done = await migrate(connection)
    again = await migrate(connection)
    rows = await connection.fetch("select number, name from landed.migration order by number")
    await connection.close()

    assert first == done == known()
    assert again == []
    assert [tuple(row) for row in rows] == [(one.number, one.name) for one in known()]


async def test_of_two_that_start_at_once_one_migrates_and_the_other_finds_it_done(empty: str) -> None:
    connections = [await asyncpg.connect(empty) for _ in range(3)]
    done = await asyncio.gather(*(migrate(connection) for connection in connections))
    for connection in connections:
        await connection.close()

    assert sorted(len(one) for one in done) == [0, 0, len(known())]


async def test_a_migration_that_fails_leaves_nothing_behind(empty: str, monkeypatch: pytest.MonkeyPatch) -> None:
    broken = [*known(), migrations.Migration(9999, "broken", "create table landed.half (); select nonsense")]
    monkeypatch.setattr(migrations, "known", lambda: broken)
    connection = await asyncpg.connect(empty)
    with pytest.raises(asyncpg.UndefinedColumnError):
        await migrate(connection)
    left = await connection.fetchval("select to_regnamespace('landed')")
    await connection.close()

    assert left is None


async def test_the_database_of_a_newer_program_is_refused_and_left_as_it_is(db: asyncpg.Connection) -> None:
    await db.execute("insert into landed.migration (number, name) values (9000, 'later')")

    with pytest.raises(NewerDatabase, match=r"migration 9000.*install that release"):
        await migrate(db)
    with pytest.raises(NewerDatabase):
        await pending(db)


def test_migrations_are_numbered_without_a_gap_and_named() -> None:
    names = sorted(path.name for path in FOLDER.iterdir())

    assert all(re.fullmatch(r"\d{4}_[a-z_]+\.sql", name) for name in names)
    assert [one.number for one in known()] == list(range(1, len(names) + 1))


@pytest.mark.parametrize(
    ("function", "words"),
    [
        ("status_word", [*Status, *Engagement, *Mark]),
        ("reason_word", list(Reason)),
        ("channel_word", list(Channel)),
        ("source_word", list(Source)),
    ],
)
async def test_the_words_in_sql_are_those_of_the_rules(
    db: asyncpg.Connection, function: str, words: list[Status | Engagement | Mark | Reason | Channel | Source]
) -> None:
    expected = {int(one): one.word or None for one in words}
    numbers = range(min(expected), max(expected) + 2)
    rows = await db.fetch(f"select n, landed.{function}(n) as word from unnest($1::smallint[]) as n", list(numbers))  # noqa: S608

    assert {row["n"]: row["word"] for row in rows} == {number: expected.get(number) for number in numbers}


def test_a_set_of_words_has_no_hole() -> None:
    every: list[list[IntEnum]] = [[*Status, *Engagement, *Mark], list(Reason), list(Channel), list(Source)]

    for words in every:
        assert [int(one) for one in words] == list(range(int(words[0]), int(words[0]) + len(words)))


LIKELY = st.text(st.sampled_from("+()-. 019aZ@ßİÉΣé\t\n"), max_size=12)
WRITTEN = LIKELY | st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=20)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(written=st.lists(WRITTEN, min_size=40, max_size=80))
async def test_recipients_are_spelt_in_sql_as_in_the_rules(db: asyncpg.Connection, written: list[str]) -> None:
    rows = await db.fetch("select landed.normal_recipient(x) as normal from unnest($1::text[]) as x", written)

    assert [row["normal"] for row in rows] == [normal(one) for one in written]


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(written=st.lists(WRITTEN, min_size=20, max_size=40), channel=st.sampled_from(Channel))
async def test_an_address_is_blocked_however_it_is_written(
    db: asyncpg.Connection, written: list[str], channel: Channel
) -> None:
    await db.execute("truncate landed.suppression")
    blocked = {normal(one) for one in written[::2]}
    await suppression.add(db, [(Fact(channel, one), NOW) for one in blocked], NOW, "someone")
    asked = "select landed.is_blocked($2, x) as blocked from unnest($1::text[]) as x"
    rows = await db.fetch(asked, written, channel.word.upper())

    assert [row["blocked"] for row in rows] == [normal(one) in blocked for one in written]
    other = next(one for one in Channel if one is not channel)
    assert not any(row["blocked"] for row in await db.fetch(asked, written, other.word))


@pytest.mark.parametrize("channel", ["smss", "", None])
async def test_an_unknown_channel_is_an_error_so_that_a_mistyped_one_is_noticed(
    db: asyncpg.Connection, channel: str | None
) -> None:
    with pytest.raises(asyncpg.RaiseError, match=r"unknown channel .*use email, sms"):
        await db.fetchval("select landed.is_blocked($1, 'ann@example.org')", channel)
