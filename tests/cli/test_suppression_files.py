"""Blocked addresses come from files in bulk and go into them, and a list moves from one installation to another."""

import csv
import io
import json

import pytest

from rules import cells
from tests.cli.conftest import Place
from tests.cli.test_surroundings import execute

#: It does not depend on the interpreter.
pytestmark = pytest.mark.once

KEY = "a key of the tests that is never written down"

LIST = """channel,recipient,reason
sms,+44 7700 900-123,asked by telephone
email,Ann@Example.org,
smss,+447700900124,planted
sms,,planted
SMS,+447700900123,again
"""


def blocked(place: Place) -> list[tuple[str, str]]:
    """Channel and recipient of all that are blocked."""
    return [(one["channel"], one["recipient"]) for one in place("suppression", "list", "--json").json]


def test_good_rows_are_blocked_and_bad_ones_named_by_their_line(landed: Place) -> None:
    path = landed.write("list.csv", LIST)
    said = landed("suppression", "import", str(path), "--by", "ada", code=1)
    proofs = landed("suppression", "check", "sms", "+447700900123", "--json").json["proofs"]

    assert said.lines == [
        "line 4: channel 'smss' is unknown; there are email, sms, push, voice, letter, chat, other",
        "line 5: recipient is missing",
    ]
    assert said.out == "blocked: 2 addresses; 1 blocked already; 2 rows bad\n"
    assert blocked(landed) == [("sms", "+447700900123"), ("email", "ann@example.org")]
    assert [(one["by"], one["detail"]) for one in proofs] == [("ada", "asked by telephone")]


def test_importing_twice_is_harmless(landed: Place) -> None:
    text = '{"channel": "sms", "recipient": "+447700900123"}\n{"channel": "push", "recipient": "device-7"}\n'
    first = landed("suppression", "import", "-", "--json", stdin=text).json
    second = landed("suppression", "import", "-", "--json", stdin=text).json

    assert first == {"blocked": 2, "blocked_already": 0, "bad": []}
    assert second == {"blocked": 0, "blocked_already": 2, "bad": []}


def test_an_import_blocks_again_what_was_unblocked(landed: Place) -> None:
    text = "channel,recipient\nsms,+447700900123\n"
    landed("suppression", "import", "-", stdin=text)
    landed("suppression", "remove", "sms", "+447700900123")
    again = landed("suppression", "import", "-", "--json", stdin=text).json

    assert again["blocked"] == 1


def test_more_than_a_batch_is_imported_and_exported(landed: Place) -> None:
    text = "channel,recipient\n" + "".join(f"sms,+4477009{n:05}\n" for n in range(4500))
    done = landed("suppression", "import", "-", "--json", stdin=text).json
    rows = list(csv.DictReader(io.StringIO(landed("suppression", "export").out)))

    assert done["blocked"] == 4500
    assert [row["recipient"] for row in rows] == [f"+4477009{n:05}" for n in range(4500)]


@pytest.mark.parametrize("form", [(), ("--json",)])
def test_a_list_moves_to_another_installation(landed: Place, database: str, form: tuple[str, ...]) -> None:
    """Also addresses that a spreadsheet would run, in either form."""
    landed("suppression", "add", "other", "=1+1", "device-7")
    landed("suppression", "add", "email", "ann@example.org", "--why", "a letter")
    before = blocked(landed)
    exported = landed("suppression", "export", *form).out
    execute(database, "truncate landed.suppression, landed.unblocking")
    done = landed("suppression", "import", "-", "--json", stdin=exported).json

    assert done == {"blocked": 3, "blocked_already": 0, "bad": []}
    assert blocked(landed) == before


def test_an_export_is_of_one_channel_if_wanted_and_safe_in_a_spreadsheet(landed: Place) -> None:
    landed("suppression", "add", "other", "=1+1")
    landed("suppression", "add", "sms", "+447700900123")
    other = list(csv.DictReader(io.StringIO(landed("suppression", "export", "--channel", "other").out)))
    lines = landed("suppression", "export", "--json", "--channel", "sms").out.splitlines()

    assert [row["recipient"] for row in other] == ["'=1+1"]
    assert [json.loads(line)["recipient"] for line in lines] == ["+447700900123"]


def test_a_list_of_hashes_moves_too(landed: Place) -> None:
    """Where no address is kept, a list has hashes, which are not hashed once more."""
    landed.set(store_recipients="hashed", recipient_key=KEY)
    landed("suppression", "add", "sms", "+447700900123")
    exported = landed("suppression", "export").out
    landed("suppression", "remove", "sms", "+447700900123")
    landed("suppression", "import", "-", stdin=exported)

    assert "+447700900123" not in exported
    assert landed("suppression", "check", "sms", "+44 7700 900123").out.startswith("blocked on sms")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("name,address\nx,y\n", "line 1 names none of the columns, which are channel, recipient, reason"),
        ("channel,recipient,raeson\n", "unknown column 'raeson', did you mean 'reason'?"),
        ("", "it is empty"),
    ],
)
def test_a_file_of_which_nothing_can_be_used_is_told(landed: Place, text: str, said: str) -> None:
    assert said in landed("suppression", "import", "-", stdin=text, code=1).err


@pytest.mark.parametrize("text", ["=1+1", "+447700900123", "-x", "@a", "'quoted'", "plain", "-1.5"])
def test_what_a_cell_stood_for_is_read_again(text: str) -> None:
    assert cells.meant(cells.safe(text)) == text
