"""Files of all messages: by COPY, stretch by stretch, they hold what a list of the same messages does, newest first."""

import csv
import io
import json
from collections.abc import Collection
from datetime import datetime, timedelta

import asyncpg
import pytest

from rules.statuses import Channel
from store import everywhere, exports, exports_everywhere, listing
from store.everywhere import Search, Sought
from store.exports import Form
from store.listing import Filter, Span, Way
from tests.store.test_exports import AWKWARD, WORDS, number
from tests.store.written import NOW, account, record, recording

__all__ = ["number"]


async def file(db: asyncpg.Connection, sought: Sought, form: Form, **given: object) -> str:
    pieces = exports_everywhere.export(db, sought, WORDS, form, **given)  # type: ignore[arg-type]
    return b"".join([piece async for piece in pieces]).decode()


async def others(db: asyncpg.Connection) -> None:
    """Messages of another account and of no communication, recorded an hour later, with a gap in the ids."""
    await db.execute("select setval('landed.message_id', nextval('landed.message_id') + 50)")
    zenith = await account(db, "zenith")
    await record(db, [recording(zenith, f"Z{n}", channel=Channel.PUSH) for n in range(5)], NOW + timedelta(hours=1))


def bounced(ways: Collection[Way]) -> frozenset[Way]:
    """Those in which something was wrong."""
    return frozenset(way for way in ways if way.reason)


SOUGHT = {
    "everything": Sought(Filter()),
    "channel": Sought(Filter(channel=Channel.SMS)),
    "ways": Sought(Filter(), chosen=bounced),
    "since": Sought(Filter(), Span(since=NOW + timedelta(minutes=30))),
    "until": Sought(Filter(channel=Channel.EMAIL), Span(until=NOW + timedelta(minutes=30)), bounced),
    "nothing": Sought(Filter(), chosen=lambda ways: frozenset(list(ways)[:0])),
}


@pytest.mark.usefixtures("number")
@pytest.mark.parametrize("name", SOUGHT)
@pytest.mark.parametrize("form", list(Form))
async def test_what_copy_writes_goes_through_python_as_the_same(
    db: asyncpg.Connection, monkeypatch: pytest.MonkeyPatch, name: str, form: Form
) -> None:
    await others(db)
    monkeypatch.setattr(exports, "STRETCH", 7)
    monkeypatch.setattr(everywhere, "AT_ONCE", 4)
    by_copy = await file(db, SOUGHT[name], form)
    through_python = await file(db, SOUGHT[name], form, shown=lambda line: line)

    match form:
        case Form.NDJSON:
            assert [_same(one) for one in by_copy.splitlines()] == [_same(one) for one in through_python.splitlines()]
        case Form.CSV:
            assert list(csv.reader(io.StringIO(by_copy, newline=""))) == list(
                csv.reader(io.StringIO(through_python, newline=""))
            )
        case Form.IDS:
            # A line break in a name is written as two characters by COPY.
            assert by_copy.replace("\\n", "\n").replace("\\t", "\t").replace("\\r", "\r") == through_python


def _same(text: str) -> dict[str, object]:
    return {
        name: datetime.fromisoformat(value) if name.endswith("_at") and isinstance(value, str) else value
        for name, value in json.loads(text).items()
    }


@pytest.mark.usefixtures("number")
async def test_everything_is_there_once_and_the_newest_first(
    db: asyncpg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    await others(db)
    monkeypatch.setattr(exports, "STRETCH", 7)
    expected = [row["id"] for row in await db.fetch("select id from landed.message order by id desc")]
    found = [json.loads(line) for line in (await file(db, Sought(Filter()), Form.NDJSON)).split("\n") if line]

    assert [one["id"] for one in found] == expected
    assert len(found) == len(AWKWARD) + 5
    assert {one["communication"] for one in found} == {None, "launch"}


@pytest.mark.usefixtures("number")
async def test_what_is_searched_is_narrowed_by_all_else(db: asyncpg.Connection) -> None:
    await others(db)
    row = await db.fetchrow("select * from landed.message where recipient = '+447700900123'")
    assert row is not None
    search = Search("+447700900123", "+447700900123")
    other = Channel.EMAIL if row["channel"] == Channel.SMS else Channel.SMS
    found = {
        name: [one["id"] for one in (await everywhere.older(db, sought, 10)).rows]
        for name, sought in {
            "alone": Sought(Filter(), search=search),
            "account": Sought(Filter(account=row["account"]), search=search),
            "another account": Sought(Filter(account=await account(db, "zenith")), search=search),
            "another channel": Sought(Filter(channel=other), search=search),
            "later": Sought(Filter(), Span(since=NOW + timedelta(minutes=1)), search=search),
            "earlier": Sought(Filter(), Span(until=NOW), search=search),
            "another way": Sought(Filter(), chosen=lambda _: frozenset(), search=search),
            "not searched": Sought(Filter(), search=Search("+447700900123")),
        }.items()
    }

    assert [name for name, ids in found.items() if ids] == ["alone", "account"]
    assert found["alone"] == found["account"] == [row["id"]]


async def test_an_empty_database_gives_empty_files(db: asyncpg.Connection) -> None:
    assert await file(db, Sought(Filter()), Form.NDJSON) == ""
    assert (await file(db, Sought(Filter()), Form.CSV)).strip() == ",".join(exports_everywhere.ALL_COLUMNS)


@pytest.mark.usefixtures("number")
async def test_the_time_of_a_place_is_that_of_the_next_message(db: asyncpg.Connection) -> None:
    await others(db)
    last = await db.fetchval("select max(id) from landed.message")

    assert await listing.recorded_at(db, None, 0) == NOW
    assert await listing.recorded_at(db, None, last - 20) == NOW + timedelta(hours=1)
    assert await listing.recorded_at(db, await account(db, "acme"), last) is None
