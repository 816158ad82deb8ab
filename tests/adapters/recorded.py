"""Recorded answers: `tests/adapters/answers/<adapter>/<case>.json`, as `docs/adapters.md` describes them.

A case is named after what it shows, with more after a dash where there are several: `failed-30005.json`. Beside them,
`settings.json` has the settings of an imagined account; its secrets are planted and must never be seen anywhere.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
from pydantic import SecretStr

import adapters
from adapters.base import Adapter, Ids, Page, References, Since, Take, What, Window

ANSWERS = Path(__file__).parent / "answers"

NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)

#: What each shape is called in a recorded answer.
SHAPES: Mapping[str, Callable[[Any], What]] = {
    "ids": lambda ids: Ids(tuple(unfolded(ids))),
    "references": lambda references: References(tuple(unfolded(references))),
    "window": lambda times: Window(*map(datetime.fromisoformat, times)),
    "since": lambda at: Since(at["position"], datetime.fromisoformat(at["since"])),
    "take": lambda _: Take(),
}


@dataclass(frozen=True, slots=True)
class Answer:
    """One recorded answer: what was asked, what came, and what must be read from it."""

    name: str
    case: str
    recorded: Mapping[str, Any]

    def adapter(self) -> Adapter[Any]:
        """The adapter for the account to which this was answered."""
        return adapter(self.name, **self.recorded.get("settings", {}))

    def what(self) -> What:
        """The question."""
        ((shape, value),) = self.recorded["what"].items()
        return SHAPES[shape](value)

    def response(self) -> httpx.Response:
        """The answer, made anew, because reading may leave traces."""
        response = self.recorded["response"]
        return httpx.Response(response["status"], headers=response.get("headers"), content=body(response))

    def read(self) -> Page:
        """What the adapter reads from it."""
        return self.adapter().read(self.what(), self.response())

    def __str__(self) -> str:
        return f"{self.name}/{self.case}"


def unfolded(value: Any) -> Any:
    """A list as it is, or a list of `times` copies of `repeat`, each numbered."""
    if not isinstance(value, dict) or set(value) != {"repeat", "times"}:
        return value
    return [numbered(value["repeat"], number) for number in range(value["times"])]


def numbered(value: Any, number: int) -> Any:
    """`value` with `{n}` replaced by `number`, and `{n12}` by it with twelve digits, in every text, names too."""
    text = json.dumps(value).replace("{n}", str(number))
    for digits in (12, 32):
        text = text.replace(f"{{n{digits}}}", f"{number:0{digits}}")
    return json.loads(text)


def body(response: Mapping[str, Any]) -> bytes:
    """The answer's bytes: `text`, or `json` in which any `{"repeat": item, "times": n}` stands for a long list.

    A repeated item that is a pair `["name", value]` below `"as": "object"` makes one object of them all.
    """
    if "text" in response:
        return str(response["text"]).encode()
    return json.dumps(_expanded(response["json"])).encode() if "json" in response else b""


def _expanded(value: Any) -> Any:
    if isinstance(value, dict) and "repeat" in value and "times" in value:
        items = unfolded({"repeat": value["repeat"], "times": value["times"]})
        return dict(items) if value.get("as") == "object" else items
    if isinstance(value, dict):
        return {name: _expanded(inner) for name, inner in value.items()}
    return [_expanded(inner) for inner in value] if isinstance(value, list) else value


def adapter(name: str, **settings: Any) -> Adapter[Any]:
    """The adapter `name` for its imagined account."""
    kind = adapters.find(name)
    return kind(kind.Settings(**(imagined(name) | settings)))


def imagined(name: str) -> dict[str, Any]:
    """The settings of the imagined account at `name`."""
    found: dict[str, Any] = json.loads((ANSWERS / name / "settings.json").read_text())
    return found


def planted(name: str) -> list[str]:
    """Every secret of the imagined account at `name`, and its last part where it is made of several."""
    settings = adapters.find(name).Settings(**imagined(name))
    values = [value.get_secret_value() for _, value in settings if isinstance(value, SecretStr)]
    return [*values, *(value[-36:] for value in values)]


def answers(name: str | None = None) -> list[Answer]:
    """Every recorded answer of the adapter `name`, or of all."""
    return [
        Answer(path.parent.name, path.stem, json.loads(path.read_text()))
        for path in sorted(ANSWERS.glob(f"{name or '*'}/*.json"))
        if path.stem != "settings"
    ]


every_adapter = pytest.mark.parametrize("name", adapters.names())
every_answer = pytest.mark.parametrize("answer", answers(), ids=str)
every_page = pytest.mark.parametrize("answer", [one for one in answers() if "raises" not in one.recorded], ids=str)
