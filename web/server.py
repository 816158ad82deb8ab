"""Serving the app: a socket of our own, uvicorn on it, and a clean end."""

import asyncio
import errno
import signal
import socket
from collections.abc import Iterator
from contextlib import contextmanager

import structlog
import uvicorn
from fastapi import FastAPI

from web.site import live_of

log = structlog.get_logger()

#: How long requests that are being answered may go on when we are told to stop, in seconds.
FAREWELL = 10

#: Requests at once; more are told to come again.
AT_ONCE = 1000


def listen(host: str, port: int) -> socket.socket:
    """A socket that listens; port 0 is any that is free. Raises OSError: the port is taken, or the address not ours."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    return socket.create_server((host, port), family=family, backlog=2048, reuse_port=False)


def free_port(host: str, wanted: int) -> int:
    """The port that is wanted, or another one if somebody has that. Somebody else may take it before it is used."""
    try:
        with listen(host, wanted) as listening:
            port: int = listening.getsockname()[1]
    except OSError as error:
        if error.errno != errno.EADDRINUSE:
            raise
        with listen(host, 0) as listening:
            port = listening.getsockname()[1]
    return port


def address(listening: socket.socket) -> str:
    """Where to look, for a person on this machine."""
    host, port = listening.getsockname()[:2]
    if host in ("0.0.0.0", "::", "127.0.0.1", "::1"):  # noqa: S104 - it is compared, and nothing is bound
        host = "localhost" if host != "::1" else "[::1]"
    return f"http://{f'[{host}]' if ':' in host and not host.startswith('[') else host}:{port}"


class _Server(uvicorn.Server):
    """Leaves signals to us: uvicorn would end the process before anything is closed."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


async def serve(app: FastAPI, listening: socket.socket) -> None:
    """Serve until SIGINT or SIGTERM; at the second of them at once. Raises what `create_app` raises when it starts.

    What is asked for by then is still answered, for a while. `X-Forwarded-For` is left to `web.peers`.
    """
    config = uvicorn.Config(
        app,
        log_config=None,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        ws="none",
        lifespan="off",  # we run it ourselves, so that its trouble is told as any other
        limit_concurrency=AT_ONCE,
        timeout_keep_alive=30,
        timeout_graceful_shutdown=FAREWELL,
    )
    server = _Server(config)
    async with app.router.lifespan_context(app):
        _until_told(server, live_of(app).stopping)
        log.info("web_started", address=address(listening))
        await server.serve([listening])
    log.info("web_stopped")


def _until_told(server: uvicorn.Server, stopping: asyncio.Event) -> None:
    def stop() -> None:
        server.force_exit = server.should_exit
        server.should_exit = True
        stopping.set()

    for word in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(word, stop)
