"""The story of one message as data: what it is, what happened when, what is next."""

from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import asyncpg

from rules.state import State
from rules.statuses import Channel, Engagement, Mark, Reason, Source, Status, marks_in, statuses_in
from rules.times import iso
from rules.why import why
from store import accounts, journal, messages
from store.connections import Connection

#: What each mark of the sweep says.
MARKS = {
    Mark.LOOKED: "after a last look that reached the provider, which knew nothing better",
    Mark.NOT_FOUND: "after a last look that reached the provider, which did not know the message",
    Mark.UNREACHED: "without a last look: the provider could not be asked until the hard limit had passed",
    Mark.UNASKABLE: "without a look: there is no way to ask about this message",
}


@dataclass(frozen=True, slots=True)
class Line:
    """One thing that happened: a report, or a look. `data` is what programs read; people read what it makes."""

    data: Mapping[str, Any]

    @property
    def at(self) -> datetime:
        """When we learnt of it."""
        at: datetime = self.data["at"]
        return at

    @property
    def what(self) -> str:
        """What happened, in a few words."""
        if self.data["kind"] == "look":
            return f"asked: {self.data['how']}"
        return f"{self.data['source']}: {self.data['said']}" + ("" if self.data["applied"] else " (known better; kept)")

    @property
    def detail(self) -> str:
        """All else that is known of it, the provider's words verbatim."""
        parts = _of_look(self.data) if self.data["kind"] == "look" else _of_report(self.data)
        return ", ".join(part for part in parts if part)


@dataclass(frozen=True, slots=True)
class Story:
    """Everything about one message. `ahead` is what comes next, `held` what keeps us from asking, in sentences."""

    message: Mapping[str, Any]
    lines: Sequence[Line]
    ahead: Mapping[str, Any]
    held: Sequence[str] = ()
    settled: str = ""

    @property
    def next(self) -> list[str]:
        """What comes next, in sentences."""
        if not self.ahead.get("open"):
            return [self.settled] if self.settled else []
        return [*_ahead(self.ahead), *self.held]

    def plain(self) -> dict[str, Any]:
        """The story as JSON has it."""
        return {"message": self.message, "story": [line.data for line in self.lines], "next": self.ahead}


#: The names of the schedules that are set for each configured account.
Named = Mapping[str, Container[str]]


async def tell(
    connection: Connection, row: asyncpg.Record, now: datetime, named: Named, *, whole: bool = True
) -> Story:
    """The story of the message in `row`; without what happened to it unless `whole`."""
    message = _message(row)
    if not whole:
        return Story(message, [], {})
    events = await messages.events_of(connection, row["account"], row["id"])
    looks = await journal.looks_of(
        connection, row["account"], row["id"], row["sent_at"] or row["recorded_at"], row["recorded_at"], now
    )
    watch = await messages.watch_of(connection, row["account"], row["id"])
    account = await accounts.named(connection, row["account_name"])
    lines = sorted([*map(_event, events), *map(_look, looks)], key=lambda line: line.at)
    held = [*_held(account), *_unknown_schedule(row, named)] if watch and account else []
    return Story(message, lines, _plain_ahead(watch), held, "" if watch else _settled(messages.state(row)))


def _unknown_schedule(row: asyncpg.Record, named: Named) -> Iterator[str]:
    """A schedule that nobody knows may be a slip of the pen."""
    schedule, account = row["schedule"], row["account_name"]
    if schedule and account in named and schedule not in named[account]:
        yield (
            f"The schedule {schedule!r} that it names is not set for the account, so that of its channel holds: set it"
            f" as accounts.{account}.schedules.{schedule}, or mend the sender."
        )


def _message(row: asyncpg.Record) -> dict[str, Any]:
    state = messages.state(row)
    plain = {
        "number": row["id"],
        "status": state.status.word,
        "status_at": state.status_at,
        "settled_from": None if state.status.is_open else state.settled_from.word,
        "settled_by": None if state.status.is_open else _who(state),
        "reason": state.reason.word or None,
        "code": state.code or None,
        "heard": [status.word for status in statuses_in(state.heard)],
        "marks": [mark.word for mark in marks_in(state.heard)],
        "account": row["account_name"],
        "channel": Channel(row["channel"]).word,
        "response": state.response[1] if state.response else None,
    }
    names = ("recipient", "provider_id", "part", "reference", "schedule", "attempts", "last_attempt_at", "recorded_at")
    plain |= {name: row[name] or None for name in (*names, "sent_at", "scheduled_at", "deadline_at")}
    plain |= {kind.word: state.first(kind) for kind in Engagement}
    return {**plain, "communication": row["communication_name"]}


def _who(state: State) -> str:
    return "sweep" if state.settled_by_sweep else "provider or sender"


def _event(row: asyncpg.Record) -> Line:
    return Line(
        {
            "at": row["seen_at"],
            "kind": "report",
            "source": Source(row["source"]).word,
            "said": _word(row["kind"]),
            "from": None if row["from_status"] is None else Status(row["from_status"]).word,
            "applied": row["applied"],
            "occurred_at": row["occurred_at"],
            "reason": Reason(row["reason"]).word or None,
            "code": row["code"] or None,
            "detail": row["detail"] or None,
        }
    )


def _of_report(data: Mapping[str, Any]) -> Iterable[str]:
    yield data["reason"] or ""
    yield f"code {data['code']}" if data["code"] else ""
    yield f"“{data['detail']}”" if data["detail"] else ""
    if data["occurred_at"] != data["at"]:
        yield f"happened at {iso(data['occurred_at'])}"


def _word(kind: int) -> str:
    """The word of a bit: a status, engagement or a mark."""
    words = {member.value: member.word for family in (Status, Engagement, Mark) for member in family}
    return words[kind]


def _look(row: asyncpg.Record) -> Line:
    return Line({"kind": "look", **dict(row)})


def _of_look(data: Mapping[str, Any]) -> Iterable[str]:
    status = f" (HTTP {data['status']})" if data["status"] else ""
    yield why(data)
    covered = "1 message" if data["covered"] == 1 else f"{data['covered']} messages"
    yield f"{data['result']}{status}, {data['milliseconds']} ms, {covered} in one request"
    yield data["detail"]


def _settled(state: State) -> str:
    how = [MARKS[mark] for mark in marks_in(state.heard)]
    if state.settled_by_sweep and how:
        return f"It is settled by us, {how[0]}. A later answer still corrects it."
    return "It is settled; nothing is asked about it any more."


def _ahead(ahead: Mapping[str, Any]) -> Iterable[str]:
    found = {None: "", True: ", which found it", False: ", which did not find it"}[ahead["found"]]
    last = f"; the last was at {iso(ahead['looked_at'])}{found}" if ahead["looked_at"] else ""
    yield f"It is open. Looks so far: {ahead['looks']}{last}."
    yield f"The next look is due at {iso(ahead['next_look_at'])}; its deadline is at {iso(ahead['deadline_at'])}."


def _held(account: asyncpg.Record) -> Iterable[str]:
    if account["paused_at"]:
        yield f"The account is paused by {account['paused_by']}: {account['paused_why']}. `landed accounts resume`"
    if account["trouble"]:
        yield f"The account cannot be asked since {iso(account['trouble_since'])}: {account['trouble_said']}"


def _plain_ahead(watch: asyncpg.Record | None) -> dict[str, Any]:
    if watch is None:
        return {"open": False}
    names = ("looks", "looked_at", "found", "next_look_at", "deadline_at")
    return {"open": True, **{name: watch[name] for name in names}}
