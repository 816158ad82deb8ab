"""Rows of a file: each good one is read, each bad one is named by its line, and no bad one spoils another."""

from datetime import UTC, datetime

import pytest

from cli.moments import moment
from rules.cells import safe
from rules.columns import NAMES, stored
from rules.rows import BadFile, Row, rows

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)


def read(text: str | bytes, kind: str | None = None) -> list[Row]:
    data = text if isinstance(text, bytes) else text.encode()
    return list(rows(data.splitlines(keepends=True), kind))


def problems(text: str | bytes) -> dict[int, str]:
    return {row.line: row.problem for row in read(text) if row.problem}


def test_csv_is_read_by_its_header_whatever_the_order_of_columns() -> None:
    assert read("channel,account,provider_id\nsms,main,SM1\n") == [
        Row(2, {"channel": "sms", "account": "main", "provider_id": "SM1"})
    ]


@pytest.mark.parametrize("delimiter", [";", "\t"])
def test_the_delimiters_of_spreadsheets_are_understood(delimiter: str) -> None:
    text = "account,channel,recipient\nmain,sms,+1\n".replace(",", delimiter)

    assert read(text) == [Row(2, {"account": "main", "channel": "sms", "recipient": "+1"})]


def test_a_byte_order_mark_belongs_to_no_column() -> None:
    assert read(b"\xef\xbb\xbfaccount,channel\nmain,sms\n") == [Row(2, {"account": "main", "channel": "sms"})]


def test_lines_are_counted_over_quoted_line_ends_and_empty_lines() -> None:
    text = 'account,response\na,"yes,\nI am"\n\nb,no\nc\n'

    assert [(row.line, row.fields) for row in read(text)[:2]] == [
        (2, {"account": "a", "response": "yes,\nI am"}),
        (5, {"account": "b", "response": "no"}),
    ]
    assert problems(text) == {6: "it has 1 fields and the header 2"}


def test_a_quote_that_is_never_closed_spoils_its_own_line_only() -> None:
    text = 'account,response\na,"yes\n' + "".join(f"b{n},no\n" for n in range(300))

    found = read(text)

    assert problems(text) == {2: "a quote in it is never closed"}
    assert [row.fields["account"] for row in found if not row.problem] == [f"b{n}" for n in range(300)]


def test_a_quote_closed_by_a_later_one_gives_the_lines_between_back() -> None:
    text = 'account,response\na,"yes\nb,no\nc,"no"\nd,no\n'

    assert list(problems(text)) == [2]
    assert [row.fields["account"] for row in read(text) if not row.problem] == ["b", "c", "d"]


def test_bytes_that_are_not_utf_8_are_named_and_the_rest_is_read() -> None:
    text = b"account,recipient\na,J\xfcrg\nb,J\xc3\xbcrg\n"

    assert problems(text) == {2: "recipient is not UTF-8"}
    assert read(text)[1].fields["recipient"] == "Jürg"


def test_a_nul_is_named_because_postgres_cannot_keep_it() -> None:
    assert problems(b"account,recipient\na,b\0c\n") == {
        2: "recipient holds a NUL character, which Postgres cannot keep"
    }


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (b"", "it is empty"),
        ("account,chanel\n", "line 1: unknown column 'chanel', did you mean 'channel'?"),
        ("account,account\n", "line 1: column 'account' is there twice"),
        ("account,channel\n".encode("utf-16"), "it is UTF-16; save it as UTF-8"),
    ],
)
def test_a_file_of_which_nothing_can_be_used_says_why(text: str | bytes, said: str) -> None:
    with pytest.raises(BadFile, match="^" + said.replace("?", r"\?")):
        read(text)


def test_ndjson_is_read_line_by_line_and_numbers_serve_as_ids() -> None:
    text = '{"account": "a", "provider_id": 17, "part": null}\n\n{"account": "b"}\n'

    assert read(text) == [Row(1, {"account": "a", "provider_id": "17"}), Row(3, {"account": "b"})]


