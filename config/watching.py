"""Noticing that a file of the configuration has changed, and reading them all once they are whole."""

import hashlib
import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from config.problems import ConfigError
from config.settings import Settings

#: Files that changed are read once they have stayed as they are for so long, in seconds: someone may be writing them.
QUIET = 1.0

#: A file that is missing or empty is waited for so long, in seconds; then that is what is wrong.
PATIENCE = 10.0

#: What tells whether a file is the same, without reading it; None if it is not there. Of a link, what it leads to:
#: Kubernetes changes files by turning links.
Mark = tuple[int, ...] | None


@dataclass(frozen=True, slots=True)
class Refused:
    """Changed files that cannot be used, and everything that is wrong with them."""

    problems: tuple[str, ...]


class Watching:
    """The files of the configuration, and how they were when they were read last."""

    def __init__(self, read: Callable[[set[Path]], Settings]) -> None:
        """`read` reads the settings, and names every file that belongs to them. Raises ConfigError."""
        self._read = read
        self._files: set[Path] = set()
        self._marks: dict[Path, Mark] = {}
        #: When the marks changed last; None: nothing is to be read.
        self._since: float | None = None
        #: Of the files when they were read last.
        self._digest: str | None = None
        #: Those that held something then. Without them, the settings are not whole.
        self._held: set[Path] = set()
        self._is_new = True

    def look(self, now: float) -> Settings | Refused | None:
        """The settings, if they have changed; what is wrong with them, once; None where nothing is new yet.

        `now` are seconds by a clock that only rises. The first time there is always something new.
        """
        marks = _marks(self._files)
        if marks != self._marks or self._is_new:
            self._marks, self._since = marks, now
        if self._since is None or (now - self._since < QUIET and not self._is_new):
            return None
        if _digest(self._files) == self._digest:
            self._since = None
            return None
        return self._found(now - self._since, marks)

    def again(self) -> None:
        """What was found could not be applied; find it again."""
        self._is_new, self._digest = True, None

    def _found(self, quiet: float, marks: dict[Path, Mark]) -> Settings | Refused | None:
        files: set[Path] = set()
        settings, problems = None, list[str]()
        try:
            settings = self._read(files)
        except ConfigError as error:
            problems = error.problems
        missing = sorted(path for path in files if not _holds(path) and (problems or path in self._held))
        if (missing and quiet < PATIENCE and not self._is_new) or _marks(self._files) != marks:
            return None
        self._since, self._is_new = None, False
        self._files = self._files | files if problems or missing else files
        self._marks, self._digest = _marks(self._files), _digest(self._files)
        if settings is None or missing:
            return Refused(tuple(problems or (f"{path} is missing or empty; write it anew" for path in missing)))
        self._held = {path for path in files if _holds(path)}
        return settings


def _marks(files: Iterable[Path]) -> dict[Path, Mark]:
    return {path: _mark(path) for path in files}


def _mark(path: Path) -> Mark:
    try:
        told = os.stat(path)  # noqa: PTH116 - as Path.stat, for a path that may be anything
    except (OSError, ValueError):
        return None
    return told.st_mtime_ns, told.st_ctime_ns, told.st_size, told.st_ino, told.st_dev


def _bytes(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except (OSError, ValueError):
        return None


def _holds(path: Path) -> bool:
    return bool((_bytes(path) or b"").strip())


def _digest(files: Iterable[Path]) -> str:
    told = [(str(path), _bytes(path)) for path in sorted(files)]
    return hashlib.blake2b(repr(told).encode(), digest_size=16).hexdigest()
