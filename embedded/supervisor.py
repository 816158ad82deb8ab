"""Runs both servers for as long as a program needs them."""

import contextlib
import os
import subprocess
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from signal import Signals
from types import TracebackType

from embedded import postgres, valkey
from embedded.errors import EmbeddedError, explain
from embedded.locks import lock_home
from embedded.place import Place, prepare
from embedded.spawn import Child, tail

_STOP_SECONDS = 10.0


@dataclass(frozen=True)
class Urls:
    """Where the servers are: a database for asyncpg, a Redis for arq."""

    database: str
    redis: str


@dataclass(frozen=True, slots=True)
class _Server:
    process: Child
    stop: tuple[Signals, ...]
    log: Path


class Servers:
    """PostgreSQL and Valkey in one home. They die with this process, however it dies.

    Enter it from the main thread: the kernel ends the servers when the thread that started them ends. `postgres` is
    settings of PostgreSQL, by name.
    """

    def __init__(self, home: Path, *, postgres: Mapping[str, str] | None = None) -> None:
        self._home = Path(os.path.realpath(home.expanduser()))
        self._settings = dict(postgres or {})
        self._servers: dict[str, _Server] = {}
        self._lock: int | None = None
        self._place: Place | None = None

    @property
    def pids(self) -> dict[str, int]:
        """The number of each server's process, by name."""
        return {name: server.process.pid for name, server in self._servers.items()}

    def start(self) -> Urls:
        """Start both and return when both are ready. Raises `EmbeddedError`."""
        if threading.current_thread() is not threading.main_thread():
            raise EmbeddedError("The embedded servers must be started from the main thread.")
        if self._lock is not None:
            raise EmbeddedError(f"The embedded servers in {self._home} run already.")
        try:
            return self._start()
        except OSError as error:
            self.stop()
            raise explain(self._home, error) from error
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """Stop both, gently at first, and let go of the home. Harmless when they are stopped."""
        for server in self._servers.values():
            _tell(server, server.stop[0])
        for server in self._servers.values():
            _await_end(server)
        self._servers.clear()
        if self._place and self._place.sockets.parent != self._place.data:
            with contextlib.suppress(OSError):
                self._place.sockets.rmdir()
        if self._lock is not None:
            os.close(self._lock)
        self._lock = self._place = None

    def died(self) -> str | None:
        """Which server has ended by itself, with the end of its log; `None` while both run."""
        for name, server in self._servers.items():
            if (status := server.process.poll()) is not None:
                return f"{name} has ended by itself (exit status {status}). The end of its log:\n{tail(server.log)}"
        return None

    def __enter__(self) -> Urls:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.stop()

    def _start(self) -> Urls:
        if not self._home.exists():
            self._home.parent.mkdir(parents=True, exist_ok=True)
            # Root's servers run as someone else, who must get through to the folders inside; those are closed.
            self._home.mkdir(mode=0o700, exist_ok=True)
            self._home.chmod(0o700 if os.geteuid() else 0o711)
        self._lock = lock_home(self._home)
        place = self._place = prepare(self._home)
        log = place.data / "valkey.log"
        redis = self._keep("valkey", valkey.start(place, log), valkey.STOP, log)
        log = place.data / "postgres.log"
        database = self._keep("postgres", postgres.start(place, log, self._settings), postgres.STOP, log)
        valkey.await_ready(redis.process, place, redis.log)
        postgres.await_ready(database.process, place, database.log)
        return Urls(postgres.url(place), valkey.url(place))

    def _keep(self, name: str, process: Child, stop: tuple[Signals, ...], log: Path) -> _Server:
        """Remember a server before anyone waits for it, so that `stop` knows it whatever happens."""
        self._servers[name] = _Server(process, stop, log)
        return self._servers[name]


def _tell(server: _Server, word: Signals) -> None:
    if server.process.poll() is None:
        server.process.send_signal(word)


def _await_end(server: _Server) -> None:
    for harsher in (*server.stop[1:], None):
        try:
            server.process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            if harsher is not None:
                _tell(server, harsher)
