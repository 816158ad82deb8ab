"""Values that lie in files: secrets, kept out of `landed.toml` and of the environment."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any


def read_files(
    values: Mapping[str, Any], folder: Path, faults: list[str], where: str = "", files: set[Path] | None = None
) -> dict[str, Any]:
    """`values` with `name = {file = "PATH"}` and `name_file = "PATH"` replaced by what the file holds, stripped.

    A path may be relative to `folder`. What cannot be read or is set twice is added to `faults`, the files to `files`.
    """
    found: dict[str, Any] = {}
    for name, value in values.items():
        setting, path = _file_of(name, value)
        place = f"{where}.{setting}" if where else setting
        if setting in found:
            faults.append(f"{place} is set twice, once as a file; keep one")
        elif path is not None:
            found[setting] = _read(path, folder, place, faults, set() if files is None else files)
        elif isinstance(value, Mapping):
            found[setting] = read_files(value, folder, faults, place, files)
        else:
            found[setting] = value
    return found


def _file_of(name: str, value: object) -> tuple[str, object]:
    """The name of the setting, and the path of the file that holds its value, if one does."""
    if isinstance(value, Mapping):
        return name, value["file"] if set(value) == {"file"} else None
    if name.endswith("_file") and isinstance(value, str):
        return name.removesuffix("_file"), value
    return name, None


def _read(path: object, folder: Path, place: str, faults: list[str], files: set[Path]) -> str:
    try:
        file = folder / Path(str(path)).expanduser()
        files.add(file)
        text = file.read_text("utf-8").strip()
    except UnicodeDecodeError:
        faults.append(f"{place}: the file {path} is not UTF-8")
    except (OSError, ValueError, RuntimeError) as error:
        faults.append(f"{place}: the file {path} cannot be read: {getattr(error, 'strerror', None) or error}")
    else:
        if not text:
            faults.append(f"{place}: the file {path} is empty")
        return text
    return ""
