"""What an operator sees and mends: accounts, adapters, rows put aside, blocked addresses."""

import asyncio
import csv
import io
import os
from pathlib import Path
from typing import Any

import asyncpg
import pytest

import adapters as known
from config import load
from tests.cli.conftest import Place, take_in
from worker.build import build

#: It does not depend on the interpreter.
pytestmark = pytest.mark.once

ROWS = """account,channel,recipient,reference,status,reason
text_main,sms,+447700900001,order-1,sent,
text_main,sms,+447700900002,order-2,pending,
mail_main,email,Ann@Example.org,mail-1,hard_bounced,invalid_address
"""


def filled(place: Place) -> Place:
    place("record", "-", stdin=ROWS)
    take_in()
    return place


def account(place: Place, name: str) -> Any:
    return next(one for one in place("accounts", "--json").json if one["name"] == name)


def test_accounts_are_listed_before_a_worker_has_seen_them(landed: Place) -> None:
    assert [(one["name"], one["adapter"], one["state"]) for one in landed("accounts", "list", "--json").json] == [
        ("mail_main", "mailgun", "new"),
        ("text_main", "twilio", "new"),
    ]
    assert landed("accounts").out.splitlines()[0].split() == [
        "name",
        "adapter",
        "state",
        "open",
        "due",
        "overdue",
        "not",
        "ours",
    ]


def test_accounts_show_what_they_have_open(landed: Place) -> None:
    filled(landed)

    assert (account(landed, "text_main")["open"], account(landed, "mail_main")["open"]) == (2, 0)
    assert account(landed, "text_main")["state"] == "ok"


def test_a_pause_says_who_and_why_until_it_is_resumed(landed: Place) -> None:
    landed("accounts", "pause", "text_main", "--why", "numbers are moved", "--by", "ann")

    assert account(landed, "text_main")["state"] == "paused"
    assert "text_main is paused by ann since " in landed("accounts").out
    assert ": numbers are moved; `landed accounts resume text_main`" in landed("accounts").out

    landed("accounts", "resume", "text_main")

    assert account(landed, "text_main")["state"] == "ok"


def test_a_pause_needs_a_reason(landed: Place) -> None:
    assert "Missing option '--why'" in landed("accounts", "pause", "text_main", code=2).err


def test_a_pause_in_the_configuration_is_shown(landed: Place) -> None:
    landed.set(accounts__text_main__paused="true")

    assert "text_main is paused by its own setting, paused = true" in landed("accounts").out


def written(place: Place, columns: str) -> None:
    """Write something into the row of text_main."""

    async def task() -> None:
        connection = await asyncpg.connect(os.environ["LANDED_DATABASE_URL"])
        await connection.execute(f"update landed.account set {columns} where name = 'text_main'")  # noqa: S608 - ours
        await connection.close()

    filled(place)
    asyncio.run(task())


TROUBLE = (
    "trouble = 'unreachable', trouble_said = 'twilio gives no answer; it is asked again later', trouble_since = now()"
)


@pytest.mark.parametrize(
    ("breaker", "columns", "said"),
    [
        (
            "open",
            f"failures = 2, ask_after = now() + interval '1 hour', {TROUBLE}",
            "no answer; it is asked again after ",
        ),
        ("half open", f"failures = 2, {TROUBLE}", "no answer; it is asked one thing next, to see whether it is well"),
        ("recovering", "easing = 4", "text_main is well again, and asked twice as much with each round"),
    ],
)
def test_how_a_breaker_stands_is_shown_with_why_and_since_when(
    landed: Place, breaker: str, columns: str, said: str
) -> None:
    written(landed, columns)

    assert account(landed, "text_main")["breaker"] == breaker
    assert account(landed, "mail_main")["breaker"] == "closed"
    assert said in landed("accounts").out
    assert breaker in landed("accounts").out.splitlines()[2]


def test_an_account_whose_credentials_were_refused_is_stopped_until_they_change(landed: Place) -> None:
    settings = load(os.environ, Path.cwd())
    refused = build(settings, known.find)["text_main"].fingerprint
    written(landed, f"failures = 1, refused_settings = '{refused}', {TROUBLE}")

    assert account(landed, "text_main")["breaker"] == "stopped"
    assert "it is not asked until they change, or until `landed accounts resume text_main`" in landed("accounts").out

    landed.set(accounts__text_main__auth_token="planted-other-token")

    assert account(landed, "text_main")["breaker"] == "half open"


