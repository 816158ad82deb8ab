"""The breaker of an account: when its provider is left alone, and how it is asked again. Pure."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

#: How long a provider in trouble is left alone, doubling with each failure in a row.
SHORTEST_REST = timedelta(seconds=5)
LONGEST_REST = timedelta(minutes=5)

#: So many requests in a row must fail before a provider that answers others is left alone.
IN_A_ROW = 3

#: The same of requests that failed before, or whose half did: so many it takes to find one among a thousand messages.
IN_A_ROW_AGAIN = 12

#: Requests in the first round after the provider has answered again; each round that goes well has twice as many.
FIRST_ROUND = 2


class Stand(StrEnum):
    """How the breaker of an account stands."""

    CLOSED = "closed"  # it is asked as usual
    OPEN = "open"  # it is left alone until a time
    HALF_OPEN = "half open"  # it is asked one thing next, to see whether it is well
    RECOVERING = "recovering"  # it is well again, and asked more with each round
    STOPPED = "stopped"  # it refused our credentials, and is not asked until they change


def stand(
    now: datetime, *, failures: int, ask_after: datetime | None, easing: int | None, is_refused: bool = False
) -> Stand:
    """How a breaker stands. `is_refused`: the settings in force are those that the provider has refused."""
    if is_refused:
        return Stand.STOPPED
    if failures:
        return Stand.OPEN if ask_after is not None and ask_after > now else Stand.HALF_OPEN
    return Stand.CLOSED if easing is None else Stand.RECOVERING


def rest(failures: int, chance: float) -> timedelta:
    """How long to leave a provider alone that failed after so many failures in a row.

    `chance` is between 0 and 1 and spreads accounts that failed together: four fifths of the time to six fifths.
    """
    doubled: timedelta = SHORTEST_REST * 2 ** min(failures, 10)
    return min(doubled, LONGEST_REST) * (0.8 + 0.4 * chance)


def eased(requests: int, most: int) -> int | None:
    """How many requests the next round may have after one of so many went well; None: as many as `most` or more."""
    return None if requests * 2 > most else requests * 2


@dataclass(slots=True)
class Run:
    """What came of the requests of one poll.

    `is_careful`: the account was in trouble when it began, so that one failure is enough.
    """

    is_careful: bool = False
    good: int = 0
    in_a_row: int = 0

    def well(self) -> None:
        """A request was answered."""
        self.good += 1
        self.in_a_row = 0

    def failed(self, *, again: bool = False) -> bool:
        """A request failed, and so did its repetitions; whether the provider is to be left alone now.

        `again`: it, or what it is a part of, failed before in this poll, so that it may be to blame itself.
        """
        self.in_a_row += 1
        return self.is_careful or not self.good or self.in_a_row >= (IN_A_ROW_AGAIN if again else IN_A_ROW)
