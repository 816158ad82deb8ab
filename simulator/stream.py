"""What waits to be told: reports of a queue or drain, in the order in which they came there."""

from bisect import bisect_right, insort
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime

from simulator.message import Message, Said


@dataclass(order=True, slots=True)
class Report:
    """One change of a message. `id` is its own, where the provider numbers its reports."""

    shown_at: datetime
    number: int
    id: str = field(compare=False)
    message: Message = field(compare=False)
    said: Said = field(compare=False)
    may_come_again: bool = field(default=True, compare=False)


class Stream:
    """Reports that were not yet given, or not yet confirmed."""

    def __init__(self) -> None:
        self._reports: list[Report] = []
        self._count = 0

    def add(self, message: Message, said: Said, number: str = "") -> None:
        """Put a report there; it is ready from when it is shown."""
        self._count += 1
        insort(self._reports, Report(said.shown_at, self._count, number, message, said))

    def ready(self, now: datetime) -> list[Report]:
        """All that are ready, the oldest first."""
        return self._reports[: bisect_right(self._reports, now, key=_shown_at)]

    def drop(self, reports: Iterable[Report]) -> None:
        """Take these out."""
        gone = {report.number for report in reports}
        if gone:
            self._reports = [report for report in self._reports if report.number not in gone]


def _shown_at(report: Report) -> datetime:
    return report.shown_at
