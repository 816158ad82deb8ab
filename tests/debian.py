"""Debian's packages, fetched through apt's own client and unpacked into a folder: nothing of the system is changed.

No package is installed, and apt's lists are ours.
"""

import os
import platform
import pwd
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

#: Seconds that apt may take.
PATIENCE = 120


class NotFetched(Exception):
    """They are not to be had here. The message says why."""


def fetch(folder: Path, packages: Sequence[str], not_needed: tuple[str, ...]) -> Path:
    """Fetch and unpack packages and what they need that is not installed; where they are then. Raises NotFetched.

    What has a name that begins with one of `not_needed` is left out.
    """
    root = folder / "root"
    if shutil.which("apt-get") is None or shutil.which("dpkg-deb") is None:
        raise NotFetched(f"not installed: {', '.join(packages)}; and there is no apt to fetch it with")
    apt = _Apt(folder / "apt")
    apt.run("update", "-qq")
    planned = apt.run("install", "--simulate", "--no-install-recommends", *packages).splitlines()
    names = [line.split()[1] for line in planned if line.startswith("Inst ")]
    apt.run("download", *(name for name in names if not name.startswith(not_needed)))
    for package in (folder / "apt" / "packages").glob("*.deb"):
        _run(["dpkg-deb", "--extract", str(package), str(root)])
        package.unlink()
    return root


def libraries(root: Path) -> str:
    """What LD_LIBRARY_PATH must say for programs that were unpacked there."""
    machine = f"{platform.machine()}-linux-gnu"
    return ":".join(str(root / part / machine) for part in ("usr/lib", "lib"))


class _Apt:
    """apt with lists and packages in a folder of ours: it needs no right, and changes nothing."""

    def __init__(self, folder: Path) -> None:
        self._packages = folder / "packages"
        for name in ("lists/partial", "cache/archives/partial", "packages"):
            (folder / name).mkdir(parents=True)
        settings = {
            "Dir::State::lists": folder / "lists",
            "Dir::Cache": folder / "cache",
            "Debug::NoLocking": "true",
            "APT::Sandbox::User": pwd.getpwuid(os.geteuid()).pw_name,
            "Acquire::Retries": "1",
            "Acquire::http::Timeout": "10",
            "Acquire::https::Timeout": "10",
        }
        self._options = [part for name, value in settings.items() for part in ("-o", f"{name}={value}")]

    def run(self, word: str, *arguments: str) -> str:
        """What apt says. Raises NotFetched."""
        return _run(["apt-get", *self._options, word, *arguments], cwd=self._packages)


def _run(command: Sequence[str], cwd: Path | None = None) -> str:
    try:
        done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, timeout=PATIENCE, check=False)
    except subprocess.TimeoutExpired:
        raise NotFetched(f"{command[0]} took longer than {PATIENCE} s") from None
    # apt ends well also where it could not reach anything.
    if done.returncode or "Failed to fetch" in done.stderr:
        said = (done.stderr or done.stdout).strip().splitlines()
        raise NotFetched(f"{command[0]} cannot get Debian's packages: {said[-1] if said else done.returncode}")
    return done.stdout
