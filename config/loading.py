"""Reading settings: `landed.toml` (its path in LANDED_CONFIG) and the environment (`LANDED_*`), which wins."""

import tomllib
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from config.accounts import NAME, AccountOptions, AccountTable, ChannelOptions, ScheduleOptions
from config.environment import variables
from config.files import read_files
from config.problems import ConfigError, problems
from config.settings import RetentionOptions, Settings, SoftBounceOptions, SuppressionOptions, WorkerOptions
from config.web import WebOptions
from rules.statuses import Channel

#: Settings that say where the servers are.
SERVERS = ("home", "database_url", "redis_url", "prepared_statements")

#: Settings that are paths.
PATHS = ("home", "vocabularies", "archive")


def load(
    environ: Mapping[str, str],
    cwd: Path,
    others: Callable[[Settings], Sequence[str]] | None = None,
    files: set[Path] | None = None,
) -> Settings:
    """Read all settings. Raises ConfigError with every problem at once.

    `others` finds problems that are not for this package to know. It is asked where there are problems already, with
    the accounts that could be read, so that they too are told at once. Every file that was looked for is added to
    `files`.
    """
    faults: list[str] = []
    files = set() if files is None else files
    path, table = _file(environ, cwd, faults)
    files.add(path)
    over = variables(environ, Settings.model_fields, faults)
    if table is None:
        # What the environment sets is only a part, and most problems of a part are none of the whole.
        raise ConfigError(faults)
    values = _merge(_from(path.parent, table, faults, files), _from(cwd, over, faults, files))
    faults += _bad_names(values)
    settings = None
    try:
        settings = Settings(**values)
    except ValidationError as error:
        faults += problems(error, "", _known(values))
    if faults or settings is None:
        raise ConfigError(faults + list(others(_readable(values)) if others else ()))
    return settings


def servers(environ: Mapping[str, str], cwd: Path) -> Settings:
    """Where the servers are, as far as that can be read, whatever is wrong elsewhere; nothing else is set.

    Workers go on while their changed files are bad, and then somebody must still be able to see how they are.
    """
    path, table = _file(environ, cwd, [])
    over = variables(environ, Settings.model_fields, [])
    names = {*SERVERS, *(f"{name}_file" for name in SERVERS)}
    sources = ((path.parent, table or {}), (cwd, over))
    read = [
        _from(folder, {name: values[name] for name in names & values.keys()}, [], set()) for folder, values in sources
    ]
    try:
        return Settings(**_merge(*read))
    except ValidationError as error:
        raise ConfigError(problems(error, "", {})) from error


def _file(environ: Mapping[str, str], cwd: Path, faults: list[str]) -> tuple[Path, dict[str, Any] | None]:
    """The path of `landed.toml`, and what it sets; None if it cannot be read."""
    named = environ.get("LANDED_CONFIG")
    path = cwd / Path(named or "landed.toml").expanduser()
    if not named and not path.exists():
        return path, {}
    try:
        return path, tomllib.loads(path.read_text("utf-8-sig"))
    except UnicodeDecodeError:
        faults.append(f"{path} is not UTF-8")
    except OSError as error:
        faults.append(f"{path} cannot be read: {error.strerror}")
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        faults.append(f"{path} is not valid TOML: {error}")
    return path, None


def _from(folder: Path, values: Mapping[str, Any], faults: list[str], files: set[Path]) -> dict[str, Any]:
    """What one source sets, with what lies in files. Paths in it may be relative to `folder`."""
    found = read_files(values, folder, faults, files=files)
    for name in PATHS:
        if isinstance(path := found.get(name), str):
            found[name] = str(folder / path) if not path.startswith("~") else path
    return found


def _merge(base: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(base)
    for name, value in over.items():
        present = merged.get(name)
        both = isinstance(present, Mapping) and isinstance(value, Mapping)
        merged[name] = _merge(present, value) if both else value  # type: ignore[arg-type]
    return merged


def _tables(values: Mapping[str, Any]) -> Mapping[str, Any]:
    accounts = values.get("accounts")
    return accounts if isinstance(accounts, Mapping) else {}


def _bad_names(values: Mapping[str, Any]) -> list[str]:
    return [
        f"{name!r} is no name for an account; use a-z, 0-9 and single _, beginning with a letter"
        for name in _tables(values)
        if not NAME.fullmatch(name)
    ]


def _readable(values: Mapping[str, Any]) -> Settings:
    """The accounts with their adapters' own settings, which only adapters can check; the rest is told already."""
    accounts = {}
    for name, table in _tables(values).items():
        if not isinstance(table, Mapping):
            continue
        with suppress(ValidationError):
            rest = {key: value for key, value in table.items() if key not in AccountOptions.model_fields}
            accounts[name] = AccountTable.model_validate(rest)
    return Settings(accounts=accounts)


def _known(values: Mapping[str, Any]) -> dict[str, Any]:
    """The settings that each table may have, for guesses."""
    known: dict[str, Any] = {
        "": Settings.model_fields,
        "worker": WorkerOptions.model_fields,
        "retention": RetentionOptions.model_fields,
        "web": WebOptions.model_fields,
    }
    for channel in Channel:
        known[f"suppression.{channel.word}"] = SuppressionOptions.model_fields
        known[f"suppression.{channel.word}.soft_bounces"] = SoftBounceOptions.model_fields
    for name, table in _tables(values).items():
        place = f"accounts.{name}.options"
        known[place] = AccountOptions.model_fields
        known |= {f"{place}.channels.{channel.word}": ChannelOptions.model_fields for channel in Channel}
        schedules = table.get("schedules") if isinstance(table, Mapping) else None
        names = schedules if isinstance(schedules, Mapping) else ()
        known |= {f"{place}.schedules.{schedule}": ScheduleOptions.model_fields for schedule in names}
    return known
