"""Scenarios and the files they come from."""

from dataclasses import fields
from datetime import timedelta
from pathlib import Path

import pytest

from simulator import Faults, Scenario, ScenarioError, Simulator

WHOLE = """
seed = 7
typical = "4s"
spread = 0.25
silence = "3s"
skew = "500ms"

[faults]
late = 0.5
lost = 1

[weights.twilio]
delivered = 0
"""


def _file(folder: Path, text: str) -> Path:
    path = folder / "scenario.toml"
    path.write_text(text, "utf-8")
    return path


def test_a_file_says_everything(tmp_path: Path) -> None:
    expected = Scenario(
        seed=7,
        typical=timedelta(seconds=4),
        spread=0.25,
        faults=Faults(late=0.5, lost=1),
        silence=timedelta(seconds=3),
        skew=timedelta(milliseconds=500),
        weights={"twilio": {"delivered": 0.0}},
    )

    assert expected == Scenario.load(_file(tmp_path, WHOLE))


def test_an_empty_file_is_the_usual_scenario_without_faults(tmp_path: Path) -> None:
    assert Scenario(faults=Faults.none()) == Scenario.load(_file(tmp_path, ""))


def test_everything_that_is_wrong_is_said_at_once_with_guesses(tmp_path: Path) -> None:
    text = 'seeed = 1\ntypical = "soon"\nspread = -1\n[faults]\nlaet = 1\nlost = 2\n[weights]\ntwilio = 3\n'
    with pytest.raises(ScenarioError) as caught:
        Scenario.load(_file(tmp_path, text))

    lines = str(caught.value).splitlines()
    assert len(lines) == 6
    assert all("scenario.toml: " in line for line in lines)
    assert "did you mean 'seed'?" in str(caught.value)
    assert "did you mean 'late'?" in str(caught.value)
    assert "faults.lost: is a rate between 0 (never) and 1 (always)" in str(caught.value)
    assert "'soon' is not a duration" in str(caught.value)


@pytest.mark.parametrize(
    "text", ["seed = ", "seed = 'one'", "seed = true", "typical = '0s'", "typical = 5", "faults = 1", "weights = 2"]
)
def test_what_is_no_scenario_is_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(ScenarioError, match=r"scenario\.toml"):
        Scenario.load(_file(tmp_path, text))


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(ScenarioError, match=r"nowhere\.toml cannot be read: No such file"):
        Scenario.load(tmp_path / "nowhere.toml")


@pytest.mark.parametrize(
    ("weights", "said"),
    [
        ({"twillio": {}}, "did you mean 'twilio'"),
        ({"twilio": {"deliverd": 1.0}}, "did you mean 'delivered'"),
        ({"expo": dict.fromkeys(Simulator(Scenario()).fates("expo"), 0.0)}, "no fate is left for push"),
    ],
)
def test_weights_of_what_there_is_not_are_refused(weights: dict[str, dict[str, float]], said: str) -> None:
    with pytest.raises(ScenarioError, match=said):
        Simulator(Scenario(weights=weights))


def test_every_usual_fault_has_a_rate_and_none_is_without() -> None:
    """Messages that listings leave out stay a thing to ask for."""
    usual = {one.name for one in fields(Faults) if getattr(Faults.usual(), one.name)}

    assert {one.name for one in fields(Faults)} == usual
    assert not any(getattr(Faults.none(), one.name) for one in fields(Faults))
