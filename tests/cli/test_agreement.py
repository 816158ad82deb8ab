"""Whether Landed and the simulated providers agree: a difference of any kind is seen."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from adapters import find
from cli.agreement import differences, expected
from cli.sending import Service
from rules.reports import Word
from rules.state import State, join
from rules.statuses import Engagement, Reason, Status
from simulator import Faults, Scenario, Simulator
from worker.accounts import Account

#: It does not depend on the interpreter.
pytestmark = pytest.mark.once

START = datetime(2026, 11, 24, 12, tzinfo=UTC)
LATER = START + timedelta(hours=1)

Key = tuple[str, str, str]


class Clock:
    """A time that the test sets."""

    def __init__(self) -> None:
        self.now = START

    def __call__(self) -> datetime:
        """The time."""
        return self.now


@pytest.fixture
def run() -> tuple[Service, Simulator, dict[str, Account]]:
    """Some hundred messages, of which everything has been said."""
    clock = Clock()
    simulator = Simulator(Scenario(seed=3, typical=timedelta(seconds=3), faults=Faults.usual()), clock)
    service = Service(simulator, 3)
    service.wave(400, START)
    clock.now = LATER
    return service, simulator, {name: _account(simulator, name) for name in simulator.providers}


def _account(simulator: Simulator, name: str) -> Account:
    kind = find(name)
    adapter = kind(kind.Settings(base_url="http://127.0.0.1", **simulator.settings(name)))
    return Account(name, adapter, kind.limits)


def _ours(run: tuple[Service, Simulator, Mapping[str, Account]]) -> dict[Key, State]:
    """What Landed says when it is right."""
    service, simulator, accounts = run
    said = {}
    for message in service.messages:
        account = accounts[message.account]
        part = account.adapter.normal_part(message.recipient) if account.limits.parts else ""
        said[message.account, message.reference, part] = expected(message, simulator, account)
    return said


Run = tuple[Service, Simulator, dict[str, Account]]


def _found(run: Run, ours: Mapping[Key, State]) -> int:
    service, simulator, accounts = run
    return len(differences(service.messages, ours, simulator, accounts))


def test_what_is_right_agrees(run: Run) -> None:
    assert _found(run, _ours(run)) == 0


def test_a_message_that_is_not_recorded_is_a_difference(run: Run) -> None:
    ours = _ours(run)
    ours.popitem()

    assert _found(run, ours) == 1


def test_every_other_status_is_a_difference(run: Run) -> None:
    ours = _ours(run)
    key, state = next((key, state) for key, state in ours.items() if state.status is Status.TIMED_OUT)
    wrong = [replace(state, heard=status.bit) for status in Status if status is not Status.TIMED_OUT]

    assert [_found(run, ours | {key: one}) for one in wrong] == [1] * len(wrong)


def test_another_reason_code_or_response_is_a_difference(run: Run) -> None:
    ours = _ours(run)
    key, state = next((key, state) for key, state in ours.items() if state.status is Status.HARD_BOUNCED)
    at = state.status_at or START
    wrong = [
        replace(state, cause=(at, Reason.POLICY, state.code)),
        replace(state, cause=(at, state.reason, "another")),
        replace(state, response=(at, "hello")),
    ]

    assert [_found(run, ours | {key: one}) for one in wrong] == [1] * len(wrong)


def test_an_opening_that_the_feed_told_and_landed_does_not_have_is_a_difference(run: Run) -> None:
    ours = _ours(run)
    key, state = next((k, s) for k, s in ours.items() if k[0] == "mailgun" and s.first(Engagement.READ))

    assert _found(run, ours | {key: replace(state, engagement=(None,) * len(Engagement))}) == 1


def test_a_message_that_is_still_open_at_its_deadline_is_a_difference(run: Run) -> None:
    service, simulator, accounts = run
    ours = _ours(run)
    message = next(m for m in service.messages if m.sent and not m.is_patient and _open(simulator.truth(m.sent)))
    part = message.sent.part if message.sent else ""
    open_still = join(State(), [Word(Status.SENT.bit, START)])

    assert _found(run, ours | {(message.account, message.reference, part): open_still}) == 1
    assert not expected(message, simulator, accounts[message.account]).status.is_open


def _open(state: State) -> bool:
    return state.status.is_open
