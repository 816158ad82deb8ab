"""Reports by chance, in the shares in which providers give them, and what must come of them."""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from itertools import accumulate

from bench.filling import SENT_AT
from bench.rounds import sure
from rules.reports import Word
from rules.statuses import Channel, Engagement, Reason, Status
from rules.suppression import Triggers, blocks
from store.connections import Connection
from store.reports import Said

#: Bits, reason, code, and how many of a hundred. What is given up bounced and expired; what is read has arrived.
SHARES: tuple[tuple[int, Reason, str, int], ...] = (
    (Status.DELIVERED.bit, Reason.NONE, "", 76),
    (Status.DELIVERED.bit | Engagement.READ.bit, Reason.NONE, "", 6),
    (Status.DEFERRED.bit, Reason.UNREACHABLE, "30003", 4),
    (Status.SOFT_BOUNCED.bit, Reason.UNREACHABLE, "30003", 4),
    (Status.SOFT_BOUNCED.bit | Status.EXPIRED.bit, Reason.UNREACHABLE, "30003", 2),
    (Status.FAILED.bit, Reason.SPAM, "30007", 4),
    (Status.HARD_BOUNCED.bit, Reason.INVALID_ADDRESS, "30005", 4),
)
WEIGHTS = list(accumulate(share for *_, share in SHARES))

#: Every tenth report tells of an attempt too.
ATTEMPTS = 0.1

NOW = SENT_AT + timedelta(days=1)
TRIGGERS = Triggers()


@dataclass(frozen=True, slots=True)
class Message:
    """A message that is spoken of: its number and its name."""

    id: int
    provider_id: str


def say(messages: Sequence[Message], chance: random.Random, *, by_id: bool = False) -> list[Said]:
    """One report about each message, named by provider id; with `by_id` its number is known too, as after a claim."""
    return [_say(message, chance, message.id if by_id else None) for message in messages]


def _say(message: Message, chance: random.Random, number: int | None) -> Said:
    ((bits, reason, code, _),) = chance.choices(SHARES, cum_weights=WEIGHTS)
    at = SENT_AT + timedelta(seconds=chance.randrange(3600, 80000))
    tried = chance.random() < ATTEMPTS
    word = Word(bits, at, reason, code, int(tried), at if tried else None)
    return Said(word, message.provider_id, id=number, blocks=1 << Channel.SMS if blocks(word, TRIGGERS) else 0)


class Fresh:
    """Messages of which nothing was said yet, in the order of recording or by chance; none is given twice."""

    def __init__(self, messages: Sequence[Message], chance: random.Random | None = None) -> None:
        self._messages = chance.sample(messages, len(messages)) if chance else list(messages)
        self._at = 0

    def take(self, count: int) -> list[Message]:
        """The next `count`."""
        taken = self._messages[self._at : self._at + count]
        sure(len(taken), count, "messages left")
        self._at += count
        return taken


async def sure_of(connection: Connection, account: int, messages: Sequence[Message], said: Sequence[Said]) -> None:
    """Make sure that the database holds what was said: each status, each new event, and no watch of what is settled."""
    ids = [message.id for message in messages]
    rows = await connection.fetch(
        "select id, status, heard & ~2 as heard,"
        " exists (select from landed.watch w where w.account = $1 and w.id = m.id) as open,"
        " (select count(*) from landed.event e where e.message = m.id) as events"
        " from landed.message m where account = $1 and id = any ($2)",
        account,
        ids,
    )
    found = {row["id"]: (row["status"], row["heard"], row["open"], row["events"]) for row in rows}
    expected = {message.id: expect(one.word) for message, one in zip(messages, said, strict=True)}
    wrong = [number for number, state in expected.items() if found.get(number) != state]
    sure(len(wrong), 0, "messages that are not as they were said to be")


def expect(word: Word) -> tuple[int, int, bool, int]:
    """Status, what was heard besides `sent`, whether it is open, and how many events: for a sent message."""
    return word.top, word.bits, word.top < Status.TIMED_OUT, word.bits.bit_count()
