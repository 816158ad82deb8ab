"""A file of the archive: a line of JSON for each message, compressed, there whole and for good or not at all.

It is written under another name and gets its own when everything is on the disk. Its name says the account, and the day
on which its messages were recorded; no two files have the same, so none is ever written over.
"""

import contextlib
import gzip
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path

#: What it is called until it is whole.
PART = ".part"


class ArchiveUnwritable(Exception):
    """The archive cannot be written. The message says what to do."""


class ArchiveFile:
    """One file, just begun. Raises ArchiveUnwritable."""

    def __init__(self, folder: Path, account: str, day: date) -> None:
        """Begin it below `folder`, which must be there: one that is made by us may lie below a disk that is missing."""
        self._folder = folder
        self._place = folder / account
        self._name = f"{day}.{secrets.token_hex(6)}.ndjson.gz"
        with self._told():
            if not self._place.exists():
                self._place.mkdir(mode=0o700, exist_ok=True)
                _sync(folder)
            # They hold addresses, so nobody else may read them.
            self._raw = os.fdopen(os.open(self._part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb")
            self._packed = gzip.GzipFile(filename="", mode="wb", fileobj=self._raw, compresslevel=6)

    @property
    def _part(self) -> Path:
        return self._place / (self._name + PART)

    def write(self, lines: bytes) -> None:
        """Add lines."""
        with self._told():
            self._packed.write(lines)

    def finish(self) -> Path:
        """Make it whole and durable; its path."""
        with self._told():
            self._packed.close()
            self._raw.flush()
            os.fsync(self._raw.fileno())
            self._raw.close()
            path = self._place / self._name
            self._part.rename(path)
            _sync(self._place)
        return path

    def abandon(self) -> None:
        """Leave nothing of one that is not finished; harmless for one that is."""
        for end in (self._packed, self._raw):
            with contextlib.suppress(OSError, ValueError):
                end.close()
        with contextlib.suppress(OSError):
            self._part.unlink()

    @contextmanager
    def _told(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise ArchiveUnwritable(
                f"the archive {self._folder} cannot be written: {error.strerror or type(error).__name__}; nothing is"
                " dropped until it can. Make the folder, give the worker the right to write there, or correct `archive`"
            ) from error


def clear(folder: Path, account: str) -> None:
    """Remove what killed workers left half written. Only who is alone with the account may."""
    for left in (folder / account).glob(f"*{PART}"):
        left.unlink(missing_ok=True)


def _sync(folder: Path) -> None:
    """Make durable which files a folder has."""
    number = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(number)
    finally:
        os.close(number)