@pytest.mark.parametrize(
    ("growth", "missed", "said"),
    [
        ("-2", "null", "at this rate the backlog lasts until 2"),
        ("2", "now()", "at this rate it grows by 7,200 messages an hour; last looks come too late from 2"),
        ("null", "null", "are asked about; ask the provider for more, or look more rarely"),
    ],
)
def test_what_becomes_of_a_backlog_is_foretold(landed: Place, growth: str, missed: str, said: str) -> None:
    written(
        landed,
        f"short_since = now(), backlog = 1200, backlog_at = now(), backlog_growth = {growth}, missed_from = {missed}",
    )
    found, shown = account(landed, "text_main")["backlog"], " ".join(landed("accounts").out.split())

    assert (found["messages"], found["requests"]) == (1200, 10.0)
    assert found["becoming_due"] == max(float(growth), 0) if growth != "null" else found["becoming_due"] == 0
    assert (found["lasts_until"] is None, found["last_looks_missed_from"] is None) == (growth != "-2", missed == "null")
    assert "text_main has had more to ask than its quota allows since 2" in shown
    assert "1,200 messages are due" in shown
    assert said in shown
    assert account(landed, "mail_main")["backlog"] is None


def test_poll_makes_everything_open_due(landed: Place) -> None:
    filled(landed)

    assert landed("accounts", "poll", "text_main").out == (
        "made due: 2 messages of text_main; a worker asks about them\n"
    )
    assert landed("accounts", "poll", "text_main", "--json").json == {"made_due": 0}
    assert account(landed, "text_main")["due"] == 2


def test_an_account_that_nobody_configured_is_guessed_and_one_that_is_gone_is_told(landed: Place) -> None:
    assert "no account is called 'text_man', did you mean 'text_main'?" in (
        landed("accounts", "poll", "text_man", code=1).err
    )

    filled(landed)
    text = (landed.folder / "landed.toml").read_text()
    landed.write("landed.toml", text.replace("text_main", "texts"))

    assert "text_main is not in landed.toml: its 2 open messages wait until it is there again" in landed("accounts").out


def test_without_accounts_it_says_what_to_do(landed: Place) -> None:
    landed.write("landed.toml", "")

    assert landed("accounts").out.startswith("no account is configured: add one to landed.toml")


def test_every_adapter_is_listed_with_what_it_needs(bare: Place) -> None:
    found = {one["name"]: one for one in bare("adapters", "--json").json}
    table = bare("adapters").out

    assert list(found) == list(known.names())
    assert all(f"\n{name} " in table for name in found)
    assert {one["name"]: (one["required"], one["secret"]) for one in found["twilio"]["settings"]} == {
        "base_url": (False, False),
        "account_sid": (True, False),
        "auth_token": (True, True),
        "api_key": (False, False),
    }


def test_one_adapter_is_shown_with_its_words(bare: Place) -> None:
    (found,) = bare("adapters", "twilio", "--json").json

    assert found["statuses"]["undelivered"] == "failed"
    assert found["reasons"]["30005"] == "invalid_address"
    assert "undelivered" in bare("adapters", "twilio").out
    assert "did you mean 'twilio'?" in bare("adapters", "twillio", code=2).err


def test_rows_that_could_not_be_taken_in_are_shown_and_retried(landed: Place) -> None:
    assert landed("strays").out == "every recorded row was taken in, or waits for a worker\n"

    landed("record", "-", stdin="account,channel,reference\ntext_man,sms,order-9\n")
    take_in()
    found = landed("strays", "--json").json

    assert (found["problems"][0]["rows"], found["rows"][0]["said"]["reference"]) == (1, "order-9")
    assert "nobody knows the account 'text_man'" in landed("strays", "list", "--limit", "1").out

    text = (landed.folder / "landed.toml").read_text()
    landed.write("landed.toml", text.replace("text_main", "text_man"))

    assert landed("strays", "retry").out == "put back into the inbox: 1 row\n"
    take_in()
    assert landed("strays", "retry", "--json").json == {"rows": 0}
    assert landed("explain", "order-9").out.startswith("Message ")


def blocked(place: Place, *more: str) -> list[tuple[str, str, str]]:
    found = place("suppression", "--json", *more).json
    return [(one["channel"], one["recipient"], one["because"]) for one in found]


def test_what_providers_say_blocks_and_is_shown_with_its_cause(landed: Place) -> None:
    assert landed("suppression").out == "no address is blocked\n"

    filled(landed)
    said = landed("suppression", "check", "email", "ANN@example.org").out

    assert blocked(landed) == [("email", "ann@example.org", "hard_bounced, invalid_address")]
    assert said.startswith("blocked on email\n")
    assert "hard_bounced, invalid_address" in said


