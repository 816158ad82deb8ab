"""`report` says what became of a communication in a vocabulary's words: for people, for spreadsheets, for programs."""

import asyncio
import csv
import io
import os
import sys
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg
import pytest

from config.words import OURS
from rules.statuses import Status
from store import archive, messages
from store.connections import Connection
from tests.cli.conftest import Place, take_in
from tests.cli.terminal import terminal

NAME = "Flood warning 7"

#: What becomes of each message, and how many there are of it.
FATES = {
    ("sms", "delivered", ""): 3,
    ("sms", "failed", "policy"): 1,
    ("sms", "hard_bounced", "invalid_address"): 2,
    ("sms", "pending", ""): 1,
    ("email", "soft_bounced", "mailbox_full"): 2,
    ("email", "failed", "spam"): 1,
    ("email", "blocked", ""): 1,
}


def fill(place: Place, recipient: str = "") -> None:
    rows = ["account,channel,recipient,reference,communication,status,reason,response,sent_at"]
    for (channel, status, reason), many in FATES.items():
        for number in range(many):
            name = f"{channel}-{status}-{number}"
            address = recipient or (f"{name}@example.org" if channel == "email" else f"+4477009{len(rows):05}")
            rows.append(f'text_main,{channel},"{address}",{name},{NAME},{status},{reason},,2026-11-24T12:00:00Z')
    place("record", "-", stdin="\n".join(rows))
    take_in()


@pytest.fixture
def filled(landed: Place) -> Place:
    fill(landed)
    return landed


def totals(text: str) -> list[list[str]]:
    """The totals of a table: channel, result without its icon, messages."""
    lines = text.split("\n\n")[1].splitlines()[1:]
    found = [line.split() for line in lines]
    return [[words[0], " ".join(words[2:-1]), words[-1]] for words in found]


@pytest.mark.parametrize(
    ("vocabulary", "expected"),
    [
        (
            "crisis",
            [
                ["email", "Bounced Temporarily", "2"],
                ["email", "Failed", "1"],
                ["email", "Not Sent", "1"],
                ["sms", "Delivered", "3"],
                ["sms", "Failed", "3"],
                ["sms", "Pending", "1"],
            ],
        ),
        (
            "history",
            [
                ["email", "Failed", "2"],
                ["email", "Sent", "2"],
                ["sms", "Delivered", "3"],
                ["sms", "Failed", "3"],
                ["sms", "Pending", "1"],
            ],
        ),
        (
            "log",
            [
                ["email", "Soft Bounced", "2"],
                ["email", "Blocked", "1"],
                ["email", "Bounced", "1"],
                ["sms", "Delivered", "3"],
                ["sms", "Failed", "2"],
                ["sms", "Bounced", "1"],
                ["sms", "Unsent", "1"],
            ],
        ),
        (
            "engage",
            [
                # Blocked by the recipient's provider counts as a soft bounce in totals.
                ["email", "Soft bounce", "3"],
                ["email", "Not sent", "1"],
                ["sms", "Delivered", "3"],
                ["sms", "Hard bounce", "2"],
                ["sms", "Undelivered", "1"],
                ["sms", "Unknown", "1"],
            ],
        ),
    ],
)
def test_totals_are_in_the_words_of_the_vocabulary_and_grouped_as_its_product_does(
    filled: Place, vocabulary: str, expected: list[list[str]]
) -> None:
    said = filled("report", NAME, "--vocabulary", vocabulary)

    assert said.out.startswith(f"{NAME}: 11 messages\n\n")
    assert totals(said.out) == expected


def test_json_has_everyone_and_the_same_totals(filled: Place) -> None:
    found = filled("report", NAME, "--vocabulary", "engage", "--format", "json").json

    assert list(found) == ["communication", "messages", "archived", "totals", "rows"]
    assert (found["communication"], found["messages"], found["archived"], len(found["rows"])) == (NAME, 11, 0, 11)
    assert sum(total["messages"] for total in found["totals"]) == 11
    assert [row["label"] for row in found["rows"] if row["reason"] == "spam"] == ["Blocked"]


def test_json_is_an_option_like_everywhere(filled: Place) -> None:
    assert filled("report", NAME, "--json").out == filled("report", NAME, "--format", "json").out


def table(text: str) -> list[dict[str, Any]]:
    return list(csv.DictReader(io.StringIO(text)))


def test_csv_has_a_row_for_everyone(filled: Place) -> None:
    rows = table(filled("report", NAME, "--format", "csv", "--vocabulary", "log").out)

    assert len(rows) == 11
    assert [row["label"] for row in rows[:3]] == ["Delivered"] * 3
    assert rows[0]["sent_at"] == "2026-11-24T12:00:00Z"
    assert rows[3] | {"label": "Bounced", "status": "failed", "reason": "policy", "channel": "sms"} == rows[3]


@pytest.fixture
def left(filled: Place) -> Place:
    """As `filled`, but the three that were delivered have left by age."""

    async def leave(url: str) -> None:
        connection = await asyncpg.connect(url)
        try:
            account = await connection.fetchval("select id from landed.account where name = 'text_main'")
            rows = await archive.page(connection, account, 0, 100, datetime.now(UTC) + timedelta(days=9))
            gone = [(row["id"], row["version"]) for row in rows if row["status"] == Status.DELIVERED]
            assert await archive.take_out(connection, account, gone) == 3
        finally:
            await connection.close()

    asyncio.run(leave(os.environ["LANDED_DATABASE_URL"]))
    return filled


