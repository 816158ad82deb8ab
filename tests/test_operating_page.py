"""What is written for whoever is on call is whole: every event of the log, every state of a breaker."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from rules.breaker import Stand

ROOT = Path(__file__).resolve().parent.parent
PAGE = (ROOT / "docs" / "operating.md").read_text("utf-8")

LEVELS = {"debug", "info", "warning", "error", "exception"}

pytestmark = pytest.mark.once


def events() -> Iterator[tuple[str, str]]:
    """The level of each event that the program writes into the log, `?` where that is chosen, and its name."""
    for folder in ("adapters", "cli", "config", "embedded", "store", "web", "worker"):
        for path in sorted((ROOT / folder).rglob("*.py")):
            for node in ast.walk(ast.parse(path.read_text("utf-8"))):
                match node:
                    case ast.Call(
                        func=ast.Attribute(value=ast.Name("log"), attr=level), args=[ast.Constant(str(event)), *_]
                    ) if level in LEVELS:
                        yield level, event
                    case ast.Call(func=ast.Name("level"), args=[ast.Constant(str(event)), *_]):
                        yield "?", event


def told() -> dict[str, str]:
    """The events of the page, and their levels."""
    table = PAGE.partition("\n## Events in the log\n")[2]
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in table.splitlines() if line[:3] == "| `"]
    return {name: row[1] for row in cells for name in re.findall(r"`(\w+)`", row[0])}


def test_every_event_of_the_log_is_told_with_its_level() -> None:
    found = {(event, "error" if level == "exception" else level) for level, event in events()}
    wrong = [(event, level) for event, level in found if level not in {*told().get(event, "").split(", "), "?"}]

    assert len(found) > 30
    assert sorted(wrong) == []
    assert set(told()) == {event for event, _ in found}


def test_every_state_of_a_breaker_is_told() -> None:
    table = PAGE.partition("\n## Breakers\n")[2].partition("\n## ")[0]

    assert re.findall(r"^\| `([a-z ]+)` \|", table, re.MULTILINE) == ["breaker", *Stand]
