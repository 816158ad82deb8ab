"""Becomes a server: run as a script by `embedded.spawn`, never imported.

It changes the user, asks the kernel for a signal when its parent dies, and turns into the program. The order matters:
changing the user clears that request. It is a program of its own because code between fork and exec is unsafe in a
process with threads, and Python says so with a warning.

Its arguments: the parent's number, the signal, the numbers of user and group (-1 and -1: stay as we are), `clean` or
`same` for the environment, the program and what it takes.
"""

import ctypes
import os
import signal
import sys

_PR_SET_PDEATHSIG = 1
_ENVIRONMENT = {"PATH": "/usr/bin:/bin", "LC_ALL": "C", "TZ": "UTC"}


def main() -> None:
    """Turn into the program."""
    parent, word, uid, gid = (int(argument) for argument in sys.argv[1:5])
    if uid >= 0:
        os.setgroups([])
        os.setgid(gid)
        os.setuid(uid)
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, word)
    if os.getppid() != parent:  # it died before we asked
        sys.exit(1)
    os.umask(0o077)
    # A shell's background job ignores SIGINT and a program may block signals; a server must hear them.
    signal.pthread_sigmask(signal.SIG_SETMASK, [])
    for ignored in (signal.SIGINT, signal.SIGTERM, signal.SIGQUIT):
        signal.signal(ignored, signal.SIG_DFL)
    environment = _ENVIRONMENT if sys.argv[5] == "clean" else os.environ
    os.execve(sys.argv[6], sys.argv[6:], environment)  # noqa: S606  a list of arguments, no shell


if __name__ == "__main__":
    try:
        main()
    except OSError as error:
        sys.exit(f"cannot start {sys.argv[6]}: {error}")
