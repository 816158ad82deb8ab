"""`python -m embedded HOME [NAME=VALUE ...]`: run the servers until a signal. Prints their URLs as one line of JSON.

Exit code 0 after SIGTERM or SIGINT, 1 when the servers cannot run or one of them ended, 2 for wrong use.
"""

import json
import signal
import sys
from dataclasses import asdict
from pathlib import Path

from embedded import EmbeddedError, Servers

_WORDS = {signal.SIGTERM, signal.SIGINT}
_LOOK_SECONDS = 0.2


def main(arguments: list[str]) -> int:
    """Run the servers until a signal, and return the exit code."""
    if not arguments or not all("=" in setting for setting in arguments[1:]):
        print("usage: python -m embedded HOME [NAME=VALUE ...]", file=sys.stderr)
        return 2
    signal.pthread_sigmask(signal.SIG_BLOCK, _WORDS)
    servers = Servers(Path(arguments[0]), postgres=dict(setting.split("=", 1) for setting in arguments[1:]))
    try:
        with servers as urls:
            print(json.dumps({**asdict(urls), "pids": servers.pids}), flush=True)
            while signal.sigtimedwait(_WORDS, _LOOK_SECONDS) is None:
                if ended := servers.died():
                    print(ended, file=sys.stderr)
                    return 1
    except EmbeddedError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