def test_bad_ndjson_is_named_by_its_line() -> None:
    text = '{"account": "a"}\n{"account": \n[1]\n{"acount": "a"}\n{"account": true}\n{"account": {"a": 1}}\n' + (
        '{"account": "\\ud800"}\n' + '{"account": ' * 2000 + "\n"
    )

    assert problems(text) == {
        2: "it is not JSON",
        3: "it is not a JSON object",
        4: "unknown column 'acount', did you mean 'account'?",
        5: "account must be text",
        6: "account must be text",
        7: "account is not UTF-8",
        8: "it is not JSON",
    }


GOOD = {"account": "main", "channel": "sms", "provider_id": "SM1"}


def test_a_row_is_stored_in_the_columns_of_the_inbox() -> None:
    row = stored({**GOOD, "channel": "SMS", "status": "Not_Sent", "sent_at": "2026-11-24T13:00:00+01:00"})

    assert dict(zip(NAMES, row, strict=True)) == {
        **dict.fromkeys(NAMES),
        **GOOD,
        "status": "not_sent",
        "sent_at": NOW,
    }


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"account": ""}, "account is missing"),
        ({"channel": ""}, "channel is missing"),
        ({"provider_id": ""}, "it has neither provider_id nor reference"),
        ({"channel": "smss"}, "channel: unknown channel 'smss', did you mean 'sms'?"),
        ({"status": "deliverd"}, "status: unknown status 'deliverd', did you mean 'delivered'?"),
        ({"status": "timed_out"}, "status: unknown status 'timed_out', use one of pending, sent,"),
        ({"reason": "mailboxfull"}, "reason: unknown reason 'mailboxfull', did you mean 'mailbox_full'?"),
        ({"sent_at": "yesterday"}, "sent_at: 'yesterday' is not a time; write it like 2026-03-01T09:30:00Z"),
        ({"sent_at": "2026-03-01T09:30:00"}, "sent_at: '2026-03-01T09:30:00' has no zone"),
        ({"sent_at": "0001-01-01T00:00:00+12:00"}, "sent_at: '0001-01-01T00:00:00+12:00' is out of range"),
        ({"reference": "r" * 501}, "reference: is longer than 500 characters"),
    ],
)
def test_what_is_wrong_with_a_row_is_said(wrong: dict[str, str], said: str) -> None:
    with pytest.raises(ValueError) as error:  # noqa: PT011 - the text is compared below
        stored({**GOOD, **wrong})

    assert str(error.value).startswith(said)


def test_everything_wrong_with_a_row_is_said_at_once() -> None:
    with pytest.raises(ValueError, match=r"channel is missing; .* neither .*; status: unknown"):
        stored({"account": "main", "status": "x"})


@pytest.mark.parametrize("cell", ["=1+1", "+cmd|' /C calc'!A0", "-1+1", "@SUM(1)", "\tx", "\rx", "+44 7700 900123"])
def test_a_cell_that_a_spreadsheet_would_run_is_marked_as_text(cell: str) -> None:
    assert safe(cell) == f"'{cell}"


@pytest.mark.parametrize("cell", ["+447700900123", "-1.5", "17", "ann@example.org", "a=b", ""])
def test_numbers_and_harmless_text_stay_as_they_are(cell: str) -> None:
    assert safe(cell) == cell


@pytest.mark.parametrize(
    ("text", "at"),
    [
        ("2h ago", datetime(2026, 11, 24, 10, tzinfo=UTC)),
        ("1d12h", datetime(2026, 11, 23, 0, tzinfo=UTC)),
        ("now", NOW),
        ("2026-11-24T13:00:00+01:00", NOW),
        ("2026-11-24T12:00:00Z", NOW),
    ],
)
def test_moments_are_times_with_a_zone_or_how_long_ago(text: str, at: datetime) -> None:
    assert moment(text, NOW) == at


@pytest.mark.parametrize("text", ["yesterday", "2026-11-24T12:00:00", "2026-11-24", "h ago", "", "99999999999d ago"])
def test_other_moments_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"is not a moment|has no zone"):
        moment(text, NOW)
