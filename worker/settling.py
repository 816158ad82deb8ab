"""When a message may be settled, and what is said of it then. Pure.

One look before settling is the last one: made after the deadline and the provider's lag, or just before the provider
forgets. What could not be asked at all waits for nothing; what cannot be asked now waits until a hard limit.

The sweep settles by a statement that says the same in SQL, `settle` in `store/queries/reports.sql`.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from rules import deadlines
from rules.reports import Word
from rules.schedules import Horizon, horizon
from rules.state import State
from rules.statuses import Mark


@dataclass(frozen=True, slots=True)
class Terms:
    """What settling depends on, for one account.

    `read_until` is up to when the account's stream is known whole. While the provider can be asked (`asks`), nothing is
    settled without a last look, however late that is.
    """

    lag: timedelta
    retention: timedelta | None
    hard_limit: timedelta
    confirms: bool
    asks: bool
    read_until: datetime | None = None

    def bounds(self, sent_at: datetime, deadline_at: datetime) -> Horizon:
        """When the last look at a message is due and when it may be settled."""
        return horizon(sent_at, deadline_at, self.lag, self.retention)


@dataclass(frozen=True, slots=True)
class Standing:
    """What settling needs to know of one open message. `askable`: it can be looked up or listed by itself."""

    heard: int
    sent_at: datetime
    deadline_at: datetime
    looked_at: datetime | None
    found: bool | None
    askable: bool
    streamed: bool


def mark(standing: Standing, terms: Terms, now: datetime) -> Mark | None:
    """How the message was last looked at, or None while its last look is still to come."""
    bounds = terms.bounds(standing.sent_at, standing.deadline_at)
    if now < bounds.settle_at:
        return None
    if standing.looked_at is not None and standing.looked_at >= bounds.last_look_at:
        return Mark.LOOKED if standing.found else Mark.NOT_FOUND
    if not standing.askable:
        if not standing.streamed:
            return Mark.UNASKABLE
        # What a stream lost on its way only a lookup can tell; where there is none, the stream is all that there is.
        if terms.read_until is not None and terms.read_until >= bounds.last_look_at:
            return Mark.LOOKED
    if not terms.asks and now >= standing.deadline_at + terms.hard_limit:
        return Mark.UNREACHED
    return None


def settle(standing: Standing, terms: Terms, now: datetime) -> Word | None:
    """What the sweep says of the message now, or None if it must wait or is settled already."""
    how = mark(standing, terms, now)
    if how is None:
        return None
    return deadlines.settle(State(standing.heard), how, now, confirms=terms.confirms)
