"""`docs/simulator.md` says what there is."""

from dataclasses import fields
from pathlib import Path

import click
import pytest

from cli.simulate import simulate
from simulator import Faults, Scenario, Simulator
from simulator.sending import routes
from simulator.server import KINDS

PAGE = (Path(__file__).resolve().parent.parent.parent / "docs" / "simulator.md").read_text("utf-8")


@pytest.mark.parametrize("name", [one.name for one in fields(Faults)])
def test_every_fault_is_explained(name: str) -> None:
    assert f"`{name}`" in PAGE


@pytest.mark.parametrize("name", [one.name for one in fields(Scenario)])
def test_every_name_of_a_scenario_is_shown(name: str) -> None:
    assert f"\n{name} = " in PAGE or f"\n[{name}" in PAGE


@pytest.mark.parametrize("name", [param.opts[0] for param in simulate.params if isinstance(param, click.Option)])
def test_every_option_is_explained(name: str) -> None:
    assert f"| `{name}` |" in PAGE


@pytest.mark.parametrize("name", KINDS)
def test_every_resource_is_listed_with_its_provider(name: str) -> None:
    account = Simulator(Scenario())._accounts[name]  # noqa: SLF001  its routes are told to nobody else
    line = next(line for line in PAGE.splitlines() if line.startswith(f"| `{name}` |"))
    for route in (*account.routes(), *routes(account)):
        assert (
            route.path.rpartition("/")[2].replace("{id}", "ID").replace("{sid}", "SID").replace("{page}", "pages")
            in line
        )
        assert route.method in line


def test_the_scenario_shown_can_be_played(tmp_path: Path) -> None:
    path = tmp_path / "scenario.toml"
    path.write_text(PAGE.partition("```toml\n")[2].partition("```")[0], "utf-8")
    scenario = Scenario.load(path)

    assert Simulator(scenario).scenario.faults == Faults(late=0.1, lost=0.5)
