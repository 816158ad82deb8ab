"""A worker in a process of its own, as `landed worker` starts it, which dies with this one."""

import os
import signal
import sys
from pathlib import Path

import click

from embedded.spawn import Child, companion

ROOT = Path(__file__).resolve().parent.parent


class WorkerProcess:
    """Starts a worker, kills it, or lets it end."""

    def __init__(self, place: Path, configuration: Path) -> None:
        """Keep what it needs; its log is in `place`."""
        ours = {name: value for name, value in os.environ.items() if not name.startswith("LANDED_")}
        self._environment = ours | {"LANDED_CONFIG": str(configuration), "PYTHONPATH": str(ROOT)}
        self._log = place / "worker.log"
        self._process: Child | None = None

    def start(self) -> None:
        """Start it."""
        self._process = companion([sys.executable, "-P", "-m", "cli", "worker"], self._environment, log=self._log)

    def check(self) -> None:
        """Trouble if it has ended by itself."""
        if self._process is not None and self._process.poll() is not None:
            said = "\n".join(self._log.read_text("utf-8", "replace").splitlines()[-10:])
            raise click.ClickException(f"the worker has ended by itself. The end of its log:\n{said}")

    def kill(self) -> None:
        """Kill it with -9, in the middle of whatever it does."""
        self._end(signal.SIGKILL)

    def stop(self) -> None:
        """Let it end what it does."""
        self._end(signal.SIGTERM)

    def _end(self, word: signal.Signals) -> None:
        if self._process is not None:
            self._process.send_signal(word)
            self._process.wait()
            self._process = None
