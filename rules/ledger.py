"""The quota ledger of one or more accounts: what becomes of permits, over all processes together. Pure.

Permits are given in blocks. A process says later which of them it used and when; what it does not say in time counts
as used at the end of the block. A limit is never passed in any window of its length, wherever that begins, because a
request counts from its permit until a window after it was certainly sent, and reached the provider:

- Whoever is given a permit for a moment sends at that moment or later, and never after the end of the block.
- A request counts until a window after its answer came, or after it was sent and `LATE` of the window has passed,
  whichever is first. So of any requests that reach the provider within one window, the one whose permit was given last
  was given it when all the others counted. `docs/decisions/quota.md` has the proof, and what it costs.
"""

from bisect import bisect_left
from math import floor

from rules.permits import BLOCK, GRACE, give
from rules.quota import LATE, Bounds, Grant, Holder, Report, Run, State, count, unit_of, window_of

#: Two answers speak of the same window of the provider if their ends are so many seconds apart at most.
SAME = 2.0


def exchange(state: State, bounds: Bounds, now: float, who: str, report: Report, *, permits: int, slots: int) -> Grant:
    """Take in what process `who` says, and give it up to `permits` permits and `slots` requests in flight.

    Changes `state`.
    """
    keys = set(state.counted) | {most.key for most in bounds.all_most}
    if not state.holders:
        # Nobody was at work, so nothing of the rate was missed.
        state.next_at = max(state.next_at, now)
    holder = state.holders.setdefault(who, Holder())
    _take_in(state, bounds, keys, holder, report)
    _expire(state, keys, now, who)
    _hear(state, report, now)
    _share_slots(state, bounds, now, holder, report.in_flight, slots)
    runs: list[Run] = []
    again_at = now + BLOCK
    if permits and holder.slots > report.in_flight:
        runs, again_at = give(state, bounds, now, permits)
    given = sum(run.count for run in runs)
    until = now + BLOCK + GRACE
    if given:
        state.blocks += 1
        state.left -= given
        holder.block, holder.count, holder.until = state.blocks, given, until
        holder.records, holder.cost = given * float(bounds.records), given * bounds.cost
    if holder.slots:
        # A request sent at the very end of the block is in flight for so long at most.
        holder.slots_until = until + bounds.timeout
    elif not (given or holder.is_short):
        del state.holders[who]
    return Grant(holder.block if given else 0, tuple(runs), until, holder.slots, again_at)


def _take_in(state: State, bounds: Bounds, keys: set[str], holder: Holder, report: Report) -> None:
    """Count what was used of the block that is told about. One that is not told about counts whole."""
    counting = [one for one in report.used if not one.count]
    if holder.count and holder.block == report.block:
        used = [one for one in report.used if one.count]
        unused = holder.count - sum(one.count for one in used)
        state.next_at -= unused / bounds.rate
        state.left += unused
        holder.count = 0
        counting += used
    _count_whole(state, keys, holder)
    for one in counting:
        for key in keys:
            unit, window = unit_of(key), window_of(key)
            amounts = {"requests": float(one.count), "records": float(one.records), "cost": one.count * bounds.cost}
            # Records are told twice, what a request may bring and what it brought: both count at the same time.
            ended_at = one.ended_at if one.ended_at is not None and unit == "requests" else float("inf")
            count(state, key, min(ended_at, one.sent_at + LATE * window), amounts[unit])


def _count_whole(state: State, keys: set[str], holder: Holder) -> None:
    """Whatever became of a block, nothing was sent with it after its end."""
    if holder.count:
        for key in keys:
            count(state, key, holder.until + LATE * window_of(key), holder.amount(unit_of(key)))
        holder.count = 0


def _expire(state: State, keys: set[str], now: float, who: str) -> None:
    """Count whole what nobody has told about in time, and take slots back whose requests are over."""
    for name, one in list(state.holders.items()):
        if one.until <= now:
            _count_whole(state, keys, one)
        if not one.count and one.slots_until <= now:
            one.slots = 0
            if name != who:
                del state.holders[name]
    for key, counted in list(state.counted.items()):
        gone = bisect_left(counted, [floor((now - window_of(key)) * 1000) + 1])
        if gone:
            del counted[:gone]
        if not counted:
            del state.counted[key]


def _hear(state: State, report: Report, now: float) -> None:
    """What the provider says of the present window of its own; of two words about the same, the lower counts."""
    told = report.told
    if told is None or told.until <= now:
        return
    # It does not know of what others may still send, nor of all that is on its way.
    given = sum(one.count for one in state.holders.values())
    left = max(0, told.left - given - max(0, report.in_flight - 1))
    if told.left <= 0:
        state.rest_until = max(state.rest_until, told.until)
    elif state.left_until <= now or told.until > state.left_until + SAME or left < state.left:
        state.left, state.left_until = left, told.until


def _share_slots(state: State, bounds: Bounds, now: float, holder: Holder, in_flight: int, wanted: int) -> None:
    """Give the requests in flight that are free, and of too few a fair share."""
    others = [one for one in state.holders.values() if one is not holder and one.slots_until > now]
    free = bounds.at_once - sum(one.slots for one in others)
    fair = max(1, bounds.at_once // (len(others) + 1))
    some = min(wanted, free)
    if any(one.is_short for one in others):
        some = min(some, fair)
    holder.slots = max(in_flight, some, 0)
    holder.is_short = holder.slots < min(wanted, fair)
    if holder.is_short:
        # Whoever waits comes back in a moment, or is no more.
        holder.slots_until = max(holder.slots_until, now + 8 * BLOCK)
