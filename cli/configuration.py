"""`config`: is the configuration right, and what is it."""

from collections.abc import Mapping
from typing import Any

import click
from pydantic import BaseModel, SecretStr

import adapters
from cli import session
from cli.adapters import is_secret
from cli.output import show_json, show_table
from config import AccountTable, Settings, words
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
    words.everyone(settings)
    if as_json:
        show_json({"accounts": {name: account.adapter.name for name, account in accounts.items()}})
        return
    said = (
        f"accounts: {', '.join(sorted(accounts))}"
        if accounts
        else "no account yet: `landed adapters` says what one needs"
    )
    click.echo(f"the configuration is right; {said}")


@configuration.command()
@_json
def show(*, as_json: bool) -> None:
    """Print the settings in force, those of accounts as they were set. Secrets are hidden."""
    shown = plain(session.settings())
    if as_json:
        show_json(shown)
    else:
        # In the file, our settings of an account stand beside the adapter's.
        flat = {name.replace(".options", "").replace(".settings", ""): value for name, value in _flat(shown)}
        show_table(("setting", "value"), sorted(flat.items()))


def plain(settings: Settings) -> dict[str, Any]:
    """The settings as JSON has them, without secrets."""
    shown: dict[str, Any] = _plain(settings)
    for name, table in settings.accounts.items():
        shown["accounts"][name]["settings"] = _adapters_own(table)
    return shown


def _adapters_own(table: AccountTable) -> dict[str, Any]:
    """The adapter's own settings of an account. Only what the adapter declares and does not call a secret is shown."""
    try:
        fields = adapters.find(table.adapter).Settings.model_fields
    except ValueError:
        fields = {}  # `config check` says so
    clear = {name for name, field in fields.items() if not is_secret(field.annotation)}
    return {name: _without_password(str(value)) if name in clear else HIDDEN for name, value in table.settings.items()}


def _without_password(value: str) -> str:
    """An address may hold a password of its own."""
    scheme, sign, rest = value.partition("://")
    return f"{scheme}://{HIDDEN}@{rest.rpartition('@')[2]}" if sign and "@" in rest else value


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
