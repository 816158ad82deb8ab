"""Which settings differ between two configurations: their names only, because values may be secrets."""

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel

from config.settings import Settings

#: What a running worker cannot change; the new value takes effect at the next start.
AT_START = (
    "database_url",
    "redis_url",
    "prepared_statements",
    "home",
    "recipient_key",
    "store_recipients",
    "worker",
    "web",
)


def changes(before: Settings, after: Settings) -> list[str]:
    """The names of the settings that differ, as they stand in the file. A table that is new or gone is named whole."""
    return sorted(_differ(before, after, ""))


def at_start(names: list[str]) -> list[str]:
    """Those that take effect at the next start only."""
    return [name for name in names if name.partition(".")[0] in AT_START]


def _differ(before: Any, after: Any, place: str) -> list[str]:
    if before == after:
        return []
    one, other = _parts(before), _parts(after)
    if one is None or other is None:
        return [place]
    found = []
    for name in {*one, *other}:
        # In the file, our settings of an account stand beside the adapter's.
        here = (
            place if name in {"options", "settings"} and place.startswith("accounts.") else f"{place}.{name}".strip(".")
        )
        found += _differ(one[name], other[name], here) if name in one and name in other else [here]
    return found


def _parts(value: Any) -> Mapping[str, Any] | None:
    if isinstance(value, BaseModel):
        return {name: getattr(value, name) for name in type(value).model_fields}
    return value if isinstance(value, Mapping) else None
