"""`record` puts the rows of a file into the inbox: the good ones all, the bad ones named, nothing lost silently."""

import asyncio
import os
import signal
from typing import Any

import asyncpg
import pytest

from cli import record
from store import recording
from store.connections import Connection
from store.recording import Values
from tests.cli.conftest import Place, take_in
from tests.cli.terminal import terminal

HEADER = "account,channel,recipient,provider_id,communication,sent_at\n"


def line(number: int, channel: str = "sms") -> str:
    return f"text_main,{channel},+44770090{number:04},SM{number},Flood warning 7,2026-11-24T12:00:00Z\n"


def rows(many: int, start: int = 0) -> str:
    return "".join(line(number) for number in range(start, start + many))


def query(statement: str) -> Any:
    """One value from the database of the test."""

    async def ask() -> Any:
        connection = await asyncpg.connect(os.environ["LANDED_DATABASE_URL"])
        try:
            return await connection.fetchval(statement)
        finally:
            await connection.close()

    return asyncio.run(ask())


def waiting() -> int:
    return int(query("select count(*) from landed.inbox"))


def ids() -> list[str]:
    return list(query("select array_agg(provider_id order by id) from landed.inbox") or ())


def test_every_row_is_in_the_inbox_as_it_was_written(landed: Place) -> None:
    landed.write("messages.csv", HEADER + rows(1000))
    said = landed("record", "messages.csv")

    assert said.out.startswith("1,000 rows recorded in ")
    assert said.err == ""
    assert ids() == [f"SM{number}" for number in range(1000)]
    assert (
        query("select count(*) from landed.inbox where communication = 'Flood warning 7' and channel = 'sms'") == 1000
    )


