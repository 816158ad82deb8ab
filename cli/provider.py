"""A provider with settings given on the line, in files or in the environment; or an account of the configuration."""

import os
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
from pydantic import ValidationError

import adapters
from adapters.base import Adapter, AdapterSettings, Limits
from cli import session
from cli.found import no_account
from cli.output import guess

#: What names a setting in the environment.
PREFIX = "LANDED_SET_"

#: The value of a setting that is read from standard input.
STANDARD_INPUT = "@-"


@dataclass(frozen=True, slots=True)
class Provider:
    """Whom to ask. `name` stands in messages; `limits` are the adapter's, with an operator's own in place."""

    name: str
    adapter: Adapter[Any]
    limits: Limits
    #: Whether its settings were given on the line, and not in the configuration.
    on_line: bool = False


def named_account(name: str) -> Provider:
    """The account called `name` in the configuration."""
    accounts = session.accounts(session.settings())
    if name not in accounts:
        raise no_account(name, accounts)
    return Provider(name, accounts[name].adapter, accounts[name].limits)


def named_adapter(name: str, base_url: str | None, given: Iterable[str]) -> Provider:
    """An adapter with the settings given; every problem with them is named at once."""
    kind = find(name)
    values = {key.removeprefix(PREFIX).lower(): text for key, text in os.environ.items() if key.startswith(PREFIX)}
    pairs = [_pair(one) for one in given]
    if sum(value == STANDARD_INPUT for _, value in pairs) > 1:
        raise click.UsageError("standard input can be read for one --set only")
    values |= {name: _value(name, value) for name, value in pairs}
    if base_url is not None:
        values["base_url"] = base_url
    return Provider(name, kind(_settings(kind, values)), kind.limits, on_line=True)


def find(name: str) -> type[Adapter[Any]]:
    """The adapter called `name`; wrong use with a guess if there is none."""
    try:
        return adapters.find(name)
    except ValueError as error:
        raise click.UsageError(str(error)) from error


def _pair(given: str) -> tuple[str, str]:
    name, sign, value = given.partition("=")
    if not sign:
        raise click.UsageError(f"--set {name}: write it as --set {name}=VALUE, {name}=@FILE or {name}=@-")
    return name.strip(), value


def _value(name: str, value: str) -> str:
    """The value itself, or what the file holds that it names; a last line end is not part of it."""
    if not value.startswith("@"):
        return value
    try:
        text = sys.stdin.read() if value == STANDARD_INPUT else Path(value[1:]).read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise click.UsageError(f"--set {name}: {value[1:]} cannot be read: {_why(error)}") from error
    return text.removesuffix("\n").removesuffix("\r")


def _why(error: Exception) -> str:
    return str(getattr(error, "strerror", None) or "it is not UTF-8")


def _settings(kind: type[Adapter[Any]], values: Mapping[str, str]) -> AdapterSettings:
    try:
        return kind.Settings(**values)
    except ValidationError as error:
        raise click.UsageError(f"{kind.name}: " + "; ".join(_problems(kind, error))) from None


def _problems(kind: type[Adapter[Any]], error: ValidationError) -> Iterable[str]:
    """What is wrong with each setting, without its value, which may be a secret."""
    for problem in error.errors(include_input=False, include_url=False, include_context=False):
        name = str(problem["loc"][0]) if problem["loc"] else ""
        if problem["type"] == "missing":
            yield f"setting {name!r} is missing: --set {name}=VALUE, {name}=@FILE or {PREFIX}{name.upper()}"
        elif problem["type"] == "extra_forbidden":
            yield f"unknown setting {name!r}{guess(name, kind.Settings.model_fields)}"
        else:
            yield f"setting {name!r}: {problem['msg'].removeprefix('Value error, ')}"
