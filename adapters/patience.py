"""How patient whoever asks is: whether a request that failed is worth another try.

The sender bounds tries in number and time for everyone. A poll knows more: its own time may be over sooner, and a
provider that was in trouble is asked one thing only. It says so here, for itself and the tasks that it starts.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

#: Whether there is time for another try that would take so many seconds, with the pause before it.
Patience = Callable[[float], bool]

_patience: ContextVar[Patience] = ContextVar("patience", default=lambda _seconds: True)


@contextmanager
def patience(says: Patience) -> Iterator[None]:
    """Ask `says` before a request of this task, or of one that it starts here, is sent again."""
    token = _patience.set(says)
    try:
        yield
    finally:
        _patience.reset(token)


def is_patient(seconds: float) -> bool:
    """Whether whoever asks here has so many seconds for another try."""
    return _patience.get()(seconds)
