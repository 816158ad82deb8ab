"""`config`: is the configuration right, and what is it."""

from collections.abc import Mapping
from typing import Any

import click
from pydantic import BaseModel, SecretStr

from cli import session
from cli.output import show_json, show_table
from cli.vocabulary import named
from config import Settings
from rules import durations

HIDDEN = "********"

_json = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


@click.group("config")
def configuration() -> None:
    """Check and show the configuration: landed.toml and the environment (LANDED_*)."""


@configuration.command()
@_json
def check(*, as_json: bool) -> None:
    """Check the configuration whole, and name every problem at once. Nobody is asked and nothing is started."""
    settings = session.settings()
    accounts = session.accounts(settings)
    named(settings, None)
    if as_json:
        show_json({"accounts": {name: account.adapter.name for name, account in accounts.items()}})
        return
    click.echo(f"the configuration is right; accounts: {', '.join(sorted(accounts)) or 'none yet'}")


@configuration.command()
@_json
def show(*, as_json: bool) -> None:
    """Print the settings in force, those of accounts as they were set. Secrets are hidden."""
    shown = plain(session.settings())
    if as_json:
        show_json(shown)
    else:
        show_table(("setting", "value"), sorted(_flat(shown)))


def plain(settings: Settings) -> dict[str, Any]:
    """The settings as JSON has them, without secrets."""
    shown = _plain(settings)
    for name, table in settings.accounts.items():
        # Which of an adapter's settings are secrets only the adapter knows; here none is shown.
        shown["accounts"][name]["settings"] = dict.fromkeys(table.settings, HIDDEN)
    return shown


def _plain(value: Any) -> Any:
    if isinstance(value, SecretStr):
        return HIDDEN
    if isinstance(value, BaseModel):
        return {name: _plain(getattr(value, name)) for name in type(value).model_fields}
    if isinstance(value, Mapping):
        return {name: _plain(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if hasattr(value, "total_seconds"):
        return durations.text(value)
    return value if isinstance(value, str | int | float | None) else str(value)


def _flat(table: Mapping[str, Any], place: str = "") -> list[tuple[str, object]]:
    found: list[tuple[str, object]] = []
    for name, value in table.items():
        here = f"{place}.{name}" if place else name
        if isinstance(value, Mapping):
            found += _flat(value, here)
        elif value is not None:
            found.append((here, value))
    return found
