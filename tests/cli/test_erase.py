"""What an operator does to erase a person, and how commands deal with recipients that are hashed."""

import asyncio
import json
from typing import Any

import asyncpg
import pytest

from rules.hashing import Hashing
from tests.cli.conftest import Place, take_in

#: It does not depend on the interpreter.
pytestmark = pytest.mark.once

KEY = "a key of the tests that is never written down"
NUMBER = "+447700900123"
HASH = Hashing(KEY).of(NUMBER)

ROWS = f"""account,channel,recipient,reference,provider_id,communication,status,response
text_main,sms,{NUMBER},order-1,,Flood,sent,
text_main,sms,{NUMBER},order-2,,Flood,not_sent,
text_main,sms,{NUMBER},,SM1,Flood,sent,I am safe
text_main,sms,+447700900999,order-4,,Flood,sent,
mail_main,email,Ann@Example.org,mail-1,m1,Flood,hard_bounced,
"""


@pytest.fixture
def keyed(landed: Place) -> Place:
    """A place with the key, and five messages taken in."""
    landed.set(recipient_key=KEY)
    landed("record", "-", stdin=ROWS)
    take_in()
    return landed


def report(place: Place) -> Any:
    return place("report", "Flood", "--json").json


def test_a_person_is_erased_and_the_report_shows_references_in_their_place(keyed: Place) -> None:
    before = report(keyed)
    said = keyed("erase", "--recipient", "+44 7700 900-123", "--note", "request 7", "--yes")
    after = report(keyed)

    assert said.out == (
        f"erased: 3 messages\nthe recipient is {HASH} from now on; docs/privacy.md says what is left and where\n"
    )
    assert after["totals"] == before["totals"]
    assert [row["recipient"] for row in after["rows"]] == [
        "order-1",
        "order-2",
        "SM1",
        "+447700900999",
        "ann@example.org",
    ]
    assert after["rows"][2]["response"] == ""
    assert NUMBER not in keyed("report", "Flood", "--all").out
    assert [row["status"] for row in after["rows"]] == [row["status"] for row in before["rows"]]


def test_its_story_is_still_told_under_its_reference(keyed: Place) -> None:
    keyed("erase", "--recipient", NUMBER, "--yes")
    story = keyed("explain", "order-1", "--json").json[0]

    assert story["message"]["recipient"] == HASH
    assert [line["said"] for line in story["story"]] == ["sent"]


def test_programs_get_what_was_done_as_json(keyed: Place) -> None:
    said = keyed("erase", "--recipient", NUMBER, "--channel", "sms", "--yes", "--json").json

    assert (said["recipient"], said["channel"], said["complete"]) == (HASH, "sms", True)
    assert {name: many for name, many in said["erased"].items() if many} == {"messages": 3}


def test_a_second_time_there_is_nothing_to_erase(keyed: Place) -> None:
    keyed("erase", "--recipient", NUMBER, "--yes")

    assert keyed("erase", "--recipient", NUMBER, "--yes").out.startswith(
        "there was nothing to erase, or it was erased before\n"
    )


def test_it_asks_first_and_does_nothing_unless_it_is_told_to(keyed: Place) -> None:
    said = keyed("erase", "--recipient", "ann@example.org", stdin="n\n", code=1)

    assert said.err.startswith(
        "This removes the address and all texts of one person (1 message, blocked on email)."
        " It cannot be undone. Go on? [y/N]"
    )
    assert said.out == ""
    assert "ann@example.org" in {row["recipient"] for row in report(keyed)["rows"]}

    keyed("erase", "--recipient", "ann@example.org", stdin="y\n")

    assert "ann@example.org" not in {row["recipient"] for row in report(keyed)["rows"]}


def test_the_address_may_come_from_standard_input(keyed: Place) -> None:
    said = keyed("erase", "--recipient", "-", "--yes", "--json", stdin=f"{NUMBER}\n").json

    assert said["erased"]["messages"] == 3


@pytest.mark.parametrize("given", ["", "one@example.org\ntwo@example.org\n"])
def test_anything_but_one_address_is_wrong_use(keyed: Place, given: str) -> None:
    assert "give one address" in keyed("erase", "--recipient", "-", "--yes", stdin=given, code=2).err


def test_who_and_when_and_why_is_kept_without_the_address(keyed: Place, database: str) -> None:
    keyed("erase", "--recipient", NUMBER, "--note", f"{NUMBER} asked", "--by", "ann", "--yes")

    assert rows(database, "select recipient, by, note, counts ->> 'messages' from landed.erasure") == [
        (HASH, "ann", "… asked", "3")
    ]


def rows(database: str, query: str) -> list[tuple[Any, ...]]:
    async def task() -> list[tuple[Any, ...]]:
        connection = await asyncpg.connect(database)
        try:
            return [tuple(row) for row in await connection.fetch(query)]
        finally:
            await connection.close()

    return asyncio.run(task())


