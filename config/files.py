"""Values that lie in files: secrets, kept out of `landed.toml` and of the environment."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any


def read_files(values: Mapping[str, Any], problems: list[str], where: str = "") -> dict[str, Any]:
    """`values` with `name = {file = "PATH"}` and `name_file = "PATH"` replaced by what the file holds, stripped.

    What cannot be read is added to `problems`.
    """
    found: dict[str, Any] = {}
    for name, value in values.items():
        place = f"{where}.{name}" if where else name
        if isinstance(value, Mapping) and set(value) == {"file"}:
            found[name] = _read(value["file"], place, problems)
        elif isinstance(value, Mapping):
            found[name] = read_files(value, problems, place)
        elif name.endswith("_file") and isinstance(value, str):
            found[name.removesuffix("_file")] = _read(value, place, problems)
        else:
            found[name] = value
    return found


def _read(path: object, place: str, problems: list[str]) -> str:
    try:
        return Path(str(path)).expanduser().read_text("utf-8").strip()
    except (OSError, ValueError) as error:
        problems.append(f"{place}: the file {path} cannot be read: {getattr(error, 'strerror', None) or error}")
        return ""
