"""What `schedule show` shows, and the same as JSON."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from cli.recorded import Everything
from rules import durations
from store.measured import Measured
from store.retiming import Progress
from worker.measured import timing

DAY = timedelta(days=1)


@dataclass(frozen=True)
class Shown:
    """Everything that is shown."""

    known: Everything
    #: Requests in the last day, by account.
    requests: dict[str, int]
    retimed: dict[str, Progress]
    #: Workers that refuse their changed file.
    refusals: list[dict[str, Any]]


def plain(shown: Shown) -> dict[str, Any]:
    """The same as JSON: schedules with their figures, in seconds, and what concerns whole accounts."""
    names = sorted({one.account.name for one in shown.known.measured})
    return {
        "accounts": {name: _account(shown, name) for name in names},
        "schedules": [_schedule(shown.known, one) for one in shown.known.measured],
        "refusals": shown.refusals,
    }


def _account(shown: Shown, name: str) -> dict[str, Any]:
    progress = shown.retimed.get(name)
    return {
        "requests_last_day": shown.requests.get(name, 0),
        "quota_per_day": quota(shown, name),
        "retiming": None
        if progress is None
        else {
            "phase": progress.phase,
            "changed": progress.changed,
            "changed_at": progress.changed_at,
            "seen": progress.seen,
            "total": progress.total,
            "moved": progress.moved,
            "ended_at": progress.ended_at,
        },
    }


def quota(shown: Shown, name: str) -> int:
    """Requests that an account may make in a day."""
    return timing(shown.known.accounts[name]).per_day


def _schedule(known: Everything, one: Measured) -> dict[str, Any]:
    schedule, figures = one.schedule, one.figures
    return {
        "account": one.account.name,
        "channel": one.channel.word,
        "schedule": one.name,
        "origin": one.origin,
        "looks": [durations.text(look) for look in schedule.looks],
        "then": None if schedule.then is None else durations.text(schedule.then),
        "jitter": schedule.jitter,
        "first_look": durations.text(schedule.first_look),
        "horizon": durations.text(one.horizon),
        "messages": one.total.messages,
        "messages_per_day": round(one.messages_per_day, 1),
        "open": one.open,
        "told": one.total.told,
        "between_looks": one.total.between,
        "never": one.total.never,
        "missed": one.total.missed,
        "since": one.total.first_at,
        "looks_per_message": one.looks_per_message,
        "undecided": one.undecided,
        "delay": None
        if one.delays is None
        else {"mean": one.delays.mean, "p50": one.delays.p50, "p95": one.delays.p95, "p99": one.delays.p99},
        "expected": None
        if figures is None
        else {
            "looks_per_message": figures.looks_per_message,
            "mean_delay": figures.mean_delay,
            "p50_delay": figures.p50_delay,
            "p95_delay": figures.p95_delay,
            "p99_delay": figures.p99_delay,
            "undecided": figures.undecided,
        },
        "adaptive": _adaptive(known, one),
    }


def _adaptive(known: Everything, one: Measured) -> dict[str, Any] | None:
    adaptive = one.account.adaptive.get(one.channel)
    if adaptive is None or one.name is not None:
        return None
    stands = known.stands(one.account.name, one.channel)
    return {
        "configured": [durations.text(look) for look in adaptive.configured.looks],
        "changes": stands.changes if stands else 0,
        "changed_at": stands.changed_at if stands else None,
        "judged_at": stands.judged_at if stands else None,
        "found": (stands.found or None) if stands else None,
        "pinned_at": stands.pinned_at if stands else None,
        "pinned_by": stands.pinned_by if stands else None,
    }
