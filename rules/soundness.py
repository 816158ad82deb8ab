"""Whether a vocabulary gives every state exactly one label."""

from collections.abc import Iterator

from rules.labels import CONDITIONS, KINDS, NOBODY, PROVIDER, SWEEP, Facts, Vocabulary, best
from rules.statuses import OPEN, Channel, Reason, Status


def unsound(vocabulary: Vocabulary) -> list[str]:
    """A line for each channel and status with states that have no label, and for rows that contend for a state."""
    missing: dict[tuple[int, int], list[str]] = {}
    contending: dict[tuple[str, ...], str] = {}
    for known, heard in classes(vocabulary):
        found = best(vocabulary, known, heard)
        if not found:
            missing.setdefault((known["channel"], known["status"]), []).append(_said(known, heard))
        elif len(found) > 1:
            contending.setdefault(tuple(row.place for row in found), _said(known, heard))
    gaps = [f"no row is for {said[0]}{_more(len(said) - 1)}" for said in missing.values()]
    return gaps + [
        f"{' and '.join(places)} are equally specific for {said}; make one of them more specific"
        for places, said in contending.items()
    ]


def classes(vocabulary: Vocabulary) -> Iterator[tuple[Facts, int]]:
    """Facts and engagement of every class of states that words can make and `vocabulary` can tell apart.

    One kind of engagement at a time is enough, because the strongest that meets a row decides.
    """
    named = {reason for row in vocabulary.rows for reason in row.conditions.get("reason", ())}
    reasons = sorted(named | set([reason for reason in Reason if reason not in named][:1]))
    for channel in CONDITIONS["channel"].values():
        for status, settled_from, settled_by in standings():
            for reason in reasons:
                known = {"reason": reason, "settled_from": settled_from, "settled_by": settled_by, "status": status}
                for heard in _engagement(vocabulary, status):
                    yield {**known, "channel": channel}, heard


def standings() -> Iterator[tuple[Status, Status, int]]:
    """Every status with each open one that it may have been settled from, and each who may have settled it."""
    for status in Status:
        for settled_from in [status] if status.is_open else sorted(OPEN):
            for settled_by in _settlers(status):
                yield status, settled_from, settled_by


def _settlers(status: Status) -> tuple[int, ...]:
    if status.is_open:
        return (NOBODY,)
    if status is Status.UNCONFIRMED:
        return (PROVIDER, SWEEP)
    return (SWEEP,) if status in {Status.TIMED_OUT, Status.EXPIRED_OURS} else (PROVIDER,)


def _engagement(vocabulary: Vocabulary, status: Status) -> list[int]:
    """None, and each kind alone; only what was delivered shows any."""
    return [0, *(1 << kind for kind in vocabulary.feedback)] if status is Status.DELIVERED else [0]


def _more(count: int) -> str:
    return f" and {count} more like it" if count else ""


def _said(known: Facts, heard: int) -> str:
    """A class of states in words."""
    status = Status(known["status"])
    parts = [Channel(known["channel"]).word, status.word]
    parts += [] if status.is_open else [f"settled from {Status(known['settled_from']).word}"]
    parts += [f"with reason {Reason(known['reason']).word}"] if known["reason"] else []
    parts += [f"and {name}" for name, kind in KINDS.items() if heard & kind.bit]
    return " ".join(parts)
