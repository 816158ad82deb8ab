"""Starts a program, as the servers' account or as ourselves, so that it dies with us."""

import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import BinaryIO

from embedded.account import Account

#: A server that runs, or a program.
Child = subprocess.Popen[bytes]

_CHILD = Path(__file__).with_name("child.py")
_LOG_BYTES = 5_000_000
_TAIL_BYTES = 2_000


def serve(argv: Sequence[str], account: Account, *, log: Path, lock: int, death: signal.Signals) -> Child:
    """Start a server whose output goes to `log`. It inherits `lock` and gets `death` when this process dies.

    The kernel sends `death` when the *thread* that called this ends, so only the main thread may call it.
    """
    with _open_log(log, account) as output:
        return _spawn(argv, account, lock, death, stdin=subprocess.DEVNULL, output=output)


def companion(argv: Sequence[str], environment: Mapping[str, str], *, log: Path | None) -> Child:
    """Start a program of our own as ourselves. Its output goes to `log`, or where ours goes; it dies with this process.

    Only the main thread may call it, as with `serve`.
    """
    with nullcontext() if log is None else _open_log(log, None) as output:
        return subprocess.Popen(  # noqa: S603  our own program
            [*_child(signal.SIGKILL, None), "same", *argv],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=None if log is None else subprocess.STDOUT,
            env=dict(environment),
            process_group=0,
        )


def run(argv: Sequence[str], account: Account, *, lock: int, stdin: str = "") -> tuple[int, str]:
    """Run a program to its end. Returns its exit status and what it said."""
    child = _spawn(argv, account, lock, signal.SIGTERM, stdin=subprocess.PIPE, output=subprocess.PIPE)
    try:
        said, _ = child.communicate(stdin.encode())
    finally:
        if child.poll() is None:  # we were interrupted
            child.terminate()
            child.wait()
    return child.returncode, said.decode(errors="replace")[-_TAIL_BYTES:].strip()


def tail(log: Path) -> str:
    """The last lines of a log, for a person to read."""
    with log.open("rb") as file:
        file.seek(max(0, log.stat().st_size - _TAIL_BYTES))
        return file.read().decode(errors="replace").strip()


def _spawn(
    argv: Sequence[str], account: Account, lock: int, death: signal.Signals, *, stdin: int, output: int | BinaryIO
) -> Child:
    return subprocess.Popen(  # noqa: S603  the programs of our own wheels
        [*_child(death, account), "clean", *argv],
        stdin=stdin,
        stdout=output,
        stderr=subprocess.STDOUT,
        cwd="/",
        pass_fds=(lock,),
        process_group=0,  # Ctrl-C in a terminal is for us; we stop the servers in order
    )


def _child(death: signal.Signals, account: Account | None) -> list[str]:
    who = (account.uid, account.gid) if account is not None and account.switch else (-1, -1)
    numbers = [str(number) for number in (os.getpid(), int(death), *who)]
    return [sys.executable, "-I", "-S", str(_CHILD), *numbers]


def _open_log(path: Path, account: Account | None) -> BinaryIO:
    """Open the log to append to. One that has grown large is begun anew."""
    descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    if account is not None and account.switch:
        os.fchown(descriptor, account.uid, account.gid)
    if os.fstat(descriptor).st_size > _LOG_BYTES:
        os.ftruncate(descriptor, 0)
    return os.fdopen(descriptor, "ab")