def test_no_output_ever_names_the_address(keyed: Place) -> None:
    for words in (["--yes"], ["--yes", "--json"], ["--channel", "voice"]):
        said = keyed("erase", "--recipient", NUMBER, *words, stdin="n\n", code=0 if "--yes" in words else 1)

        assert "7700900123" not in said.out + said.err
        assert KEY not in said.out + said.err


def test_without_a_key_it_refuses_and_says_how_to_make_one(landed: Place) -> None:
    said = landed("erase", "--recipient", NUMBER, "--yes", code=1)

    assert said.err == (
        "Error: erasing needs a key to hash with: set LANDED_RECIPIENT_KEY (or LANDED_RECIPIENT_KEY_FILE) to at least"
        " 32 characters (`openssl rand -hex 32` makes some), for every worker too, and keep it; see docs/privacy.md\n"
    )


@pytest.mark.parametrize("key", [None, "another key, which is long enough too"])
def test_once_there_are_hashes_the_right_key_is_needed(keyed: Place, key: str | None) -> None:
    """For everything that would be wrong without it. What needs no key still works."""
    keyed("erase", "--recipient", "ann@example.org", "--yes")
    keyed.unset("recipient_key")
    if key:
        keyed.set(recipient_key=key)
        assert "is another key" in keyed("erase", "--recipient", NUMBER, "--yes", code=1).err
    for words in (["check", "sms", NUMBER], ["add", "sms", NUMBER], ["remove", "email", "ann@example.org"]):
        assert "LANDED_RECIPIENT_KEY" in keyed("suppression", *words, code=1).err
    assert len(report(keyed)["rows"]) == 5


def test_without_the_key_neither_a_worker_nor_a_look_begins(keyed: Place) -> None:
    """They would take one person for two, and write addresses down."""
    keyed("erase", "--recipient", NUMBER, "--yes")
    keyed.unset("recipient_key")

    for words in (["worker"], ["look", "order-4"], ["quarantine", "apply"]):
        assert keyed(*words, code=1).err.splitlines()[-1] == (
            "Error: recipients in this database are hashed with a key, and there is none here: set LANDED_RECIPIENT_KEY"
            " to it (or LANDED_RECIPIENT_KEY_FILE to its file)"
        )


def test_a_block_survives_is_checked_and_can_be_removed(keyed: Place) -> None:
    said = keyed("erase", "--recipient", "ANN@example.org", "--yes").out

    assert "1 proof of a block" in said
    assert "it is still blocked" in said
    checked = keyed("suppression", "check", "email", "ann@example.org", "--json").json
    assert (checked["blocked"], checked["proofs"][0]["because"]) == (True, "hard_bounced")
    assert [one["recipient"] for one in keyed("suppression", "--json").json] == [Hashing(KEY).of("ann@example.org")]

    keyed("suppression", "remove", "email", "Ann@example.org")

    assert keyed("suppression", "check", "email", "ann@example.org").out.startswith("not blocked")


def test_blocking_who_was_erased_keeps_no_address(keyed: Place, database: str) -> None:
    keyed("erase", "--recipient", NUMBER, "--yes")
    keyed("suppression", "add", "sms", NUMBER, "+447700900999")

    assert rows(database, "select recipient from landed.suppression where channel = 2 order by 1") == [
        ("+447700900999",),
        (HASH,),
    ]
    assert keyed("suppression", "check", "sms", NUMBER, "--json").json["blocked"]


def test_where_all_recipients_are_hashed_commands_take_addresses_and_show_none(landed: Place, database: str) -> None:
    landed.set(recipient_key=KEY, store_recipients="hashed")
    landed("record", "-", stdin=ROWS)
    take_in()
    landed("suppression", "add", "sms", NUMBER)

    shown = [row["recipient"] for row in report(landed)["rows"]]
    assert shown == ["order-1", "order-2", "SM1", "order-4", "mail-1"]
    assert landed("suppression", "check", "sms", NUMBER, "--json").json["blocked"]
    assert rows(database, "select recipient from landed.suppression where channel = 2") == [(HASH,)]
    assert rows(database, "select everyone from landed.hashing") == [(True,)]

    landed("suppression", "remove", "sms", NUMBER)
    said = landed("erase", "--recipient", NUMBER, "--yes", "--json").json

    assert not landed("suppression", "check", "sms", NUMBER, "--json").json["blocked"]
    assert said["erased"]["messages"] == 3


def test_a_place_that_does_not_know_of_it_keeps_hashes_as_the_database_says(landed: Place, database: str) -> None:
    """A command run with the key and without the setting."""
    landed.set(recipient_key=KEY, store_recipients="hashed")
    landed("suppression", "add", "sms", "+447700900999")
    landed.unset("store_recipients")
    landed("suppression", "add", "sms", NUMBER)

    kept = {HASH, Hashing(KEY).of("+447700900999")}
    assert {row[0] for row in rows(database, "select recipient from landed.suppression")} == kept


def test_the_key_is_hidden_where_settings_are_shown(keyed: Place) -> None:
    shown = keyed("config", "show", "--json").out

    assert KEY not in shown
    assert json.loads(shown)["recipient_key"] == "********"
