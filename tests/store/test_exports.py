"""Files of everything that is filtered: what they hold, that they are safe, and that nobody waits for who left."""

import asyncio
import csv
import io
import json
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import asyncpg
import pytest

from rules import vocabularies
from rules.cells import safe
from rules.reports import Word
from rules.statuses import Channel, Engagement, Reason, Source, Status
from store import exports, messages, reports
from store.exports import Form
from store.listing import Filter, Way
from store.reporting import COLUMNS, Line, line
from store.reports import Said
from tests.store.written import NOW, account, record, recording

#: It does not depend on the interpreter.
pytestmark = pytest.mark.once

WORDS = vocabularies.read((Path(__file__).parents[2] / "config" / "vocabularies" / "crisis.toml").read_text("utf-8"))

EVERYTHING = Filter()

AWKWARD = ['=cmd|"/c calc"!A1', "+44 77", "+447700900123", "-1.5", "@here", "\ttab", "a,b", 'say "hi"', "back\\slash",
           "line\nbreak", "ümläut", "\rreturn", "plain", "+", "-1.", ""]  # fmt: skip


@pytest.fixture
async def number(db: asyncpg.Connection) -> int:
    """A communication whose texts are awkward in every kind of file."""
    which = await account(db)
    await record(
        db,
        [
            recording(
                which,
                f"id{n}{text}",
                reference=f"{text}{n}" if n % 4 else None,
                recipient="hashed:" + "0" * 31 + "a" if n == 5 else text,
                channel=[Channel.EMAIL, Channel.SMS][n % 2],
                communication="launch",
                part=text[:2],
            )
            for n, text in enumerate(AWKWARD)
        ],
    )
    at = NOW + timedelta(milliseconds=500)
    said = [
        Said(Word(Status.FAILED.bit, at, Reason.SPAM, text), f"id{n}{text}", text[:2])
        if n % 3
        else Said(
            Word(Status.DELIVERED.bit | Engagement.RESPONDED.bit, at, response=text, attempts=2, attempt_at=at),
            f"id{n}{text}",
            text[:2],
        )
        for n, text in enumerate(AWKWARD)
    ]
    await reports.apply(db, which, Source.POLL, NOW, said)
    found = await messages.communication(db, "launch")
    assert found is not None
    return found


async def file(db: asyncpg.Connection, number: int, form: Form, wanted: Filter = EVERYTHING, **given: object) -> str:
    pieces = exports.export(db, number, wanted, WORDS, form, **given)  # type: ignore[arg-type]
    return b"".join([piece async for piece in pieces]).decode()


async def lines(db: asyncpg.Connection, number: int) -> list[Line]:
    return [line(WORDS, row) async for row in messages.all_of(db, number)]


async def test_csv_by_copy_is_what_the_command_line_writes(db: asyncpg.Connection, number: int) -> None:
    expected = [list(COLUMNS), *([safe(one.fields[name]) for name in COLUMNS] for one in await lines(db, number))]

    found = list(csv.reader(io.StringIO(await file(db, number, Form.CSV), newline="")))

    assert expected == found


@pytest.mark.parametrize("form", list(Form))
async def test_a_file_through_python_holds_the_same(db: asyncpg.Connection, number: int, form: Form) -> None:
    by_copy = await file(db, number, form)
    through_python = await file(db, number, form, shown=lambda one: one)

    if form is Form.NDJSON:
        assert [_same(json.loads(one)) for one in by_copy.splitlines()] == [
            _same(json.loads(one)) for one in through_python.splitlines()
        ]
    elif form is Form.CSV:
        assert list(csv.reader(io.StringIO(by_copy, newline=""))) == list(
            csv.reader(io.StringIO(through_python, newline=""))
        )
    else:
        # A line break in a name is written as two characters by COPY.
        assert by_copy.replace("\\n", "\n").replace("\\t", "\t").replace("\\r", "\r") == through_python


def _same(row: dict[str, object]) -> dict[str, object]:
    """A time is the same however it is written."""
    return {
        name: datetime.fromisoformat(value) if name.endswith("_at") and isinstance(value, str) else value
        for name, value in row.items()
    }


async def test_a_line_of_json_has_every_field_as_it_is(db: asyncpg.Connection, number: int) -> None:
    found = [json.loads(one) for one in (await file(db, number, Form.NDJSON)).split("\n") if one]

    assert [one.fields["recipient"] for one in await lines(db, number)] == [row["recipient"] for row in found]
    assert {"id", *COLUMNS} == set(found[0])
    assert [f"{text}{n}" if n % 4 else None for n, text in enumerate(AWKWARD)] == [row["reference"] for row in found]


async def test_only_what_is_filtered_is_in_the_file(db: asyncpg.Connection, number: int) -> None:
    rows = await db.fetch("select * from landed.message where status = $1 order by id", Status.DELIVERED)
    ways = frozenset(Way(row["channel"], row["heard"], row["reason"]) for row in rows)

    found = [json.loads(one)["id"] for one in (await file(db, number, Form.NDJSON, Filter(ways=ways))).splitlines()]

    assert [row["id"] for row in rows] == found


async def test_whoever_may_not_see_everything_gets_what_is_shown(db: asyncpg.Connection, number: int) -> None:
    def shown(one: Line) -> Line:
        return replace(one, fields={**one.fields, "recipient": "***"})

    found = list(csv.DictReader(io.StringIO(await file(db, number, Form.CSV, shown=shown), newline="")))

    assert {"***"} == {row["recipient"] for row in found}


async def test_a_file_of_several_stretches_has_every_message_once(
    db: asyncpg.Connection, number: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = await file(db, number, Form.CSV)
    monkeypatch.setattr(exports, "STRETCH", 3)

    assert whole == await file(db, number, Form.CSV)


@pytest.mark.parametrize("form", list(Form))
async def test_who_leaves_in_the_middle_leaves_a_connection_that_works(
    db: asyncpg.Connection, number: int, form: Form
) -> None:
    await db.execute(
        "insert into landed.message (id, heard, account, channel, status, communication, status_at, recorded_at,"
        " provider_id) select 1000000 + n, 2, 1, 2, 1, $1, now(), now(), 'more' || n"
        " from generate_series(1, 50000) as n",
        number,
    )
    pieces = exports.export(db, number, Filter(), WORDS, form)
    first = await anext(pieces)
    async with asyncio.timeout(60):
        await pieces.aclose()

    assert first
    assert await db.fetchval("select count(*) from landed.message") == 50_000 + len(AWKWARD)
