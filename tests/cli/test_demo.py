"""`landed demo`: the main job, end to end, on one command."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from cli import demo
from cli.agreement import Difference
from cli.demo import Outcome
from cli.sending import Message
from rules.state import State
from rules.statuses import Channel, Status

ROOT = Path(__file__).resolve().parent.parent.parent

KEYS = ["messages", "agree", "disagree", "statuses", "requests", "requests_per_message", "seconds", "faults"]

pytestmark = pytest.mark.once


def test_it_agrees_with_every_provider_reaches_every_status_and_leaves_nothing_behind(tmp_path: Path) -> None:
    """The worker is killed in the middle, and the settings of whoever starts it do not matter."""
    environment = os.environ | {"TMPDIR": str(tmp_path), "PYTHONPATH": str(ROOT), "LANDED_DATABASE_URL": "nowhere"}
    tmp_path.chmod(0o711)
    command = [sys.executable, "-P", "-m", "cli", "demo", "--messages", "600", "--seed", "4", "--json"]
    done = subprocess.run(command, env=environment, cwd=tmp_path, capture_output=True, text=True, check=False)
    outcome = json.loads(done.stdout.splitlines()[-1])

    assert (done.returncode, outcome["messages"], outcome["agree"], outcome["disagree"]) == (0, 600, 600, 0), (
        done.stdout
    )
    assert list(outcome) == KEYS
    assert list(outcome["statuses"]) == [status.word for status in Status]
    assert all(outcome["statuses"].values())
    assert sum(outcome["statuses"].values()) == outcome["messages"]
    assert outcome["faults"]["worker_killed"] == 1
    assert outcome["requests_per_message"] == round(outcome["requests"] / 600, 3)

    assert "600 of 600 messages as their provider has them" in done.stdout
    for vocabulary in ("crisis", "history", "log", "engage"):
        assert f"in the words of {vocabulary}" in done.stdout
    assert list(tmp_path.iterdir()) == []


def _outcome(*differences: Difference) -> Outcome:
    return Outcome(300, list(differences), {}, 30, 1.0, {})


def _difference() -> Difference:
    message = Message("twilio", Channel.SMS, "+447700900123", "Flood warning 7", "demo-1", ())
    return Difference(message, None, State(heard=Status.DELIVERED.bit))


@pytest.mark.parametrize(("differences", "code"), [((), 0), ((_difference(),), 1)])
def test_one_difference_is_enough_for_exit_code_1(
    monkeypatch: pytest.MonkeyPatch, differences: tuple[Difference, ...], code: int
) -> None:
    async def show(*_: object, **__: object) -> Outcome:
        return _outcome(*differences)

    monkeypatch.setattr(demo, "_show", show)

    assert CliRunner().invoke(demo.demo, ["--messages", "300"]).exit_code == code


def test_a_difference_names_the_message_and_never_its_address() -> None:
    said = str(_difference())

    assert said == "twilio demo-1: Landed says nothing, delivered is true"
