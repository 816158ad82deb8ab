"""A message at a simulated provider, and everything that will be said about it."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from rules.reports import Report, words
from rules.state import State, join
from rules.statuses import Channel
from simulator.fates import Meaning
from simulator.sent import Sent


@dataclass(slots=True)
class Said:
    """One thing said about a message: a word with its code, when it happened and from when the API shows it.

    Times are those of the simulator; what a provider shows is by its own clock. `owed` are faults that happen with it
    and are counted when they do.
    """

    number: int
    word: str
    code: str
    meaning: Meaning
    at: datetime
    shown_at: datetime
    #: The code as the truth has it.
    cause: str = ""
    attempt: int = 0
    #: Whether no feed, queue or drain has it.
    is_missing: bool = False
    owed: tuple[str, ...] = ()


@dataclass(slots=True)
class Message:
    """A message at a provider. `says` are in the order in which things happen."""

    channel: Channel
    recipient: str
    provider_id: str
    part: str
    reference: str
    sent_at: datetime
    fate: str
    says: list[Said]
    is_ours: bool = True
    #: The number of the message on its account.
    number: int = 0
    #: Which faults have met it, where that must be known later.
    known: dict[str, bool] = field(default_factory=dict)

    def sent(self, provider: str) -> Sent:
        """The same as its sender knows it."""
        return Sent(
            provider,
            self.channel,
            self.recipient,
            self.provider_id,
            self.part,
            self.reference,
            self.sent_at,
            self.fate,
        )

    def shown(self, at: datetime) -> list[Said]:
        """All that the API has at `at`."""
        return [said for said in self.says if said.shown_at <= at]

    def present(self, at: datetime) -> Said | None:
        """The latest of that; None if there is nothing yet."""
        return next((said for said in reversed(self.says) if said.shown_at <= at), None)

    @property
    def final_at(self) -> datetime:
        """When the last is said."""
        return max((said.shown_at for said in self.says), default=self.sent_at)

    def truth(self, at: datetime, skew: timedelta) -> State:
        """The join of all that the API has at `at`, with times by a clock that is off by `skew`."""
        return join(State(), (word for report in self._reports(at, skew) for word in words(report, at)))

    def _reports(self, at: datetime, skew: timedelta) -> Iterator[Report]:
        for said in self.shown(at):
            yield from _reports(said, said.at + skew)


def _reports(said: Said, at: datetime) -> Iterable[Report]:
    meaning = said.meaning
    if meaning.engagement is not None:
        yield Report(engagement=((meaning.engagement, at),), occurred_at=at)
    for status in meaning.statuses:
        yield Report(
            status=status,
            reason=meaning.reason,
            code=said.cause,
            occurred_at=at,
            attempts=said.attempt,
            attempt_at=at if said.attempt else None,
        )
