"""What is kept of answers, for how long, and how much of it."""

from datetime import timedelta

import asyncpg
import msgspec
import pytest

from store import journal
from store.journal import LONGEST, Answer, Look
from tests.store.written import NOW, account

HOUR = timedelta(hours=1)


@pytest.fixture
async def number(db: asyncpg.Connection) -> int:
    return await account(db)


def answer(body: bytes) -> Answer:
    return Answer({"shape": "take"}, 200, {"content-type": "text/plain"}, body)


async def bodies(db: asyncpg.Connection) -> list[bytes]:
    return [row["body"] for row in await db.fetch("select body from landed.journal order by id")]


async def test_an_answer_is_kept_to_the_byte_until_it_is_read(db: asyncpg.Connection, number: int) -> None:
    body = b"\x00\xff not text {"
    kept = await journal.keep(db, number, "drain", answer(body), None, NOW)
    (row,) = await journal.unread(db, number, 0, NOW + HOUR, 10)

    assert (row["id"], row["name"], row["kind"], row["body"], row["cut"]) == (kept, "acme", "drain", body, False)
    assert msgspec.json.decode(row["what"]) == {"shape": "take"}
    assert await journal.unread(db, number, 0, NOW, 10) == []
    assert await journal.unread(db, None, kept, NOW + HOUR, 10) == []

    await journal.mark_read(db, kept, NOW, "drain", None)
    assert await journal.unread(db, number, 0, NOW + HOUR, 10) == []


async def test_a_body_without_end_is_cut_and_says_so(db: asyncpg.Connection, number: int) -> None:
    await journal.keep(db, number, "unreadable", answer(b"x" * (LONGEST + 1)), "too long", NOW)

    row = await db.fetchrow("select octet_length(body) as bytes, cut from landed.journal")
    assert row is not None
    assert tuple(row) == (LONGEST, True)


async def test_old_answers_are_dropped(db: asyncpg.Connection, number: int) -> None:
    for age, body in ((3, b"old"), (1, b"young")):
        await journal.keep(db, number, "drain", answer(body), None, NOW - age * HOUR)
    dropped = await journal.forget(db, NOW - 2 * HOUR, 1000)

    assert (dropped, await bodies(db)) == (1, [b"young"])


async def test_above_its_size_the_journal_drops_what_was_read_first_and_then_the_oldest(
    db: asyncpg.Connection, number: int
) -> None:
    for age, name in ((5, b"unread, old"), (4, b"unread"), (3, b"read, old"), (2, b"read")):
        kept = await journal.keep(db, number, "drain", answer(name.ljust(100)), None, NOW - age * HOUR)
        if name.startswith(b"read"):
            await journal.mark_read(db, kept, NOW, "drain", None)

    left = []
    for most in (400, 300, 200, 199):
        await journal.forget(db, NOW - 10 * HOUR, most)
        left.append([body.strip() for body in await bodies(db)])
    assert left == [
        [b"unread, old", b"unread", b"read, old", b"read"],
        [b"unread, old", b"unread", b"read"],
        [b"unread, old", b"unread"],
        [b"unread"],
    ]


async def test_unknown_words_are_counted_verbatim_whatever_they_are(db: asyncpg.Connection, number: int) -> None:
    """A provider may put anything in place of a word."""
    endless = "".join(chr(0x4E00 + n * 7919 % 20000) for n in range(20_000))
    await journal.quarantine(
        db, number, {"Landed?": (2, "a"), "landed?": (1, "b"), "": (1, "c"), endless: (1, "d")}, NOW
    )
    await journal.quarantine(db, number, {"Landed?": (3, "e"), endless: (1, "f")}, NOW + HOUR)

    rows = await journal.unknown_words(db)
    assert {row["word"]: (row["seen"], row["provider_id"]) for row in rows} == {
        "Landed?": (5, "a"),
        "landed?": (1, "b"),
        "": (1, "c"),
        endless: (2, "d"),
    }
    assert {row["first_seen_at"] for row in rows} == {NOW}


async def test_a_mended_word_that_comes_again_is_unknown_again(db: asyncpg.Connection, number: int) -> None:
    seen = []
    await journal.quarantine(db, number, {"odd": (1, "a")}, NOW)
    await journal.mended(db, number, ["odd", "other"], NOW + HOUR)
    seen += [row["mended_at"] for row in await journal.unknown_words(db)]
    await journal.quarantine(db, number, {"odd": (1, "a")}, NOW + 2 * HOUR)
    seen += [row["mended_at"] for row in await journal.unknown_words(db)]

    assert seen == [NOW + HOUR, None]


async def test_the_looks_of_a_message_are_those_that_named_it_and_those_whose_window_held_it(
    db: asyncpg.Connection, number: int
) -> None:
    looks = [
        Look(NOW, "lookup", "ok", 200, 10, 2, 2, messages=(7, 8)),
        Look(NOW + HOUR, "lookup", "throttled", 429, 10, 1, messages=(8,)),
        Look(NOW + 2 * HOUR, "listing", "ok", 200, 10, since=NOW - HOUR, until=NOW),
        Look(NOW + 3 * HOUR, "listing", "ok", 200, 10, since=NOW, until=NOW + HOUR),
        Look(NOW + 4 * HOUR, "lookup", "ok", 200, 10, messages=()),
    ]
    await journal.look(db, number, looks)

    rows = await journal.looks_of(db, number, 7, NOW, NOW - HOUR, NOW + 9 * HOUR)
    assert [row["at"] for row in rows] == [NOW, NOW + 3 * HOUR]
    (counted,) = await journal.requests(db, NOW)
    assert tuple(counted) == ("acme", 5, 3, 1)
