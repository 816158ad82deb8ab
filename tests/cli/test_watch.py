"""`watch` keeps the totals of a communication up, for people and for programs, until it is told to end."""

import json
import signal

import pytest

from tests.cli.conftest import Place, take_in
from tests.cli.terminal import Terminal, terminal
from tests.cli.test_surroundings import execute

#: It does not depend on the interpreter.
pytestmark = pytest.mark.once

NAME = "Flood warning 7"


@pytest.fixture
def flood(landed: Place) -> Place:
    """A communication of two texts that were sent and a mail that was delivered."""
    record(landed, "sms,a,sent", "sms,b,sent", "email,c,delivered")
    return landed


def record(place: Place, *lines: str) -> None:
    """Say something of messages of the communication, and take it in."""
    rows = [f"text_main,{line},{NAME}" if line.startswith("sms") else f"mail_main,{line},{NAME}" for line in lines]
    path = place.write("rows.csv", "\n".join(["account,channel,reference,status,communication", *rows]))
    place("record", str(path))
    take_in()


def interrupt(shown: Terminal) -> int:
    """What Ctrl-C ends with."""
    shown.process.send_signal(signal.SIGINT)
    shown.rest()
    return shown.process.wait()


def test_a_line_says_each_change_and_the_last_one_that_nothing_is_open(flood: Place) -> None:
    with terminal(flood.folder, "watch", NAME, "--json", "--until-settled", "--vocabulary", "crisis") as shown:
        shown.until('"open": 2')
        record(flood, "sms,a,delivered")
        shown.until('"open": 1')
        record(flood, "sms,b,failed")
        said = [json.loads(line) for line in shown.rest().splitlines()]
    last = said[-1]
    totals = {(one["channel"], one["label"]): one["messages"] for one in last["totals"]}

    assert [one["open"] for one in said] == [2, 1, 0]
    assert (last["communication"], last["messages"]) == (NAME, 3)
    assert totals == {("email", "Delivered"): 1, ("sms", "Delivered"): 1, ("sms", "Failed"): 1}
    assert shown.process.returncode == 0


def test_without_a_terminal_each_change_is_a_line_of_words(flood: Place) -> None:
    record(flood, "sms,a,delivered", "sms,b,delivered")

    said = flood("watch", NAME, "--until-settled", "--vocabulary", "log").out

    assert said.split("  ", 1)[1] == "3 messages, 0 open; email: Delivered 1; sms: Delivered 2\n"


def test_on_a_terminal_the_totals_change_where_they_are(flood: Place) -> None:
    with terminal(flood.folder, "watch", NAME, "--vocabulary", "crisis") as shown:
        shown.until("3 messages, 2 open")
        record(flood, "sms,a,delivered")
        shown.until("3 messages, 1 open")
        code = interrupt(shown)

    assert code == 0
    assert "\x1b[" in shown.seen
    assert "Traceback" not in shown.seen


def test_what_is_recorded_later_counts_too(flood: Place) -> None:
    with terminal(flood.folder, "watch", NAME) as shown:
        shown.until("3 messages")
        record(flood, "sms,d,sent")
        shown.until("4 messages")

        assert interrupt(shown) == 0


def test_an_end_that_was_to_be_awaited_is_no_success_if_it_does_not_come(flood: Place) -> None:
    with terminal(flood.folder, "watch", NAME, "--until-settled", "--json") as shown:
        shown.until('"open": 2')

        assert interrupt(shown) == 1


def test_who_is_misspelt_is_guessed(flood: Place) -> None:
    assert "did you mean 'Flood warning 7'?" in flood("watch", "Flod warning 7", code=1).err


def test_a_database_that_ends_its_connections_is_asked_again(flood: Place, database: str) -> None:
    """Only the first count must succeed."""
    with terminal(flood.folder, "watch", NAME, "--json") as shown:
        shown.until('"open": 2')
        execute(
            database,
            "select pg_terminate_backend(pid) from pg_stat_activity"
            " where datname = current_database() and pid <> pg_backend_pid()",
        )
        record(flood, "sms,a,delivered")
        shown.until('"open": 1')

        assert interrupt(shown) == 0