def test_what_has_left_by_age_is_counted_and_the_report_says_that_it_is_not_listed(left: Place) -> None:
    said = left("report", NAME, "--all").out

    assert said.startswith(f"{NAME}: 11 messages\n\n")
    assert ["sms", "Delivered", "3"] in totals(said)
    assert said.rstrip().endswith(
        "\n\n3 messages of these left the database by age (keep_settled): counted, not listed"
    )
    assert "shown;" not in said
    assert left("report", NAME, "--rows", "2").out.count("2 of 8 shown") == 1


def test_files_say_how_many_are_not_in_them(left: Place) -> None:
    found, sheet = left("report", NAME, "--json").json, left("report", NAME, "--format", "csv")

    assert (found["messages"], found["archived"], len(found["rows"])) == (11, 3, 8)
    assert sum(total["messages"] for total in found["totals"]) == 11
    assert len(table(sheet.out)) == 8
    assert "3 messages of these left the database by age" in sheet.err


def test_csv_holds_nothing_that_a_spreadsheet_would_run(landed: Place) -> None:
    fill(landed, recipient="=HYPERLINK(A1)")
    rows = table(landed("report", NAME, "--format", "csv").out)

    assert {row["recipient"] for row in rows} == {"'=HYPERLINK(A1)"}


def test_a_table_shows_some_and_says_how_to_see_all(filled: Place) -> None:
    said = filled("report", NAME, "--rows", "2").out

    assert said.rstrip().endswith("2 of 11 shown; --all shows everyone, --format csv or json gives a file")
    assert filled("report", NAME, "--all").out.count("+447700900") == 7


def test_the_columns_that_a_vocabulary_asks_for_are_in_its_table(filled: Place) -> None:
    said = filled("report", NAME, "--vocabulary", "log").out

    assert "attempts" not in said
    assert [word in said for word in ("Attempts", "Last Attempt", "Delivery Results")] == [True] * 3


@pytest.mark.parametrize("form", ["csv", "json"])
def test_a_long_report_is_written_as_it_is_read(filled: Place, monkeypatch: pytest.MonkeyPatch, form: str) -> None:
    monkeypatch.setattr(messages, "PAGE", 2)
    written: list[int] = []
    page = messages.page

    async def watched(connection: Connection, number: int, after: int, limit: int) -> list[asyncpg.Record]:
        # Under test, standard output is the bytes that were written so far.
        sys.stdout.flush()
        assert isinstance(sys.stdout.buffer, io.BytesIO)
        written.append(len(sys.stdout.buffer.getvalue()))
        return await page(connection, number, after, limit)

    monkeypatch.setattr(messages, "page", watched)
    filled("report", NAME, "--format", form)

    assert len(written) == 7
    assert written == sorted(set(written))


def test_an_unknown_communication_is_guessed(filled: Place) -> None:
    assert "no communication is called 'Flod warning 7', did you mean 'Flood warning 7'?" in (
        filled("report", "Flod warning 7", code=1).err
    )
    assert "is called 'x'; the newest is 'Flood warning 7'" in filled("report", "x", code=1).err


def test_before_anything_is_recorded_that_is_said(landed: Place) -> None:
    assert "nothing is recorded yet" in landed("report", "x", code=1).err


def test_an_unknown_vocabulary_is_guessed(landed: Place) -> None:
    assert "no vocabulary is called 'crises', did you mean 'crisis'?" in (
        landed("report", NAME, "--vocabulary", "crises", code=1).err
    )


def test_a_vocabulary_of_ones_own_is_used_and_a_wrong_one_refused(filled: Place) -> None:
    (filled.folder / "words").mkdir()
    text = (OURS / "crisis.toml").read_text("utf-8")
    filled.write("words/ours.toml", text.replace('text = "Delivered"', 'text = "Arrived"'))
    filled.write("words/wrong.toml", "title = 5")
    filled.set(vocabularies=str(filled.folder / "words"), vocabulary="ours")

    assert ["sms", "Arrived", "3"] in totals(filled("report", NAME).out)
    assert "wrong.toml cannot be used" in filled("report", NAME, "--vocabulary", "wrong", code=1).err


def test_a_narrow_terminal_shows_each_recipient_as_a_list(filled: Place) -> None:
    with terminal(filled.folder, "report", NAME, "--rows", "1", columns=40) as person:
        shown = person.rest()

    assert person.process.returncode == 0
    assert "  recipient  +44770090" in shown
    assert max(map(len, shown.splitlines()[:-1])) <= 40


def test_a_reader_that_has_seen_enough_ends_it_quietly(filled: Place) -> None:
    with terminal(filled.folder, "report", NAME, "--format", "csv", piped=True) as person:
        assert person.process.stdout is not None
        person.process.stdout.close()
        shown = person.rest()

    assert shown == ""


def test_a_folder_of_vocabularies_that_is_not_there_is_said_and_every_file_in_it_is_checked(bare: Place) -> None:
    bare.set(vocabularies=str(bare.folder / "words"))
    missing = bare("config", "check", code=1).err
    (bare.folder / "words").mkdir()
    bare.write("words/one.toml", "nonsense = 1\n")
    bare.write("words/two.toml", "also =")
    wrong = bare("config", "check", code=1).err

    assert f"there is no folder {bare.folder / 'words'}" in missing
    assert "one.toml cannot be used" in wrong
    assert "two.toml cannot be used" in wrong
