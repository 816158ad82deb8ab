"""The sending service that the demo plays: it sends through the simulated providers, and says what it must record.

It does what sending services do. It records after sending, or before and after; it crashes in between; it records some
messages twice and some too late. Providers refuse some messages, some are never handed over, some recipients answer.
"""

import random
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import cycle

from rules.columns import NAMES
from rules.reports import Word
from rules.statuses import Channel, Engagement, Reason, Status
from simulator import Sent, Simulator

Row = dict[str, object]

#: By whom the messages go, in turn: each provider with one of its channels.
ROUTES: tuple[tuple[str, Channel], ...] = (
    ("mailgun", Channel.EMAIL),
    ("twilio", Channel.SMS),
    ("govuk_notify", Channel.EMAIL),
    ("infobip", Channel.SMS),
    ("expo", Channel.PUSH),
    ("mailgun", Channel.EMAIL),
    ("messagemedia", Channel.SMS),
    ("govuk_notify", Channel.SMS),
    ("infobip", Channel.SMS),
    ("twilio", Channel.CHAT),
    ("govuk_notify", Channel.LETTER),
)

#: What the messages are about; the first is the one whose report is shown.
COMMUNICATIONS = ("Flood warning 7", "November newsletter", "Appointment reminders", "Your parcel")

#: What letters and chats are about.
ABOUT = {Channel.LETTER: COMMUNICATIONS[2], Channel.CHAT: COMMUNICATIONS[3]}

#: One in so many messages is never handed over, or refused, or only prepared.
ASIDE = 12

#: The turn of twenty in which the service crashes between sending and recording the provider's id.
CRASH = 19

#: How many recipients share one id, where the provider allows it.
TOGETHER = 3

#: A message that may take its time has a deadline this far ahead, so that it is still open when the demo ends.
PATIENCE = timedelta(hours=1)

#: A moment at which everything that a simulated provider will ever say has been said.
END = timedelta(minutes=30)

#: What became of messages that were not sent: status, and why.
UNSENT: tuple[tuple[Status, Reason], ...] = (
    (Status.CONTROL_GROUP, Reason.NONE),
    (Status.NO_ADDRESS, Reason.NONE),
    (Status.DUPLICATE, Reason.NONE),
    (Status.NOT_SENT, Reason.CONTENT_REJECTED),
    (Status.PENDING, Reason.NONE),
)

ANSWERS = ("On our way.", "OK", "=1+1 is no formula", "Danke, sind unterwegs")


@dataclass(frozen=True, slots=True)
class Message:
    """One message of the service: its names, what the service said of it, and what it knows of the sending.

    `sent` is None if it was never handed over. `is_patient` says that its deadline lies after the end of the demo.
    """

    account: str
    channel: Channel
    recipient: str
    communication: str
    reference: str
    words: tuple[Word, ...]
    sent: Sent | None = None
    is_patient: bool = False


