"""`landed simulate`."""

import csv
import signal
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import httpx
import pytest

from cli.simulate import COMMUNICATIONS, configuration
from config import load
from rules.columns import stored
from rules.statuses import Channel
from simulator import Scenario, Simulator
from tests.simulator.playing import START, credentials
from worker.build import build

ROOT = Path(__file__).resolve().parent.parent.parent


def _command(*arguments: object) -> list[str]:
    return [sys.executable, "-m", "cli", "simulate", *(str(one) for one in arguments)]


@contextmanager
def _running(*arguments: object) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """The command at work on a free port, and where it says that it listens."""
    process = subprocess.Popen(
        _command("--port", 0, *arguments), cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout is not None
        first = process.stdout.readline()
        yield process, first.split(" at ")[1].split(";")[0]
    finally:
        process.kill()
        process.communicate()


def _failed(*arguments: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(_command(*arguments), cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_runs_until_a_signal_and_ends_well(number: signal.Signals) -> None:
    with _running() as (process, address):
        answer = httpx.get(f"{address}/sms/3/reports")
        process.send_signal(number)
        _, errors = process.communicate(timeout=30)

    assert answer.status_code == 401
    assert (process.returncode, errors) == (0, "")


def test_it_writes_what_was_sent_and_accounts_that_can_ask_about_it(tmp_path: Path) -> None:
    record, config = tmp_path / "sent.csv", tmp_path / "landed.toml"
    arguments = ("--messages", 50, "--seed", 3, "--faults", "none", "--record", record, "--config", config)
    with _running(*arguments) as (_, address):
        rows = list(csv.DictReader(record.read_text("utf-8").splitlines()))
        accounts = tomllib.loads(config.read_text("utf-8"))["accounts"]
        row = next(row for row in rows if row["account"] == "messagemedia")
        auth = credentials("messagemedia", accounts["messagemedia"], START)
        found = httpx.get(f"{address}/v1/messages/{row['provider_id']}", auth=auth)
    built = build(load({"LANDED_CONFIG": str(config)}, tmp_path))

    assert len(rows) == 50
    assert set(built) == set(accounts) == {row["account"] for row in rows}
    assert {(row["communication"], row["channel"]) for row in rows} == {
        (name, channel) for name in COMMUNICATIONS for channel in ("email", "sms", "push", "letter", "chat")
    }
    assert all(stored({name: text for name, text in row.items() if text}) for row in rows)
    assert (200, row["recipient"]) == (found.status_code, found.json()["destination_number"])


@pytest.mark.parametrize("seconds", [0.5, 4, 30, 3600])
def test_the_accounts_fit_the_scenario(tmp_path: Path, seconds: float) -> None:
    """Deadlines lie after the last word, feeds are trusted after their late events, looks come before the deadline."""
    scenario, path = Scenario(typical=timedelta(seconds=seconds)), tmp_path / "landed.toml"
    path.write_text(configuration(Simulator(scenario), "http://127.0.0.1:1"), "utf-8")
    for account in build(load({"LANDED_CONFIG": str(path)}, tmp_path)).values():
        allowance = account.allowance(Channel.SMS)

        assert allowance > scenario.longest
        assert account.limits.lag >= scenario.moment
        assert account.limits.horizon > scenario.horizon
        assert account.limits.retention is None or account.limits.retention > allowance
        assert all(look < allowance for look in account.schedules[Channel.SMS].looks)
        assert account.timeout < scenario.silence


def test_a_port_in_use_is_one_line() -> None:
    with _running() as (_, address):
        port = address.rpartition(":")[2]
        failed = _failed("--port", port)

    assert failed.returncode == 1
    assert [
        f"Error: port {port} is in use: choose another port, or 0 for any that is free"
    ] == failed.stderr.splitlines()


def test_a_bad_scenario_is_told_and_nothing_starts(tmp_path: Path) -> None:
    path = tmp_path / "bad.toml"
    path.write_text("[faults]\nlaet = 1\n", "utf-8")
    failed = _failed("--scenario", path)

    assert failed.returncode == 1
    assert [f"Error: {path}: faults: unknown name 'laet'; did you mean 'late'?"] == failed.stderr.splitlines()


def test_files_that_are_there_are_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "landed.toml"
    path.write_text("mine", "utf-8")
    for option in ("--config", "--record"):
        failed = _failed(option, path)

        assert (failed.returncode, path.read_text("utf-8")) == (1, "mine")
        assert "is there already: name another file" in failed.stderr


def test_a_wrong_duration_is_wrong_use() -> None:
    failed = _failed("--typical", "soon")

    assert failed.returncode == 2
    assert "'soon' is not a duration" in failed.stderr
