"""What holds for every command: its help, its place in docs/commands.md, `--json`, exit codes."""

import re
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from cli.commands import PLACES, load
from tests.cli.conftest import Place

PAGE = (Path(__file__).parents[2] / "docs" / "commands.md").read_text("utf-8")

#: Those that show nothing, or whose exit code is all that a program needs.
SILENT = {
    "up", "web", "simulate", "test", "check", "accounts pause", "accounts resume", "schedule pin",
    "schedule unpin", "suppression remove", "token revoke",
}  # fmt: skip


def every() -> Iterator[tuple[str, click.Command]]:
    """Every command by its whole name, without the groups."""
    for name, place in PLACES.items():
        command = load(name, place)
        if isinstance(command, click.Group):
            yield from ((f"{name} {below}", one) for below, one in command.commands.items())
        else:
            yield name, command


COMMANDS = dict(every())

each = pytest.mark.parametrize("name", COMMANDS)


def options(name: str) -> set[str]:
    """The long options of a command."""
    parameters = [one for one in COMMANDS[name].params if isinstance(one, click.Option)]
    return {word for one in parameters for word in one.opts if word.startswith("--")}


def section(name: str) -> str:
    """What the page says below the heading of a command."""
    found = re.search(rf"^#+ landed {name}\n(.*?)(?=^#|\Z)", PAGE, re.DOTALL | re.MULTILINE)
    assert found, f"docs/commands.md has no heading `landed {name}`"
    return found[1]


@each
def test_the_page_tells_exactly_the_options_that_a_command_has(name: str) -> None:
    # What an example shows may belong to another command.
    told = re.sub(r"^    \$ .*?(?=^\S|\Z)", "", section(name), flags=re.DOTALL | re.MULTILINE)
    passed_on = {"--fix"} if name == "check" else set()

    assert set(re.findall(r"--[a-z][a-z-]*", told)) == options(name) | passed_on


@each
def test_every_command_and_option_says_what_it_is_for(name: str) -> None:
    command = COMMANDS[name]
    dumb = [one.name for one in command.params if isinstance(one, click.Option) and not one.help]

    assert command.help
    assert dumb == []


@each
def test_what_shows_something_shows_it_to_programs_too(name: str) -> None:
    assert ("--json" in options(name)) == (name not in SILENT)


@each
def test_help_is_wrapped_and_works_without_any_configuration(bare: Place, name: str) -> None:
    bare.write("landed.toml", "this is not TOML")
    said = bare(*name.split(), "--help").out

    assert said.startswith(f"Usage: landed {name} ")
    assert max(map(len, said.splitlines())) <= 80


def test_without_a_command_it_prints_help(bare: Place) -> None:
    said = bare().out

    assert said == bare("--help").out
    assert [name for name in PLACES if not re.search(rf"^  {name} +[A-Z]", said, re.MULTILINE)] == []


def test_it_says_which_release_it_is(bare: Place) -> None:
    assert re.fullmatch(r"landed \d+\.\d+\.\d+\n", bare("--version").out)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["recrod"], "No such command 'recrod'. Did you mean 'record'?"),
        (["accounts", "paus"], "No such command 'paus'. Did you mean 'pause'?"),
        (["report"], "Missing argument 'COMMUNICATION'"),
        (["report", "x", "--vocabluary", "crisis"], "--vocabulary"),
        (["report", "x", "--format", "xml"], "'xml' is not one of 'table', 'csv', 'json'"),
        (["record", "-", "--channel", "smss"], "unknown channel 'smss', did you mean 'sms'?"),
    ],
)
def test_wrong_use_is_exit_code_2_with_a_guess(bare: Place, words: list[str], said: str) -> None:
    assert said in bare(*words, code=2).err


def test_what_nobody_foresaw_keeps_its_traceback(bare: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken() -> None:
        raise ZeroDivisionError

    monkeypatch.setattr("cli.session.settings", broken)

    with pytest.raises(ZeroDivisionError):
        bare("accounts")
