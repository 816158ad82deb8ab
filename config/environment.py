"""Settings from the environment: `LANDED_<SETTING>`, and `LANDED_<TABLE>__<SETTING>` for one in a table, as text."""

import re
from collections.abc import Collection, Mapping
from typing import Any

from config.problems import hint, variable

PREFIX = "LANDED_"

#: Variables of the launcher, of the tests and of `probe`; and those that Kubernetes sets in every container beside a
#: service named `landed`.
OTHERS = re.compile(r"LANDED_(CONFIG|VENV|TEST_.*|SET_.*|SERVICE_(HOST|PORT.*)|PORT(_\d+_(TCP|UDP).*)?)")


def variables(environ: Mapping[str, str], known: Collection[str], faults: list[str]) -> dict[str, Any]:
    """What the environment sets, as tables. A variable that is empty is not set.

    A name that nobody knows, one without an end and two that set the same are added to `faults`.
    """
    values: dict[str, Any] = {}
    for name, value in sorted(environ.items()):
        if not name.upper().startswith(PREFIX) or OTHERS.fullmatch(name.upper()) or not value:
            continue
        path = name.lower().removeprefix(PREFIX.lower()).split("__")
        setting = path[0] if len(path) > 1 else path[0].removesuffix("_file")
        if setting not in known:
            faults.append(f"unknown variable {name}; {hint(setting, known, variable)}")
        elif "" in path:
            faults.append(f"{name} names no setting; write {PREFIX}{path[0].upper()}__SETTING")
        elif not _put(values, path, value):
            faults.append(f"the environment sets {name} and a part of it, or the same in other letters; keep one")
    return values


def _put(values: dict[str, Any], path: list[str], value: str) -> bool:
    """Put `value` at `path`. False if something is there already."""
    for part in path[:-1]:
        below = values.setdefault(part, {})
        if not isinstance(below, dict):
            return False
        values = below
    if path[-1] in values:
        return False
    values[path[-1]] = value
    return True
