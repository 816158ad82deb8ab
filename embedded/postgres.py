"""PostgreSQL: makes a cluster once, starts it, and knows when it is ready."""

import contextlib
import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path

from embedded import binaries
from embedded.errors import OWN_SERVERS, EmbeddedError, ended
from embedded.locks import lock_server
from embedded.place import Place, private
from embedded.spawn import Child, run, serve, tail

#: In order: fast shutdown, immediate shutdown, the last resort. SIGKILL first would cost a recovery at the next start.
STOP = (signal.SIGINT, signal.SIGQUIT, signal.SIGKILL)

_READY_SECONDS = 120.0
_PAUSE = 0.005
# C.UTF-8 is built in since PostgreSQL 17. Without it the machine's own locale would decide, and bare Debian has none.
_INITDB = (
    *("--username=postgres", "--auth-local=trust", "--auth-host=reject", "--no-instructions"),
    *("--encoding=UTF8", "--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"),
)
_SETTINGS = {"listen_addresses": "", "unix_socket_permissions": "0700"}


def url(place: Place) -> str:
    """The URL of the database `landed`."""
    return f"postgresql://postgres@/landed?host={place.sockets}"


def start(place: Place, log: Path, settings: Mapping[str, str]) -> Child:
    """Start the server, after making its cluster if there is none. It is not ready yet."""
    lock = lock_server(place.data / "postgres.lock")
    try:
        program = binaries.reachable(binaries.postgres(), place.account, place.data)
        data = _data(place)
        if not (data / "PG_VERSION").exists():
            _create(program, place, lock)
        _check_version(program, data)
        _disown(data / "postmaster.pid", place.sockets / ".s.PGSQL.5432.lock")
        options = [f"-c{name}={value}" for name, value in {**settings, **_SETTINGS}.items()]
        command = [str(program), "-D", str(data), "-k", str(place.sockets), *options]
        return serve(command, place.account, log=log, lock=lock, death=signal.SIGINT)
    finally:
        os.close(lock)


def await_ready(server: Child, place: Place, log: Path) -> None:
    """Return when the server accepts connections."""
    deadline = time.monotonic() + _READY_SECONDS
    while not _ready(_data(place) / "postmaster.pid", server.pid):
        if server.poll() is not None:
            raise ended(place.home, place.data, "postgres", server.returncode, tail(log))
        if time.monotonic() > deadline:
            raise EmbeddedError(f"postgres was not ready after {_READY_SECONDS:.0f} s. See {log}.")
        time.sleep(_PAUSE)


def _data(place: Place) -> Path:
    return place.data / "postgres"


def _create(program: Path, place: Place, lock: int) -> None:
    """Make the cluster in a folder of its own and rename it, so that a half-made one is never taken for whole."""
    for old in place.data.glob("postgres.new-*"):
        shutil.rmtree(old, ignore_errors=True)
    new = private(Path(tempfile.mkdtemp(prefix="postgres.new-", dir=place.data)), place.account)
    initdb = [str(program.with_name("initdb")), f"--pgdata={new}", *_INITDB]
    single = [str(program), "--single", "-D", str(new), "postgres"]
    for name, command, stdin in (("initdb", initdb, ""), ("postgres", single, "create database landed\n")):
        status, said = run(command, place.account, lock=lock, stdin=stdin)
        if status or "ERROR:" in said:  # a statement that fails does not end `postgres --single`
            error = ended(place.home, place.data, name, status, said)
            shutil.rmtree(new, ignore_errors=True)
            raise error
    new.rename(_data(place))


def _check_version(program: Path, data: Path) -> None:
    made_by = (data / "PG_VERSION").read_text(encoding="ascii").strip()
    said = subprocess.run([program, "--version"], capture_output=True, text=True, check=True, cwd="/").stdout  # noqa: S603  our wheel's
    brought = said.split()[-1].partition(".")[0]
    if made_by != brought:
        raise EmbeddedError(
            f"{data} was made by PostgreSQL {made_by} and this Landed brings PostgreSQL {brought}: dump it with the "
            f"Landed that made it, set LANDED_HOME to a new folder and restore it there, or {OWN_SERVERS}."
        )


def _disown(*files: Path) -> None:
    """Put our number into the lock files of a crashed server.

    Its own number may belong to another program by now, and then PostgreSQL would refuse to start. It takes its
    parent's number for a stale one, and still looks whether anything uses the old shared memory. Deleting the files
    would skip that.
    """
    for file in files:
        with contextlib.suppress(FileNotFoundError):
            lines = file.read_text(encoding="utf-8").splitlines(keepends=True)
            if lines:
                file.write_text(f"{os.getpid()}\n" + "".join(lines[1:]), encoding="utf-8")
            else:  # PostgreSQL refuses an empty one
                file.unlink()


def _ready(file: Path, pid: int) -> bool:
    """Line 8 says so and line 1 is this server: a stale file may say `ready` too."""
    try:
        lines = file.read_text(encoding="utf-8").split("\n")
    except FileNotFoundError:
        return False
    return len(lines) > 8 and lines[0].strip() == str(pid) and lines[7].strip() == "ready"  # noqa: PLR2004  its format
