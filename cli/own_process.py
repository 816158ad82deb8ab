"""A command of ours in a process of its own, which dies with this one."""

import os
import signal
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import click

from embedded.spawn import Child, companion

ROOT = Path(__file__).resolve().parent.parent


def configured(path: Path) -> dict[str, str]:
    """Our environment with one configuration, and no other setting of Landed."""
    rest = {name: value for name, value in os.environ.items() if not name.startswith("LANDED_")}
    return rest | {"LANDED_CONFIG": str(path)}


class OwnProcess:
    """Starts `landed WORDS`, kills it, or lets it end."""

    def __init__(self, words: Sequence[str], environment: Mapping[str, str], log: Path | None = None) -> None:
        """Keep what it needs; what it says goes to `log`, or where what we say goes."""
        self._words = list(words)
        self._environment = {**environment, "PYTHONPATH": str(ROOT)}
        self._log = log
        self._process: Child | None = None

    def start(self) -> None:
        """Start it."""
        command = [sys.executable, "-P", "-m", "cli", *self._words]
        self._process = companion(command, self._environment, log=self._log)

    def died(self) -> str | None:
        """What to say if it has ended by itself."""
        if self._process is None or self._process.poll() is None:
            return None
        said = f"`landed {self._words[0]}` has ended by itself"
        if self._log is None:
            return f"{said}; the lines above say why"
        end = "\n".join(self._log.read_text("utf-8", "replace").splitlines()[-10:])
        return f"{said}. The end of its log:\n{end}"

    def check(self) -> None:
        """Trouble if it has ended by itself."""
        if said := self.died():
            raise click.ClickException(said)

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
