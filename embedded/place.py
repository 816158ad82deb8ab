"""Where the servers keep their files.

Everything is below the home. There are two exceptions, and neither changes the mode of a folder that we did not make.
Root's home that `nobody` cannot reach (say below /root, 0700) keeps its files in /var/lib/landed-<hash of the home>.
A home whose name is too long or too odd for a socket has its sockets in /tmp/landed-<user number>-<hash of the home>.
"""

import hashlib
import os
import re
import stat
from dataclasses import dataclass
from pathlib import Path

from embedded.account import Account, choose, reaches
from embedded.errors import EmbeddedError

#: Where root's files are when the home is out of reach.
SHARED = Path("/var/lib")

# A socket's name has at most 107 bytes (unix(7)); PostgreSQL's own is the longest, `.s.PGSQL.5432`.
_LONGEST_FOLDER = 80
# arq does not unquote the path of a URL, and PostgreSQL splits a list of folders at commas.
_PLAIN = re.compile(r"[A-Za-z0-9/._-]+")


@dataclass(frozen=True, slots=True)
class Place:
    """The folders of one pair of servers. `home` is what the user named, `data` where the files are."""

    home: Path
    data: Path
    sockets: Path
    account: Account


def prepare(home: Path) -> Place:
    """Make the folders and say where they are. The home's lock must be held."""
    data = _data(home)
    account = choose(data / "postgres")
    place = Place(home, data, _sockets(home, data), account)
    _own(place.sockets, account)
    return place


def private(path: Path, account: Account) -> Path:
    """A folder that only the account can open, made if it is missing."""
    path.mkdir(mode=0o700, exist_ok=True)
    if account.switch:
        os.chown(path, account.uid, account.gid)
    path.chmod(0o700)
    return path


def fingerprint(home: Path) -> str:
    """A short name for a home."""
    return hashlib.sha256(os.fsencode(home)).hexdigest()[:12]


def _data(home: Path) -> Path:
    account = choose(home / "postgres")
    if not account.switch or reaches(account, home):
        return home
    data = SHARED / f"landed-{fingerprint(home)}"
    data.mkdir(mode=0o711, exist_ok=True)
    if data.is_symlink() or data.stat().st_uid != 0:
        raise EmbeddedError(f"{data} is not root's own folder: remove it, or set LANDED_HOME to another folder.")
    data.chmod(0o711)
    (data / "README").write_text(f"PostgreSQL and Valkey of Landed in {home}\n", encoding="utf-8")
    return data


def _sockets(home: Path, data: Path) -> Path:
    inside = data / "run"
    if len(os.fsencode(inside)) <= _LONGEST_FOLDER and _PLAIN.fullmatch(str(inside)):
        return inside
    return Path(f"/tmp/landed-{os.geteuid()}-{fingerprint(home)}")  # noqa: S108  `_own` refuses a stranger's folder


def _own(folder: Path, account: Account) -> None:
    folder.mkdir(mode=0o700, exist_ok=True)
    found = folder.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid not in {os.geteuid(), account.uid}:
        raise EmbeddedError(f"{folder} belongs to someone else: remove it, or set LANDED_HOME to another folder.")
    private(folder, account)
