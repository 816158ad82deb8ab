"""What goes wrong with the embedded servers, in words that say what to do next."""

import errno
import os
from pathlib import Path

#: What always helps: no embedded servers.
OWN_SERVERS = "set LANDED_DATABASE_URL and LANDED_REDIS_URL to servers of your own"

_ROOM = 1_000_000  # bytes; with less, anything may have failed for want of it
_FULL = {errno.ENOSPC, errno.EDQUOT}
_SAYS_FULL = ("No space left on device", "Disk quota exceeded")


class EmbeddedError(Exception):
    """The embedded servers cannot run. The message says what to do next."""


def full(home: Path) -> EmbeddedError:
    """The disk has no room."""
    return EmbeddedError(f"The disk that holds {home} is full: free some space there and start again.")


def explain(home: Path, error: OSError) -> EmbeddedError:
    """An error of the operating system, in our words."""
    # Copying many files collects what went wrong as text, without a number.
    if error.errno in _FULL or _says_full(str(error)):
        return full(home)
    return EmbeddedError(
        f"The embedded servers cannot use {error.filename or home}: {error.strerror or error}. "
        f"Set LANDED_HOME to a folder that you may write to, or {OWN_SERVERS}."
    )


def ended(home: Path, data: Path, name: str, status: int, said: str) -> EmbeddedError:
    """A program ended before it was ready. `data` is where its files are, `said` the end of what it said."""
    room = os.statvfs(data)
    # A server whose log is on the full disk cannot say so.
    if room.f_bavail * room.f_frsize < _ROOM or _says_full(said):
        return full(home)
    return EmbeddedError(
        f"{name} did not start (exit status {status}). The end of what it said:\n{said}\n"
        f"Mend what it names, or {OWN_SERVERS}."
    )


def _says_full(said: str) -> bool:
    return any(words in said for words in _SAYS_FULL)
