"""A terminal in front of a command that runs in a process of its own, as a person has it."""

import os
import pty
import re
import subprocess
import sys
import termios
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]

#: Colours and movements.
ESCAPES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


@dataclass
class Terminal:
    """`process` has it as its standard error, and as its standard output too unless that is piped."""

    process: "subprocess.Popen[bytes]"
    seen_by: int
    seen: str = ""

    def until(self, text: str) -> None:
        """Wait until `text` is shown."""
        while text not in self.seen:
            piece = self._read()
            assert piece, f"{text!r} is not in {self.seen!r}"

    def rest(self) -> str:
        """Everything that was shown, without colours, once the process has ended."""
        while self._read():
            pass
        self.process.wait(timeout=30)
        return ESCAPES.sub("", self.seen).replace("\r\n", "\n")

    def _read(self) -> str:
        piece = b""
        with suppress(OSError):  # the process has ended
            piece = os.read(self.seen_by, 65536)
        self.seen += piece.decode(errors="replace")
        return piece.decode(errors="replace")


@contextmanager
def terminal(folder: Path, *words: str, columns: int = 100, piped: bool = False) -> Iterator[Terminal]:
    """Run `landed` with these words in `folder`, on a terminal with so many columns."""
    # Somebody may have said how wide theirs is; this one is as wide as it says itself.
    environment = {name: value for name, value in os.environ.items() if name not in {"COLUMNS", "LINES"}}
    ours, theirs = pty.openpty()
    termios.tcsetwinsize(theirs, (40, columns))
    process = subprocess.Popen(
        [sys.executable, "-P", "-m", "cli", *words],
        cwd=folder,
        env={**environment, "PYTHONPATH": str(ROOT), "TERM": "xterm"},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE if piped else theirs,
        stderr=theirs,
    )
    os.close(theirs)
    with process:
        try:
            yield Terminal(process, ours)
        finally:
            process.kill()
            os.close(ours)
