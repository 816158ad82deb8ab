"""What all racers share: the pool, the messages, what chance lets them say, and the ledger of what was said."""

import random
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

from adapters.twilio import Twilio
from bench.ledger import ACKNOWLEDGED, SENT, TRIGGERS, Ledger
from rules.reports import Word
from rules.statuses import Channel, Engagement, Reason, Source, Status
from rules.suppression import blocks
from store import reports
from store.connections import Connection, Pool, clock
from store.events import Position
from store.reports import Said
from worker.accounts import Account

ACCOUNT = "races"

#: When everything was sent. What is said of it happened in the minutes after, so that many times are the same.
SENT_AT = datetime(2026, 11, 24, 12, tzinfo=UTC)

#: Messages that are spoken of: the newest that were sent, and some that are not sent yet.
NEWEST, NOT_YET = 150, 30

#: Said at once, at most.
SAYING = 60

STATUSES = (
    Status.SENT,
    Status.DEFERRED,
    Status.SOFT_BOUNCED,
    Status.EXPIRED,
    Status.FAILED,
    Status.HARD_BOUNCED,
    Status.DELIVERED,
)
REASONS = (Reason.NONE, Reason.MAILBOX_FULL, Reason.SUPPRESSED, Reason.UNKNOWN)
DEEDS = (Engagement.READ, Engagement.CLICKED, Engagement.RESPONDED, Engagement.COMPLAINED)

#: What a sender says of one message in one row.
COLUMNS = ("account", "channel", "recipient", "provider_id", "reference", "status", "sent_at", "acknowledged_at")
Row = tuple[object, ...]


@dataclass
class Reader:
    """One that follows the history. Each event must come after the one before, so none can come twice."""

    place: Position = field(default_factory=Position)
    read: int = 0
    total: int = 0


@dataclass
class Track:
    """A race's messages. One with an even number is named by provider id and recipient from the beginning.

    The others are named by reference, and the rest follows.
    """

    pool: Pool
    number: int
    chance: random.Random
    ledger: Ledger = field(default_factory=Ledger)
    sent: int = 0
    #: Up to which message somebody spoke of one.
    spoken_of: int = -1
    #: The numbers of recorded messages in the database, by provider id.
    numbers: dict[str, int] = field(default_factory=dict)
    did: dict[str, int] = field(default_factory=lambda: dict.fromkeys(("taken back", "claimed", "swept", "read"), 0))
    #: From when until when each message is claimed.
    claims: dict[int, tuple[datetime, datetime]] = field(default_factory=dict)
    is_over: bool = False
    _told: int = 0

    def account(self) -> Account:
        """The account as a worker knows it."""
        settings = Twilio.Settings.model_validate({"account_sid": "AC" + "0" * 32, "auth_token": "nobody asks"})
        return Account(ACCOUNT, Twilio(settings), Twilio.limits)

    # What the sender says.

    def first(self) -> Row:
        """The first row about the next message."""
        n, self.sent = self.sent, self.sent + 1
        if n % 2:
            self.ledger.late.add(name(n))
            return self._row(n, status="pending")
        return self.whole(n)

    def more(self, most: int) -> list[Row]:
        """Rows about messages sent before, some of them twice."""
        chosen = self.chance.choices(self.newest(), k=self.chance.randrange(most)) if self.sent else []
        return [self.whole(n, self._moment() if n % 7 == 0 else None) for n in chosen]

    def whole(self, n: int, acknowledged_at: datetime | None = None) -> Row:
        """All that a sender knows of a message."""
        return self._row(n, provider_id=name(n), recipient=f"+4477009{n % 100000:05}", acknowledged_at=acknowledged_at)

    def newest(self) -> range:
        """The messages that were sent last."""
        return range(max(0, self.sent - NEWEST), self.sent)

    def _row(self, n: int, **said: object) -> Row:
        row = {"account": ACCOUNT, "channel": "sms", "reference": reference(n), "sent_at": SENT_AT, "status": "sent"}
        row = {**row, **said}
        at = row.get("acknowledged_at")
        pending = row["status"] == "pending"
        words = [Word(Status.PENDING.bit if pending else SENT, SENT_AT, attempts=0 if pending else 1)]
        words += [Word(ACKNOWLEDGED, at)] if isinstance(at, datetime) else []
        # It is in the inbox once the row is, and the inbox loses nothing.
        self.ledger.note([(name(n), word) for word in words])
        return tuple(row.get(column) for column in COLUMNS)

    # What providers say.

    def some(self) -> list[str]:
        """Names of messages, in any order, some of them twice, and some that nobody has sent yet."""
        places = range(max(0, self.sent - NEWEST), self.sent + NOT_YET)
        chosen = self.chance.choices(places, k=self.chance.randint(1, SAYING))
        self.spoken_of = max(self.spoken_of, *chosen)
        return [name(n) for n in chosen]

    def words(self, names: Sequence[str], how: str) -> list[Said]:
        """One word about each of these, by `id` where that is known, by `key`, or by `either`."""
        by_id = {name for name in names if how == "id" or (how == "either" and self.chance.randrange(2))}
        return [self.word_about(name, self.numbers.get(name) if name in by_id else None) for name in names]

    def word_about(self, name: str, number: int | None) -> Said:
        """A word that chance lets somebody say."""
        word = self.named(self._word())
        return Said(word, name, "", number, 1 << Channel.SMS if blocks(word, TRIGGERS) else 0)

    def named(self, word: Word) -> Word:
        """`word` with a detail by which its events are known: its bits, its attempts, and a number of its own."""
        self._told += 1
        return replace(word, detail=f"{word.bits}.{word.attempts}.{self._told}")

    def _word(self) -> Word:
        chance, at = self.chance, self._moment()
        if not chance.randrange(5):
            kind = chance.choice(DEEDS)
            response = chance.choice("abc") if kind is Engagement.RESPONDED else ""
            return Word(kind.bit | Status.DELIVERED.bit, at, response=response)
        bits = chance.choice(STATUSES).bit | (SENT if chance.randrange(2) else 0)
        reason, attempts = chance.choice(REASONS), chance.randrange(4)
        code = chance.choice(("", "1", "2")) if reason else ""
        return Word(bits, at, reason, code, attempts, self._moment() if attempts else None)

    def _moment(self) -> datetime:
        return SENT_AT + timedelta(minutes=self.chance.randrange(1, 7))

    async def apply(self, connection: Connection, source: Source, said: Sequence[Said]) -> None:
        """Have it said."""
        await reports.apply(connection, self.number, source, await clock(connection), said)

    def note(self, said: Sequence[Said]) -> None:
        """Write down what was said, once it is committed."""
        self.ledger.note([(one.provider_id, one.word) for one in said])


def name(n: int) -> str:
    """The provider id of a message."""
    return f"m{n}"


def reference(n: int) -> str:
    """The sender's own name of a message."""
    return f"r{n}"
