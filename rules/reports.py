"""Reports: what a provider, the sender or the sweep says about one message.

`Report` is what an adapter reads from an answer. `Word` is the same in the shape that states are joined from: the bits
it sets, all at one time. A report becomes one word, or several where it carries several times.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime

from rules.statuses import Engagement, Reason, Status


@dataclass(slots=True, unsafe_hash=True)
class Report:
    """One thing said about one message.

    `occurred_at` is the provider's own time, aware, or None where it gives none; the time of asking is then used.
    `unknown` is the provider's word verbatim where the adapter's table does not have it; `status` is then None.
    `engagement` holds (kind, first time) pairs. `attempts` is 0 where nothing is said about them.

    Nobody changes one. It is not frozen, because making one takes half the time so, and a page has a thousand.
    """

    provider_id: str = ""
    part: str = ""
    reference: str = ""
    status: Status | None = None
    reason: Reason = Reason.NONE
    code: str = ""
    detail: str = ""
    occurred_at: datetime | None = None
    attempts: int = 0
    attempt_at: datetime | None = None
    engagement: tuple[tuple[Engagement, datetime], ...] = ()
    response: str = ""
    unknown: str = ""

    def plain(self) -> dict[str, object]:
        """The report as JSON shows it: words for statuses and reasons, ISO 8601 times, null for what is not said."""
        return {
            "provider_id": self.provider_id,
            "part": self.part,
            "status": None if self.status is None else self.status.word,
            "reason": self.reason.word or None,
            "code": self.code or None,
            "detail": self.unknown or self.detail or None,
            "occurred_at": self.occurred_at.isoformat() if self.occurred_at else None,
            "attempts": self.attempts or None,
            "engagement": {kind.word: at.isoformat() for kind, at in self.engagement},
        }


@dataclass(slots=True, unsafe_hash=True)
class Word:
    """What a report adds to a state: a set of bits heard at one time, the cause it gives, and attempts.

    `bits` are those of statuses, engagement and marks together. `response` goes with `Engagement.RESPONDED`.
    `detail` is the provider's own text; it is kept in the history and takes no part in joining. Nobody changes one; as
    with reports, it is not frozen because of the time.
    """

    bits: int
    at: datetime
    reason: Reason = Reason.NONE
    code: str = ""
    attempts: int = 0
    attempt_at: datetime | None = None
    response: str = ""
    detail: str = field(default="", compare=False)

    @property
    def top(self) -> int:
        """The highest status bit it sets, or -1 if it sets none."""
        return (self.bits & 0xFFFF).bit_length() - 1


def words(report: Report, seen_at: datetime) -> list[Word]:
    """What `report`, seen at `seen_at`, adds to the state of its message; empty where it says nothing known.

    Every engagement also says that the message was delivered.
    """
    said = []
    if report.status is not None or report.attempts or report.attempt_at:
        said.append(_told(report, report.occurred_at or seen_at))
    if not report.engagement:
        return said
    for kind, first_at in report.engagement:
        response = report.response if kind is Engagement.RESPONDED else ""
        said.append(Word(kind.bit | Status.DELIVERED.bit, first_at, response=response, detail=report.detail))
    return fold(said)


def _told(report: Report, at: datetime) -> Word:
    """The word of a report without its engagement. By position, because a million reports are read so."""
    bits = 0 if report.status is None else 1 << report.status
    return Word(bits, at, report.reason, report.code, report.attempts, report.attempt_at, "", report.detail)


def fold(said: Iterable[Word]) -> list[Word]:
    """The same words with those that differ only in their bits made one, in their first order.

    It changes no state, because bits are joined by OR.
    """
    folded: dict[tuple[object, ...], Word] = {}
    for word in said:
        key = (word.at, word.reason, word.code, word.attempts, word.attempt_at, word.response)
        known = folded.get(key)
        folded[key] = replace(known, bits=known.bits | word.bits) if known else word
    return list(folded.values())
