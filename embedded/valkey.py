"""Valkey: starts it, and knows when it is ready."""

import os
import signal
import socket
import time
from pathlib import Path

from embedded import binaries
from embedded.errors import EmbeddedError, ended
from embedded.locks import lock_server
from embedded.place import Place, private
from embedded.spawn import Child, serve, tail

#: In order: it writes what it has and ends; the last resort.
STOP = (signal.SIGTERM, signal.SIGKILL)

_READY_SECONDS = 60.0
_PAUSE = 0.005
_SETTINGS = {
    "port": "0",  # no TCP
    "unixsocketperm": "700",
    "appendonly": "yes",
    "appendfsync": "everysec",
    "save": "",
    "maxmemory-policy": "noeviction",
    "daemonize": "no",
}


def url(place: Place) -> str:
    """The URL of database 0."""
    return f"unix://{_socket(place)}?db=0"


def start(place: Place, log: Path) -> Child:
    """Start the server. It is not ready yet."""
    lock = lock_server(place.data / "valkey.lock")
    try:
        program = binaries.reachable(binaries.valkey(), place.account, place.data)
        data = private(place.data / "valkey", place.account)
        _socket(place).unlink(missing_ok=True)
        options = [part for name, value in _SETTINGS.items() for part in (f"--{name}", value)]
        command = [str(program), "--dir", str(data), "--unixsocket", str(_socket(place)), *options]
        return serve(command, place.account, log=log, lock=lock, death=signal.SIGTERM)
    finally:
        os.close(lock)


def await_ready(server: Child, place: Place, log: Path) -> None:
    """Return when the server answers."""
    deadline = time.monotonic() + _READY_SECONDS
    while not _answers(_socket(place)):
        if server.poll() is not None:
            raise ended(place.home, place.data, "valkey", server.returncode, tail(log))
        if time.monotonic() > deadline:
            raise EmbeddedError(f"valkey was not ready after {_READY_SECONDS:.0f} s. See {log}.")
        time.sleep(_PAUSE)


def _socket(place: Place) -> Path:
    return place.sockets / "valkey.sock"


def _answers(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(1)
        try:
            connection.connect(str(path))
            connection.sendall(b"PING\r\n")
            return connection.recv(16).startswith(b"+PONG")
        except OSError:
            return False
