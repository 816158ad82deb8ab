"""Who the servers run as.

PostgreSQL refuses to run as root. So root hands the servers to `nobody`, or to whoever owns the data already. No user
is ever made and no folder's mode is ever widened.
"""

import os
import pwd
from dataclasses import dataclass
from pathlib import Path

from embedded.errors import OWN_SERVERS, EmbeddedError

# Linux capabilities, by number (capabilities(7)): chown, dac_override, kill, setgid, setuid.
_NEEDED = sum(1 << bit for bit in (0, 1, 5, 6, 7))


@dataclass(frozen=True, slots=True)
class Account:
    """A user of this machine. `switch` says whether we must become it first."""

    uid: int
    gid: int
    switch: bool


def choose(data: Path) -> Account:
    """The account for servers whose data is, or will be, in `data`."""
    if os.geteuid() != 0:
        _known(os.geteuid())
        return Account(os.geteuid(), os.getegid(), switch=False)
    if not _capable():
        raise EmbeddedError(
            "The embedded servers cannot run as root here, because root may not change to another user: "
            f"start Landed as an ordinary user, or {OWN_SERVERS}."
        )
    if data.exists() and (owner := data.stat()).st_uid:
        return Account(_known(owner.st_uid), owner.st_gid, switch=True)
    return _nobody()


def reaches(account: Account, path: Path) -> bool:
    """Whether the account can pass through every folder down to `path` itself, judged by their modes."""
    return all(_passes(account, folder) for folder in (path, *path.parents))


def _passes(account: Account, folder: Path) -> bool:
    found = folder.stat()
    if found.st_uid == account.uid:
        return bool(found.st_mode & 0o100)
    return bool(found.st_mode & (0o010 if found.st_gid == account.gid else 0o001))


def _capable() -> bool:
    lines = Path("/proc/self/status").read_text(encoding="ascii", errors="replace").splitlines()
    effective = next(line.split()[1] for line in lines if line.startswith("CapEff:"))
    return int(effective, 16) & _NEEDED == _NEEDED


def _known(uid: int) -> int:
    try:
        pwd.getpwuid(uid)
    except KeyError:
        # initdb looks its user up and refuses to run for a user without a name.
        raise EmbeddedError(
            f"The embedded PostgreSQL cannot run as user number {uid}, which has no entry in /etc/passwd: "
            f"start Landed as a user that has one, or {OWN_SERVERS}."
        ) from None
    return uid


def _nobody() -> Account:
    try:
        found = pwd.getpwnam("nobody")
    except KeyError:
        raise EmbeddedError(
            "The embedded servers do not run as root, and this machine has no user 'nobody' to run them: "
            f"start Landed as an ordinary user, or {OWN_SERVERS}."
        ) from None
    return Account(found.pw_uid, found.pw_gid, switch=True)