def test_batches_are_committed_one_after_another(landed: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(record, "BATCH", 7)
    landed.write("messages.csv", HEADER + rows(30))
    landed("record", "messages.csv")

    assert ids() == [f"SM{number}" for number in range(30)]
    assert query("select count(distinct xmin::text) from landed.inbox") == 5


def test_bad_rows_are_named_by_line_and_the_others_recorded(landed: Place) -> None:
    text = HEADER + line(1) + line(2, "smss") + line(3) + "text_main,sms\n" + line(4).replace("T12", " at 12") + line(5)
    landed.write("messages.csv", text)
    said = landed("record", "messages.csv", code=1)

    assert ids() == ["SM1", "SM3", "SM5"]
    assert said.lines == [
        "line 3: channel: unknown channel 'smss', did you mean 'sms'?",
        "line 5: it has 2 fields and the header 6",
        "line 6: sent_at: '…' (23 characters) is not a time; write it like 2026-03-01T09:30:00Z",
        "3 bad rows not recorded: mend and record the file again, the others count once",
    ]
    assert said.out.startswith("3 rows recorded in ")


def test_json_has_the_bad_rows_too(landed: Place) -> None:
    landed.write("messages.csv", HEADER + line(1) + line(2, "smss"))
    found = landed("record", "messages.csv", "--json", code=1).json

    assert list(found) == ["recorded", "bad", "seconds"]
    assert found["recorded"] == 1
    assert found["bad"] == [{"line": 3, "problem": "channel: unknown channel 'smss', did you mean 'sms'?"}]


def test_strict_records_nothing_if_one_row_is_bad(landed: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(record, "BATCH", 5)
    landed.write("messages.csv", HEADER + rows(12) + line(12, "smss") + rows(3, 13))
    said = landed("record", "messages.csv", "--strict", code=1)

    assert waiting() == 0
    assert said.out == ""
    assert said.lines[-1] == "1 bad row, so nothing was recorded (--strict)"


def test_strict_records_all_if_none_is_bad(landed: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(record, "BATCH", 5)
    landed.write("messages.csv", HEADER + rows(12))
    landed("record", "messages.csv", "--strict")

    assert waiting() == 12


def test_ndjson_is_known_by_its_text_and_may_come_from_standard_input(landed: Place) -> None:
    text = '{"account": "text_main", "channel": "sms", "provider_id": 17}\n{"account": "text_main"}\n'
    said = landed("record", "-", stdin=text, code=1)

    assert ids() == ["17"]
    assert said.lines[0] == "line 2: channel is missing; it has neither provider_id nor reference"


def test_what_every_row_would_say_can_be_said_once(landed: Place) -> None:
    landed(
        "record", "-", "--account", "text_main", "--channel", "SMS", "--communication", "C", stdin="provider_id\nSM1\n"
    )

    assert query("select account || channel || communication || provider_id from landed.inbox") == "text_mainsmsCSM1"


def test_recording_again_is_harmless(landed: Place) -> None:
    landed.write("messages.csv", HEADER + rows(20))
    for _ in range(2):
        landed("record", "messages.csv")
        take_in()

    assert query("select count(*) from landed.message") == 20
    assert (waiting(), query("select count(*) from landed.stray")) == (0, 0)


def test_rows_are_recorded_while_a_migration_is_pending(landed: Place) -> None:
    query("delete from landed.migration where number > 1")
    landed("record", "-", stdin=HEADER + line(1))

    assert waiting() == 1


def test_an_account_that_nobody_configured_is_recorded_and_noted(landed: Place) -> None:
    said = landed("record", "-", stdin=HEADER + line(1).replace("text_main", "text_man"))

    assert waiting() == 1
    assert said.lines == ["note: 1 row of account 'text_man', which is not configured, did you mean 'text_main'?"]


def test_a_file_that_cannot_be_read_is_wrong_use(landed: Place) -> None:
    assert "'none.csv': No such file or directory" in landed("record", "none.csv", code=2).err
    assert "'.': Is a directory" in landed("record", ".", code=2).err


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("acount,channel\n", "messages.csv: line 1: unknown column 'acount', did you mean 'account'?"),
        ("", "messages.csv: it is empty"),
        ("text_main,sms,+447700900123\n", "messages.csv: line 1 names none of the columns, which are account, channel"),
    ],
)
def test_a_file_of_which_nothing_can_be_used_says_why(landed: Place, text: str, said: str) -> None:
    landed.write("messages.csv", text)
    found = landed("record", "messages.csv", code=1)

    assert said in found.err
    assert "+447700900123" not in found.err


def test_an_address_in_the_wrong_column_is_not_repeated(landed: Place) -> None:
    secrets = ("+447700900123", "447700900123", "ann@example.org", "The river rises.")
    text = "account,channel,provider_id,sent_at\n" + "".join(f"text_main,{one},SM1,{one}\n" for one in secrets)
    said = landed("record", "-", stdin=text, code=1)

    assert [one for one in secrets if one in said.err] == []
    assert "line 2: channel: unknown channel '…' (13 characters), use one of email, sms" in said.err


def test_a_connection_that_breaks_in_the_middle_says_how_far_it_came(
    landed: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(record, "BATCH", 10)
    copy = recording.copy

    async def breaking(connection: Connection, batch: list[Values]) -> None:
        if ("SM20",) in [(row[3],) for row in batch]:
            raise ConnectionResetError("Connection reset by peer")
        await copy(connection, batch)

    monkeypatch.setattr(recording, "copy", breaking)
    landed.write("messages.csv", HEADER + rows(35))
    said = landed("record", "messages.csv", code=1)

    assert (
        "recording stopped early, Connection reset by peer; 20 rows recorded. Record the whole file again" in said.err
    )
    assert waiting() == 20


def test_a_database_without_an_inbox_says_how_to_make_one(landed: Place) -> None:
    query("drop schema landed cascade")

    assert "run `landed migrate`" in landed("record", "-", stdin=HEADER + line(1), code=1).err


def test_wait_returns_when_a_worker_has_taken_the_rows_in(landed: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    async def worker(_connection: Connection, _last: int) -> bool:
        asked.append(waiting_rows := await _connection.fetchval("select count(*) from landed.inbox"))
        await _connection.execute("delete from landed.inbox")
        return bool(waiting_rows)

    monkeypatch.setattr("store.inbox.waits_up_to", worker)
    monkeypatch.setattr(record, "PAUSE", 0.0)
    landed("record", "-", "--wait", stdin=HEADER + rows(3))

    assert asked == [3, 0]


def test_progress_is_shown_on_a_terminal(landed: Place) -> None:
    landed.write("messages.csv", HEADER + rows(5000))
    with terminal(landed.folder, "record", "messages.csv", piped=True) as person:
        shown = person.rest()
        assert person.process.stdout is not None
        out = person.process.stdout.read()

    assert person.process.returncode == 0
    assert "Recording messages.csv" in shown
    assert "100%" in shown
    assert out.startswith(b"5,000 rows recorded in ")


def test_stopping_it_in_the_middle_says_what_to_do_and_loses_nothing_silently(landed: Place) -> None:
    """Standard input stays open, so it is interrupted while it waits for more rows."""
    with terminal(landed.folder, "record", "-") as person:
        assert person.process.stdin is not None
        person.process.stdin.write((HEADER + line(1) + line(2, "smss")).encode())
        person.process.stdin.flush()
        person.until("line 3")
        person.process.send_signal(signal.SIGINT)
        said = " ".join(person.rest().split())

    assert person.process.returncode == 1
    assert "recording stopped early, you stopped it; nothing recorded. Record the whole file again" in said
    assert waiting() == 0