class Service:
    """Sends and records. `messages` are all that it recorded so far or will record with the next wave."""

    def __init__(self, simulator: Simulator, seed: int) -> None:
        """Send through `simulator`; the same seed sends the same."""
        self._simulator = simulator
        self._random = random.Random(seed)  # noqa: S311  a demonstration, no secret
        self._routes = cycle(ROUTES)
        self._communications = cycle(COMMUNICATIONS)
        self._unsent = cycle(UNSENT)
        self._later: list[Row] = []
        self._open: Counter[Status] = Counter()
        self._tricks: Counter[str] = Counter()
        self.messages: list[Message] = []

    @property
    def tricks(self) -> Mapping[str, int]:
        """What it did that a service should not do, and how often."""
        return self._tricks

    def wave(self, count: int, now: datetime) -> list[Row]:
        """Send `count` more messages; the rows to record now, those left over from the last wave first."""
        rows, self._later = self._later, []
        wanted = len(self.messages) + count
        while (missing := wanted - len(self.messages)) > 0:
            rows += self._aside(now) if self._random.randrange(ASIDE) == 0 else self._send(missing, now)
        return rows

    def last(self) -> list[Row]:
        """The rows that a further wave would have recorded first."""
        rows, self._later = self._later, []
        return rows

    def to_blocked(self, message: Message, now: datetime) -> Row:
        """Prepare a message to an address that is blocked by now; it must not be sent."""
        word = Word(Status.BLOCKED.bit, now)
        made = self._made(message.account, message.channel, message.recipient, (word,))
        return _row(made, status="pending")

    def _aside(self, now: datetime) -> list[Row]:
        """A message that is not sent: held back, refused, or prepared and forgotten."""
        account, channel = next(self._routes)
        status, reason = next(self._unsent)
        address = "" if status is Status.NO_ADDRESS else self._address(channel)
        # Some are scheduled for later and rightly still pending at the end; others should have gone out by now.
        patient = status is Status.PENDING and self._is_patient(status)
        made = self._made(account, channel, address, (Word(status.bit, now, reason),), is_patient=patient)
        named = {"reason": reason.word} if reason else {}
        scheduled = {"scheduled_at": now + PATIENCE} if patient else {}
        return [_row(made, status=status.word, **named, **scheduled)]

    def _send(self, most: int, now: datetime) -> list[Row]:
        """Hand a message to its provider, to several recipients where one id may cover them."""
        account, channel = next(self._routes)
        many = min(most, TOGETHER) if account == "mailgun" and self._random.randrange(4) == 0 else 1
        addresses = [self._address(channel) for _ in range(many)]
        reference = self._reference()
        # Its sender records the moment before the request was made.
        return [
            row
            for sent in self._simulator.send(account, channel, addresses, reference)
            for row in self._record(sent, reference, now)
        ]

    def _record(self, sent: Sent, reference: str, now: datetime) -> Iterable[Row]:
        """The rows about one message that was sent, of which some come late, twice or never."""
        end = self._simulator.truth(sent, sent.sent_at + END)
        chance = self._random.randrange(20)
        crashed = chance == CRASH and sent.provider == "govuk_notify"
        words = (Word(Status.PENDING.bit, now), *(() if crashed else (Word(Status.SENT.bit, sent.sent_at),)))
        reply, said = self._reply(sent, end.status, now)
        made = Message(
            sent.provider,
            sent.channel,
            sent.recipient,
            self._about(sent.channel),
            reference,
            words + said,
            sent,
            is_patient=end.status.is_open and self._is_patient(end.status),
        )
        self.messages.append(made)
        after = _row(made, provider_id=sent.provider_id, part=sent.part or None, sent_at=sent.sent_at)
        before = _row(made, part=sent.part or None, status="pending")
        self._later += reply
        if crashed:
            return self._trick("sender_crashed_before_recording_the_id", [before], [])
        match chance:
            case 0:
                return self._trick("recorded_late", [], [after])
            case 1:
                return self._trick("recorded_twice", [after], [after])
            case 2 | 3 | 4:
                return [before, after]
            case _:
                return [after]

    def _trick(self, name: str, now: list[Row], later: list[Row]) -> list[Row]:
        self._tricks[name] += 1
        self._later += later
        return now

    def _reply(self, sent: Sent, end: Status, now: datetime) -> tuple[list[Row], tuple[Word, ...]]:
        """What the recipient of a text message answers to the service itself: nothing, mostly."""
        if sent.channel is not Channel.SMS or end is not Status.DELIVERED or self._random.randrange(8):
            return [], ()
        kind = self._random.choice((Engagement.ACKNOWLEDGED, Engagement.RESPONDED, Engagement.OPTED_OUT))
        text = self._random.choice(ANSWERS) if kind is Engagement.RESPONDED else ""
        row = dict.fromkeys(NAMES) | {
            "account": sent.provider,
            "channel": sent.channel.word,
            "reference": sent.reference,
            "part": sent.part or None,
            kind.word: now,
            "response": text or None,
        }
        return [row], (Word(kind.bit | Status.DELIVERED.bit, now, response=text),)

    def _is_patient(self, status: Status) -> bool:
        """Whether this message that stays open may stay so until the end; of each kind the first, and every fourth."""
        self._open[status] += 1
        return self._open[status] % 4 == 1

    def _made(
        self, account: str, channel: Channel, recipient: str, words: tuple[Word, ...], *, is_patient: bool = False
    ) -> Message:
        made = Message(account, channel, recipient, self._about(channel), self._reference(), words, None, is_patient)
        self.messages.append(made)
        return made

    def _about(self, channel: Channel) -> str:
        """What the next message is about: letters and chats are too slow or too friendly for a warning."""
        return ABOUT[channel] if channel in ABOUT else next(self._communications)

    def _reference(self) -> str:
        return f"demo-{self._random.getrandbits(48):012x}"

    def _address(self, channel: Channel) -> str:
        """An address that nobody has: a domain for examples, numbers longer than those of their country."""
        number = self._random.randrange(10**5)
        match channel:
            case Channel.EMAIL:
                return f"person.{number:05}.{self._random.randrange(10**4)}@example.org"
            case Channel.PUSH:
                return f"ExponentPushToken[{self._random.getrandbits(96):024x}]"
            case Channel.LETTER:
                return f"{number} Example Street, SW1A 1AA"
            case _:
                return f"+4477009{number:05}{self._random.randrange(100):02}"


def _row(message: Message, **fields: object) -> Row:
    """A row of the inbox about `message`."""
    row = dict.fromkeys(NAMES) | {
        "account": message.account,
        "channel": message.channel.word,
        "recipient": message.recipient or None,
        "reference": message.reference,
        "communication": message.communication,
    }
    deadline = {"deadline_at": _far(message)} if message.is_patient and message.sent else {}
    return row | deadline | fields


def _far(message: Message) -> datetime:
    return message.words[0].at + PATIENCE


def values(rows: Sequence[Row]) -> Iterator[tuple[object, ...]]:
    """Rows as COPY takes them."""
    return (tuple(row[name] for name in NAMES) for row in rows)
