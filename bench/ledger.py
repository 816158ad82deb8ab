"""A ledger of all that was said of messages in a race, and whether the database holds exactly that.

The states follow from `rules.state.join`. The history is played again: each event must follow from the one before it,
and every new word must have its events, once. What a sweep settled only the history tells, so that is taken for said: a
guess that is in the state and not in the history is a difference too.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import groupby

import asyncpg

from rules.reports import Word
from rules.state import State, join
from rules.statuses import MARK_BITS, STATUS_BITS, Channel, Engagement, Source, Status, marks_in
from rules.suppression import ALWAYS, Triggers, blocks
from store import messages
from store.connections import Connection

TRIGGERS = Triggers()

#: Messages compared at once.
PAGE = 1000

#: What a sender says of a message that it has handed over, and of one whose recipient acknowledged it.
SENT = Status.SENT.bit
ACKNOWLEDGED = Engagement.ACKNOWLEDGED.bit | Status.DELIVERED.bit


@dataclass
class Ledger:
    """What was said, by the provider id of the message. `problems` are seen while the race goes on."""

    states: dict[str, State] = field(default_factory=dict)
    #: The bits of each word that blocks the recipient.
    blocking: dict[str, set[int]] = field(default_factory=dict)
    #: Messages whose recipient was not known from the beginning.
    late: set[str] = field(default_factory=set)
    words: int = 0
    problems: list[str] = field(default_factory=list)

    def note(self, said: Sequence[tuple[str, Word]]) -> None:
        """Write down what is committed, or will be whatever happens."""
        for name, word in said:
            self.states[name] = join(self.states.get(name, State()), [word])
            if blocks(word, TRIGGERS):
                self.blocking.setdefault(name, set()).add(word.bits)
        self.words += len(said)

    async def differences(self, connection: Connection, account: int) -> list[str]:
        """What the database holds that was not said, and what was said that it does not hold."""
        found, seen, after = list(self.problems), 0, 0
        while rows := await connection.fetch(MESSAGES, account, after, PAGE):
            after = rows[-1]["id"]
            seen += len(rows)
            numbers = [row["id"] for row in rows]
            history = await _by_message(connection, EVENTS, account, numbers)
            blocked = await _by_message(connection, BLOCKED, account, numbers)
            for row in rows:
                found += [f"message {row['id']}: {problem}" for problem in self._compare(row, blocked, history)]
        if seen != len(self.states):
            found.append(f"{seen} messages are recorded, and {len(self.states)} were sent")
        return found

    def _compare(
        self,
        row: asyncpg.Record,
        blocked: dict[int, list[asyncpg.Record]],
        history: dict[int, list[asyncpg.Record]],
    ) -> Iterator[str]:
        expected = self.states.get(row["provider_id"] or "")
        if expected is None:
            yield "nobody sent it"
            return
        said = history.get(row["id"], [])
        guesses = [Word(1 << one["kind"], one["occurred_at"]) for one in said if one["source"] == Source.SWEEP]
        expected = join(expected, guesses)
        state = messages.state(row)
        if len(marks_in(state.heard)) != len(guesses):
            yield f"it was swept {len(guesses)} times, and has heard {state.heard}"
        state = replace(state, heard=state.heard & ~MARK_BITS)
        if state != expected:
            yield f"it is {state}, and the join of all that was said is {expected}"
        if row["watched"] != (state.heard if state.status.is_open else None):
            yield f"its watch has heard {row['watched']}, and it has heard {state.heard}"
        found = {fact["bits"] for fact in blocked.get(row["id"], [])}
        blocking = self.blocking.get(row["provider_id"], set())
        if row["provider_id"] in self.late:
            # What was heard before the recipient was known is read from the history, which has a part of each word.
            always = any(bits & ALWAYS for bits in blocking)
            is_right = bool(found) >= always and bool(found) <= bool(blocking)
        else:
            is_right = found == blocking
        if not is_right:
            yield f"it blocks by {found}, and should by {blocking}"
        yield from replayed(said, expected)


async def _by_message(
    connection: Connection, query: str, account: int, numbers: Sequence[int]
) -> dict[int, list[asyncpg.Record]]:
    rows = await connection.fetch(query, account, numbers)
    return {number: list(group) for number, group in groupby(rows, key=lambda row: int(row["message"]))}


def replayed(events: Sequence[asyncpg.Record], expected: State) -> Iterator[str]:
    """What is wrong with the history of a message, whose events come in the order in which they were heard."""
    heard = attempts = 0
    for _, group in groupby(events, key=_of_one_word):
        together = list(group)
        bits, tried = _word(together)
        kinds = sorted(row["kind"] for row in together)
        new = bits & ~heard
        top = (bits & STATUS_BITS).bit_length() - 1
        status = (heard & STATUS_BITS).bit_length() - 1
        due = [kind for kind in range(new.bit_length()) if new >> kind & 1]
        if not new and tried > attempts:
            due = [top]
        if kinds != due:
            yield f"a word with bits {bits} has events {kinds} after {heard}, and should have {due}"
        if {row["from_status"] for row in together} != {None if status < 0 else status}:
            yield f"its history goes on from {together[0]['from_status']}, and had come to {status}"
        if any(row["applied"] != (row["kind"] > status) for row in together):
            yield "its history does not say rightly what raised its status"
        heard, attempts = heard | bits, max(attempts, tried)
    if heard != expected.heard:
        yield f"its history has heard {heard}, and {expected.heard} was said"


def _of_one_word(event: asyncpg.Record) -> tuple[object, ...]:
    """What the events of one word share, and two words in a row do not. What a sender says has no detail."""
    said = event["detail"] or min(event["kind"], Status.DELIVERED)
    return event["xact"], event["source"], event["from_status"], said


def _word(events: Sequence[asyncpg.Record]) -> tuple[int, int]:
    """Bits and attempts of the word that has these events. Providers' have them as detail.

    A sender says one of three things, and a sweep one thing only.
    """
    if events[0]["source"] == Source.SWEEP:
        return sum(1 << row["kind"] for row in events), 0
    if events[0]["source"] != Source.SENDER:
        bits, attempts, _ = events[0]["detail"].split(".")
        return int(bits), int(attempts)
    kinds = {row["kind"] for row in events}
    if kinds & {Status.DELIVERED, Engagement.ACKNOWLEDGED}:
        return ACKNOWLEDGED, 0
    return (SENT, 1) if Status.SENT in kinds else (Status.PENDING.bit, 0)


MESSAGES = """
select m.*, w.heard as watched
from landed.message m
left join landed.watch w on w.account = m.account and w.id = m.id
where m.account = $1 and m.id > $2
order by m.id
limit $3
"""

EVENTS = """
select message, kind, from_status, source, applied, detail, occurred_at, xact::text as xact
from landed.event
where account = $1 and message = any ($2::bigint[])
order by message, position
"""

BLOCKED = f"""
select message, bits
from landed.suppression
where account = $1 and message = any ($2::bigint[]) and channel = {int(Channel.SMS)} and recipient <> ''
order by message
"""  # noqa: S608 - a number of ours
