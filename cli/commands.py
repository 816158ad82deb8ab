"""The commands: what each is called, what it does, and where it is.

A command's own module is imported when it runs, so that help comes at once and `check` needs nothing that `run` needs.
"""

import sys
import tomllib
from collections.abc import Callable, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

import click

ROOT = Path(__file__).resolve().parent.parent

#: Every command under its heading: name, one line of meaning, `module:name`.
SECTIONS: dict[str, list[tuple[str, str, str]]] = {
    "Begin": [
        ("demo", "Show everything at work on this machine, against a simulated provider.", "cli.demo:demo"),
        ("probe", "Ask a provider now and print what it says; writes nothing.", "cli.probe:probe"),
        ("simulate", "Run a provider to practise on.", "cli.simulate:simulate"),
    ],
    "Run": [
        ("up", "Run worker and page, with servers of their own unless URLs are set.", "cli.up:up"),
        ("worker", "Run the worker alone.", "cli.worker:worker"),
        ("web", "Serve the page and the API.", "cli.web:web"),
        ("migrate", "Bring the database to this release.", "cli.migrate:migrate"),
        ("config", "Check and show the configuration.", "cli.configuration:configuration"),
    ],
    "Use": [
        ("record", "Record messages from a CSV or NDJSON file.", "cli.record:record"),
        ("report", "The delivery report of a communication.", "cli.report:report"),
        ("explain", "The whole story of a message.", "cli.explain:explain"),
        ("look", "Ask about a message now.", "cli.look:look"),
        ("watch", "How a communication stands, kept up while you look.", "cli.watch:watch"),
    ],
    "See and mend": [
        ("accounts", "See, pause, resume and poll accounts.", "cli.accounts:accounts"),
        ("adapters", "The providers that can be asked, and how.", "cli.adapters:adapters"),
        ("erase", "Remove one person's address and texts everywhere.", "cli.erase:erase_person"),
        ("quarantine", "Words that no adapter knows, and answers to read again.", "cli.quarantine:quarantine"),
        ("schedule", "When messages are looked at, and what that costs.", "cli.schedule:schedule"),
        ("strays", "Recorded rows that could not be taken in.", "cli.strays:strays"),
        ("suppression", "Addresses that are blocked.", "cli.suppression:suppression"),
        ("token", "Who may see the page and ask the API from elsewhere.", "cli.token:token"),
    ],
    "Develop": [
        ("test", "Run the tests; arguments go to pytest.", "cli.test:main"),
        ("check", "Check format, lint, types, layers and documentation.", "cli.check:main"),
        ("bench", "Measure it, beside what it could cost at best.", "bench.command:bench"),
    ],
}

PLACES = {name: place for commands in SECTIONS.values() for name, _, place in commands}


class Landed(click.Group):
    """The group of all commands, each loaded when it is wanted."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        # Click guesses among these when a name is misspelt; `get_command` never gives them out.
        self.commands = {name: click.Command(name) for name in PLACES}

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command, loaded now."""
        del ctx
        return load(cmd_name, PLACES[cmd_name]) if cmd_name in PLACES else None

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands from the table, without loading them."""
        del ctx
        for heading, commands in SECTIONS.items():
            with formatter.section(heading):
                formatter.write_dl([(name, meaning) for name, meaning, _ in commands], col_max=14)

    def invoke(self, ctx: click.Context) -> object:
        """Run the command. Foreseeable trouble becomes one clear line and exit code 1."""
        try:
            try:
                return super().invoke(ctx)
            finally:
                # A reader that has seen enough and left is noticed now; click ends quietly then.
                sys.stdout.flush()
        except (click.ClickException, click.exceptions.Exit, click.Abort):
            raise
        except Exception as error:
            said = import_module("cli.trouble").explain(error)
            if said is None:
                raise
            raise click.ClickException(said) from error


def load(name: str, place: str) -> click.Command:
    """The command at `module:name`; a plain `main(arguments)` takes whatever is on the line."""
    module, _, attribute = place.partition(":")
    found = getattr(import_module(module), attribute)
    return found if isinstance(found, click.Command) else _passing_all(name, found)


def _passing_all(name: str, main: Callable[[Sequence[str]], int]) -> click.Command:
    def callback(arguments: tuple[str, ...]) -> None:
        sys.exit(main(list(arguments)))

    return click.Command(
        name,
        callback=callback,
        params=[click.Argument(["arguments"], nargs=-1, type=click.UNPROCESSED)],
        help=main.__doc__,
        context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False},
    )


class Listing(click.Group):
    """A group that lists when it is told nothing else: `accounts` is `accounts list`."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Put `list` before options that are not for the group."""
        if not args or (args[0].startswith("-") and args[0] not in ctx.help_option_names):
            args = ["list", *args]
        return super().parse_args(ctx, args)


def _version(ctx: click.Context, _option: click.Parameter, wanted: bool) -> None:  # noqa: FBT001  as click calls it
    if wanted:
        project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
        click.echo(f"landed {project['version']}")
        ctx.exit()


@click.group(cls=Landed, no_args_is_help=False, invoke_without_command=True)
@click.option(
    "--version", is_flag=True, expose_value=False, is_eager=True, callback=_version, help="Print the version."
)
@click.pass_context
def landed(ctx: click.Context) -> None:
    """Landed tells you what happened to every message you sent.

    Exit codes: 0 it worked, 1 it did not, 2 wrong use. `landed COMMAND --help` says more. `landed demo` is a good
    beginning.
    """
    for stream in (sys.stdout, sys.stderr):
        # A terminal that cannot show a character shows a mark instead.
        if reconfigure := getattr(stream, "reconfigure", None):
            reconfigure(errors="replace")
    if ctx.invoked_subcommand is None:
        click.echo(ctx.get_help())
