"""The sending service that the demo plays."""

from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest

from cli.sending import Service, values
from rules.columns import NAMES
from rules.statuses import Status
from simulator import Faults, Scenario, Simulator

#: It does not depend on the interpreter.
pytestmark = pytest.mark.once

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
LATER = NOW + timedelta(minutes=30)
MANY = 1200


def _simulator(seed: int) -> Simulator:
    return Simulator(Scenario(seed=seed, typical=timedelta(seconds=3), faults=Faults.usual()), lambda: NOW)


def _service(seed: int) -> Service:
    return Service(_simulator(seed), seed)


def test_the_same_seed_sends_and_records_the_same() -> None:
    first, second = _service(5), _service(5)

    assert first.wave(MANY, NOW) == second.wave(MANY, NOW)
    assert first.messages == second.messages


def test_it_sends_exactly_as_many_as_wanted_through_all_providers_in_several_communications() -> None:
    service = _service(5)
    service.wave(700, NOW)
    service.wave(500, NOW)

    assert len(service.messages) == MANY
    assert {message.account for message in service.messages} == {
        "expo", "govuk_notify", "infobip", "mailgun", "messagemedia", "twilio",
    }  # fmt: skip
    assert len({message.communication for message in service.messages}) == 4


def test_every_message_is_recorded_at_least_once_and_some_twice_or_late() -> None:
    service = _service(5)
    now, later = service.wave(MANY, NOW), service.last()
    rows = Counter((row["account"], row["reference"]) for row in now + later)
    at_once = {(row["account"], row["reference"]) for row in now}
    sent = {(message.account, message.reference) for message in service.messages}

    assert sent == set(rows)
    assert sent - at_once
    assert set(service.tricks) == {"recorded_late", "recorded_twice", "sender_crashed_before_recording_the_id"}


def test_what_is_never_handed_over_has_no_provider_id() -> None:
    service = _service(5)
    rows = service.wave(MANY, NOW)
    unsent = [row for row in rows if row.get("status") in {"control_group", "no_address", "duplicate", "not_sent"}]

    assert {row["status"] for row in unsent} == {"control_group", "no_address", "duplicate", "not_sent"}
    assert all(row["provider_id"] is None for row in unsent)


def test_of_every_status_that_stays_open_some_messages_may_stay_so_to_the_end() -> None:
    simulator = _simulator(5)
    service = Service(simulator, 5)
    service.wave(MANY, NOW)
    ends = [(one.is_patient, simulator.truth(one.sent, LATER).status) for one in service.messages if one.sent]
    stuck = {status for _, status in ends if status.is_open}

    assert {Status.SENT, Status.DEFERRED, Status.SOFT_BOUNCED} <= stuck
    assert {(patient, status) for patient, status in ends if status.is_open} == {
        (patient, status) for patient in (True, False) for status in stuck
    }


def test_rows_have_the_columns_of_the_inbox_in_their_order() -> None:
    service = _service(5)
    rows = service.wave(50, NOW)

    assert all(len(row) == len(NAMES) for row in values(rows))
    assert [row[NAMES.index("account")] for row in values(rows)] == [row["account"] for row in rows]
