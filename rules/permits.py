"""Which permits a ledger gives for which moments. Pure."""

from collections.abc import Iterator, Sequence
from math import ceil, floor

from rules.quota import Bounds, Most, Run, State, counting

#: Permits are given for moments up to so many seconds ahead.
BLOCK = 0.25

#: A process that comes late may use its permits for so many seconds more. Then they are void.
GRACE = 0.25

#: So many seconds of a rate that nobody used may be made up for at once. The window of the rate is kept all the same.
CATCH_UP = 0.25


def give(state: State, bounds: Bounds, now: float, wanted: int) -> tuple[list[Run], float]:
    """Permits for as many moments as there are until the end of the block; if none, when to ask again."""
    if state.rest_until > now:
        return [], state.rest_until
    if state.left_until > now:
        if state.left <= 0:
            return [], state.left_until
        wanted = min(wanted, state.left)
    share = ceil((BLOCK + CATCH_UP) * bounds.rate / len(state.holders))
    wanted = min(wanted, max(1, share))
    spread, given = _Spread(max(state.next_at, now - CATCH_UP), 1 / bounds.rate, now + BLOCK), 0
    for at, allowed in _allowed(state, bounds, now):
        some = min(allowed, wanted) - given
        if some <= 0:
            continue
        if max(at, spread.next_at) > now + BLOCK:
            if not given:
                return [], max(at, spread.next_at)
            break
        added = spread.add(at, some)
        given += added
        if given == wanted or added < some:
            break
    if given:
        state.next_at = spread.next_at
    return spread.runs, now + BLOCK


class _Spread:
    """Permits spread evenly from `next_at` to `horizon`, a step apart; those that are overdue come at once."""

    def __init__(self, next_at: float, step: float, horizon: float) -> None:
        self.next_at = next_at
        self.runs: list[Run] = []
        self._step = step
        self._horizon = horizon

    def add(self, at: float, count: int) -> int:
        """Up to `count` permits, none of them before `at`; how many these are."""
        overdue = min(count, floor((at - self.next_at) / self._step) + 1) if self.next_at <= at else 0
        if overdue:
            self.runs.append(Run(at, 0.0, overdue))
            self.next_at += overdue * self._step
        fitting = floor((self._horizon - self.next_at) / self._step) + 1 if self.next_at <= self._horizon else 0
        rest = min(count - overdue, fitting)
        if rest:
            self.runs.append(Run(self.next_at, self._step, rest))
            self.next_at += rest * self._step
        return overdue + rest


def _allowed(state: State, bounds: Bounds, now: float) -> Iterator[tuple[float, int]]:
    """How many requests in all may go out from each time on, rising."""
    limits = [(most, bounds.takes(most.unit)) for most in bounds.all_most if bounds.takes(most.unit)]
    counted = [counting(state, most, now) for most, _ in limits]
    free = [most.amount - sum(amount for _, amount in one) for (most, _), one in zip(limits, counted, strict=True)]
    leaving = sorted(
        (at + most.window.total_seconds(), number, amount)
        for number, ((most, _), one) in enumerate(zip(limits, counted, strict=True))
        for at, amount in one
    )
    yield now, _least(free, limits)
    for at, number, amount in leaving:
        free[number] += amount
        yield at, _least(free, limits)


def _least(free: Sequence[float], limits: Sequence[tuple[Most, float]]) -> int:
    # Sums of costs are not exact.
    return min(floor(some / takes + 1e-9) for some, (_, takes) in zip(free, limits, strict=True))
