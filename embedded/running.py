"""Finding the servers that another program of this machine runs."""

import fcntl
import os
from pathlib import Path

from embedded import postgres, valkey
from embedded.place import prepare
from embedded.supervisor import Urls


def running(home: Path) -> Urls | None:
    """The URLs of the servers that another program runs in `home`, or starts just now; None if nobody uses it."""
    home = Path(os.path.realpath(home.expanduser()))
    if not _is_held(home / "lock"):
        return None
    place = prepare(home)
    return Urls(postgres.url(place), valkey.url(place))


def _is_held(lock: Path) -> bool:
    try:
        descriptor = os.open(lock, os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False
