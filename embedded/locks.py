"""Two kinds of lock, both of the kernel, so that no crash can leave one behind.

The home's lock is held by the program: one program at a time uses a home. A server's lock is inherited by the server
and by every process of it: when it is free, nothing of an earlier run is alive, however that run ended.
"""

import contextlib
import fcntl
import os
import signal
import time
from pathlib import Path

from embedded.errors import OWN_SERVERS, EmbeddedError

_HOME_SECONDS = 3.0
_PAUSE = 0.02

# How long the processes of a killed run may take before they are told, and by what. They were told once already,
# when their parent died.
_TELL = ((10.0, signal.SIGQUIT), (15.0, signal.SIGKILL))
_GIVE_UP = 20.0


def lock_home(home: Path, *, seconds: float = _HOME_SECONDS) -> int:
    """Take the home for this program and return the open lock. Raises `EmbeddedError` if another program has it."""
    descriptor = _open(home / "lock")
    deadline = time.monotonic() + seconds
    while not _taken(descriptor):
        if time.monotonic() > deadline:
            holder = os.pread(descriptor, 20, 0).decode(errors="replace").strip() or "unknown"
            os.close(descriptor)
            raise EmbeddedError(
                f"{home} is in use by another Landed (process {holder}): stop that one, set LANDED_HOME to another "
                f"folder, or {OWN_SERVERS}."
            )
        time.sleep(_PAUSE)
    os.ftruncate(descriptor, 0)
    os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
    return descriptor


def lock_server(path: Path) -> int:
    """Wait until nothing of an earlier run is alive, and return the lock for the next server to inherit."""
    descriptor = _open(path)
    started, told = time.monotonic(), 0
    while not _taken(descriptor):
        waited = time.monotonic() - started
        if told < len(_TELL) and waited > _TELL[told][0]:
            _tell(path, _TELL[told][1])
            told += 1
        if waited > _GIVE_UP:
            os.close(descriptor)
            raise EmbeddedError(f"Processes of an earlier run still hold {path} and do not end: end them, start again.")
        time.sleep(_PAUSE)
    return descriptor


def _open(path: Path) -> int:
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)


def _taken(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _tell(path: Path, word: signal.Signals) -> None:
    for pid in _holders(path):
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.kill(pid, word)


def _holders(path: Path) -> set[int]:
    ours, held = path.stat(), set[int]()
    for entry in Path("/proc").glob("[0-9]*"):
        # A process may end, or belong to someone else, while we look at it.
        with contextlib.suppress(OSError):
            if any(os.path.samestat(ours, open_file.stat()) for open_file in (entry / "fd").iterdir()):
                held.add(int(entry.name))
    return held - {os.getpid()}
