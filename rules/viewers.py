"""Who looks at the page or asks the API, and what they may do."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum


class Scope(StrEnum):
    """What one may do. None of them holds another."""

    #: See messages, reports, events, accounts and blocked addresses.
    READ = "read"
    #: Record messages and what was learnt of them, and ask which addresses are blocked: the sending service.
    RECORD = "record"
    #: Block and unblock, pause, resume and hurry accounts.
    OPERATE = "operate"


class Way(StrEnum):
    """How we know who it is."""

    #: On this machine, without saying who.
    LOCAL = "local"
    #: A token sent with the request.
    TOKEN = "token"  # noqa: S105 - a word
    #: A session that began with a token.
    SESSION = "session"
    #: A trusted proxy says so.
    PROXY = "proxy"


@dataclass(frozen=True, slots=True)
class Viewer:
    """Someone who may do some things. `key` tells this viewer from any other for as long as they are the same."""

    name: str
    way: Way
    scopes: frozenset[Scope]
    #: Whether recipients are shown only in part.
    masked: bool = False
    key: str = ""

    def may(self, *any_of: Scope) -> bool:
        """Whether they have one of these scopes."""
        return not self.scopes.isdisjoint(any_of)


EVERYTHING = frozenset(Scope)


def scopes(words: Iterable[str]) -> frozenset[Scope]:
    """The scopes that words name. ValueError says which there are."""
    named = list(words)
    for word in named:
        if word not in {scope.value for scope in Scope}:
            raise ValueError(f"unknown scope {word!r}; there are {', '.join(Scope)}")
    return frozenset(Scope(word) for word in named)