def test_a_person_blocks_and_unblocks_with_a_reason_on_record(landed: Place) -> None:
    assert landed("suppression", "add", "sms", "+44 7700 900-123", "--why", "by phone", "--by", "ann").out == (
        "blocked on sms: 1 address\n"
    )
    assert blocked(landed) == [("sms", "+447700900123", "a person")]

    landed("suppression", "remove", "sms", "+447700900123", "--why", "START", "--by", "ben")
    found = landed("suppression", "check", "sms", "+447700900123", "--json").json

    assert found["blocked"] is False
    assert [(one["what"], one["by"], one["detail"]) for one in found["proofs"]] == [
        ("blocked", "ann", "by phone"),
        ("unblocked", "ben", "START"),
    ]
    assert landed("suppression", "check", "sms", "+447700900123").out.startswith("not blocked on sms\n")

    landed("suppression", "add", "sms", "+447700900123")

    assert blocked(landed, "--channel", "sms") == [("sms", "+447700900123", "a person")]


def test_unblocking_what_is_not_blocked_is_said(landed: Place) -> None:
    landed("suppression", "add", "sms", "+447700900123")
    landed("suppression", "remove", "sms", "+447700900123")
    said = landed("suppression", "remove", "sms", "+447700900123", code=1).err

    assert "nothing blocks that address on sms" in said
    assert "+447700900123" not in said


def test_addresses_are_read_from_standard_input(landed: Place) -> None:
    found = landed("suppression", "add", "email", "-", "--json", stdin="Ann@example.org\n\nben@example.org\n").json

    assert found == {"channel": "email", "blocked": 2}
    assert [recipient for _, recipient, _ in blocked(landed)] == ["ann@example.org", "ben@example.org"]
    assert len(blocked(landed, "--limit", "1")) == 1


def test_standard_input_that_cannot_be_used_blocks_nobody(landed: Place) -> None:
    for text, said in (
        (b"\n", "no address was given"),
        (b"a@example.org\nJ\xfcrg", "line 2 of standard input is not UTF-8"),
    ):
        assert said in landed("suppression", "add", "email", "-", stdin=text, code=2).err
    assert blocked(landed) == []


def test_the_list_is_safe_in_a_spreadsheet(landed: Place) -> None:
    landed("suppression", "add", "other", "=1+1", "device-7")
    rows = list(csv.DictReader(io.StringIO(landed("suppression", "list", "--csv").out)))

    assert [row["recipient"] for row in rows] == ["'=1+1", "device-7"]


def test_a_channel_that_does_not_exist_is_guessed(landed: Place) -> None:
    assert "unknown channel 'smss', did you mean 'sms'?" in landed("suppression", "check", "smss", "x", code=2).err


def test_accounts_show_how_much_of_their_quota_is_used_and_who_shares_it(landed: Place) -> None:
    text = (landed.folder / "landed.toml").read_text()
    for name in ("mail_main", "text_main"):
        text = text.replace(
            f"[accounts.{name}]\n",
            f'[accounts.{name}]\nquota = "both"\nrate = 5\nconcurrency = 4\nrequests = "100/10m"\n',
        )
    (landed.folder / "landed.toml").write_text(text)

    quota = account(landed, "text_main")["quota"]

    assert quota == {
        "shared_with": ["mail_main"],
        "slices": 1,
        "limits": [
            {"limit": "5/1s", "unit": "requests", "used": 0, "of": 5},
            {"limit": "100/10m", "unit": "requests", "used": 0, "of": 100},
        ],
        "in_flight": 0,
        "in_flight_of": 4,
    }
    said = "text_main has used 0 of 100/10m requests, 0 of 4 in flight; shared with mail_main"
    assert said in landed("accounts").out


def test_who_changed_something_is_on_record_without_addresses_and_texts(landed: Place, database: str) -> None:
    """Blocking, accounts and quarantine alike; what shows something changes nothing."""
    landed("suppression", "add", "sms", "+447700900123", "--why", "planted reason", "--by", "Ada")
    landed("suppression", "remove", "sms", "+447700900123", "--why", "planted note", "--by", "Grace")
    landed("accounts", "pause", "text_main", "--why", "planted pause", "--by", "Ada")
    landed("accounts", "resume", "text_main", "--by", "Grace")
    landed("accounts", "poll", "text_main", "--by", "Ada")
    landed("quarantine", "apply", "--account", "text_main", "--by", "Ada")
    landed("suppression", "check", "sms", "+447700900123")

    async def task() -> list[tuple[str, ...]]:
        connection = await asyncpg.connect(database)
        rows = await connection.fetch("select by, way, what, subject, detail from landed.change order by id")
        await connection.close()
        return [tuple(row) for row in rows]

    rows = asyncio.run(task())

    assert [row[:4] for row in rows] == [
        ("Ada", "cli", "addresses_blocked", ""),
        ("Grace", "cli", "address_unblocked", ""),
        ("Ada", "cli", "account_paused", "text_main"),
        ("Grace", "cli", "account_resumed", "text_main"),
        ("Ada", "cli", "account_polled", "text_main"),
        ("Ada", "cli", "quarantine_applied", "text_main"),
    ]
    assert "7700900123" not in str(rows)
    assert "planted" not in str(rows)
