"""Embedded servers in a process of their own, so that a test can kill it."""

import json
import os
import pwd
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Self

import asyncpg

from embedded import Urls
from embedded.place import SHARED, fingerprint

ROOT = Path(__file__).resolve().parent.parent.parent

#: Where the wheels are, for an interpreter that is not ours.
PACKAGES = Path(asyncpg.__file__).parent.parent

#: Whether the tests run as root, whose servers run as `nobody`.
ROOT_USER = os.geteuid() == 0

NOBODY = pwd.getpwnam("nobody")

TEMPORARY = Path("/tmp")  # noqa: S108  short names, for the sockets


class Program:
    """`python -m embedded HOME`: a program that uses embedded servers."""

    def __init__(self, home: Path, *, before: tuple[str, ...] = (), python: str = sys.executable) -> None:
        self._process = subprocess.Popen(
            [*before, python, "-P", "-m", "embedded", str(home)],
            env={**os.environ, "PYTHONPATH": f"{ROOT}:{PACKAGES}"},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.pids: dict[str, int] = {}

    def ready(self) -> Urls:
        """Wait until the servers run."""
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        assert line, self.error()
        found = json.loads(line)
        self.pids = found["pids"]
        return Urls(found["database"], found["redis"])

    def kill(self, *names: str) -> None:
        """Kill the program (`program`) or its servers, so that they can do nothing more."""
        for name in names:
            os.kill(self._process.pid if name == "program" else self.pids[name], signal.SIGKILL)
        if "program" in names:
            self._process.communicate()

    def stop(self) -> int:
        """Stop it as a person would, and return its exit code."""
        self._process.terminate()
        self._process.communicate(timeout=30)
        return self._process.returncode

    def error(self) -> str:
        """Wait for the end of a program that cannot run, and return what it says."""
        _, said = self._process.communicate(timeout=30)
        assert self._process.returncode == 1, (self._process.returncode, said)
        return said

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.communicate()


@contextmanager
def a_home(name: str = "home", *, mode: int = 0o755) -> Iterator[Path]:
    """A home that does not exist yet, in a folder of this mode. Afterwards nothing of it runs or stays."""
    folder = Path(tempfile.mkdtemp(prefix="landed-home-", dir=TEMPORARY))
    folder.chmod(mode)
    home = folder / name
    try:
        yield home
        until(lambda: not processes(home), "nothing is left running")
        assert (folder.stat().st_mode & 0o777, folder.stat().st_uid) == (mode, os.geteuid())
    finally:
        for pid in processes(home):
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        shutil.rmtree(folder, ignore_errors=True)
        shutil.rmtree(shared(home), ignore_errors=True)


def shared(home: Path) -> Path:
    """Where the files of root's unreachable home are."""
    return SHARED / f"landed-{fingerprint(home)}"


def sockets(home: Path) -> Path:
    """Where the sockets of a home with a long name are."""
    return TEMPORARY / f"landed-{os.geteuid()}-{fingerprint(home)}"


def processes(home: Path) -> list[int]:
    """The processes that name the home, or the folders that stand for it, in their command line."""
    wanted = [os.fsencode(path) for path in (home, shared(home), sockets(home))]
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            line = (entry / "cmdline").read_bytes()
            if int(entry.name) != os.getpid() and any(path in line for path in wanted):
                found.append(int(entry.name))
    return found


def until(condition: Callable[[], object], what: str, *, seconds: float = 20) -> None:
    """Wait until the condition holds."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"after {seconds} s it does not hold that {what}"
        time.sleep(0.01)


async def write(urls: Urls, text: str) -> None:
    """Commit a row."""
    connection = await asyncpg.connect(urls.database)
    await connection.execute("create table if not exists kept (text text)")
    await connection.execute("insert into kept values ($1)", text)
    await connection.close()


async def kept(urls: Urls) -> list[str]:
    """The committed rows, in the order of their commits."""
    connection = await asyncpg.connect(urls.database)
    rows = await connection.fetch("select text from kept order by ctid")
    await connection.close()
    return [row["text"] for row in rows]
