"""What can go wrong when a provider is asked. Each type answers one question: who acts next?

    AskError
    ├── Unreachable   we, later: no answer, or the provider is in trouble
    ├── Throttled     we, later: asked too often
    ├── Refused       an operator: credentials, permissions, a wrong address or setting
    └── Unreadable    a developer: an answer that does not have the documented shape

A message names provider, account and what to do. It never holds an address, a text or a secret.
"""

from datetime import timedelta
from typing import ClassVar


class AskError(Exception):
    """A provider could not be asked, or its answer could not be read.

    `retry_after` is how long it wants to be left alone; None where it does not say.
    """

    #: What went wrong, as `accounts`, looks and the log have it. Types below these four say the same.
    word: ClassVar[str] = "failed"

    def __init__(self, message: str, retry_after: timedelta | None = None) -> None:
        """Keep how long the provider wants to be left alone."""
        super().__init__(message)
        self.retry_after = retry_after


class Unreachable(AskError):
    """No answer came, or the provider answered that it is in trouble. Asked again later."""

    word = "unreachable"


class Throttled(AskError):
    """The provider says that it is asked too often."""

    word = "throttled"


class Refused(AskError):
    """The provider will not answer this account until someone changes something.

    `credentials` is true where it refused who we are (401, 403), false where it refused this one request.
    """

    word = "refused"

    def __init__(self, message: str, *, credentials: bool = False) -> None:
        """Keep whether the whole account is refused."""
        super().__init__(message)
        self.credentials = credentials


class Unreadable(AskError):
    """The answer is not what the provider's documentation promises. It is kept in the journal."""

    word = "unreadable"
