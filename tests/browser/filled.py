"""What the browser finds: a communication like those that people send, in which every kind of outcome is."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import asyncpg

from rules.reports import Word
from rules.statuses import Channel, Engagement, Mark, Reason, Source, Status
from store import reports
from store.reports import Said
from tests.store.written import account, record, recording

WARNING = "Flood warning: river Avon"

#: Sixty letters without a place to break, and what a careless page would run.
TOKEN = "ExponentPushToken-" + "x7Kq" * 15
SCRIPT = "<script>document.title='planted'</script>"

TEXTS, MAILS = "text_main", "mail_main"


@dataclass(frozen=True)
class Outcome:
    """What was said, one thing after the other, about so many messages."""

    many: int
    words: tuple[Word, ...] = ()
    source: Source = Source.POLL


@dataclass(frozen=True)
class Filled:
    """Numbers of what was written. `messages` are in the order of recording."""

    communication: int
    messages: Sequence[int]

    @property
    def bounced(self) -> int:
        """A mail that came back, whose address is blocked since."""
        return self.messages[-4]

    @property
    def story(self) -> int:
        """A text with a long story."""
        return self.messages[-3]


def texts(now: datetime) -> Iterator[Outcome]:
    """What became of the texts."""
    yield Outcome(104, (said(Status.DELIVERED, now, 95),))
    yield Outcome(9, (said(Status.DELIVERED, now, 94), said(Engagement.RESPONDED, now, 80, response="I am safe")))
    yield Outcome(22)
    yield Outcome(7, (said(Status.FAILED, now, 90, Reason.UNREACHABLE, "30003", detail="Unreachable handset"),))
    yield Outcome(4, (said(Status.EXPIRED, now, 60, Reason.VALIDITY_EXPIRED, "30036"),))
    yield Outcome(5, (said(Status.TIMED_OUT, now, 5, mark=Mark.LOOKED),), Source.SWEEP)


def mails(now: datetime) -> Iterator[Outcome]:
    """What became of the mails."""
    yield Outcome(58, (said(Status.DELIVERED, now, 110),))
    yield Outcome(31, (said(Status.DELIVERED, now, 110), said(Engagement.READ, now, 70)))
    yield Outcome(6, (said(Status.DEFERRED, now, 100, Reason.MAILBOX_FULL, "4.2.2", detail="452 mailbox is full"),))
    yield Outcome(5, (said(Status.SOFT_BOUNCED, now, 100, Reason.SPAM, "5.7.1", detail="looks like spam"),))
    yield Outcome(3, (bounce(now),))


def bounce(now: datetime) -> Word:
    """A mail whose address does not exist."""
    return said(Status.HARD_BOUNCED, now, 105, Reason.INVALID_ADDRESS, "5.1.1", detail="550 5.1.1 no such user")


def said(
    kind: Status | Engagement,
    now: datetime,
    minutes: int,
    reason: Reason = Reason.NONE,
    code: str = "",
    *,
    mark: Mark | None = None,
    response: str = "",
    detail: str = "",
) -> Word:
    """A word, said so many minutes ago."""
    bits = kind.bit | (Status.DELIVERED.bit if isinstance(kind, Engagement) else 0) | (mark.bit if mark else 0)
    return Word(bits, now - timedelta(minutes=minutes), reason, code, attempts=1, response=response, detail=detail)


async def fill(db: asyncpg.Connection, now: datetime, *, strange: bool = True) -> Filled:
    """Write it, sent two hours ago: what people send, and then what is `strange`."""
    await _say(db, now, TEXTS, Channel.SMS, texts(now), lambda n: f"+4477009{mixed(n, 0, 151):05}")
    await _say(db, now, MAILS, Channel.EMAIL, mails(now), lambda n: f"resident.{mixed(n, 151, 103)}@example.org")
    if strange:
        await _strange(db, now)
    rows = await db.fetch("select id from landed.message order by id")
    number = await db.fetchval("select id from landed.communication where name = $1", WARNING)
    return Filled(number, [row["id"] for row in rows])


def mixed(number: int, first: int, many: int) -> int:
    """Another number of as many (a prime) from the first on, so that outcomes are mixed when sorted by recipient."""
    return first + (number - first) * 61 % many


async def _strange(db: asyncpg.Connection, now: datetime) -> None:
    story = (
        said(Status.DEFERRED, now, 100, Reason.UNREACHABLE, "30003", detail="Unreachable handset"),
        said(Status.DELIVERED, now, 50),
        # Later, and known better: it is kept.
        said(Status.FAILED, now, 40, Reason.UNKNOWN, "30008", detail="Unknown error"),
    )
    await _say(db, now, MAILS, Channel.EMAIL, [Outcome(1, (bounce(now),))], lambda _: "moved.away@example.org")
    await _say(db, now, TEXTS, Channel.SMS, [Outcome(1, story)], lambda _: "+447700900900")
    await _say(db, now, TEXTS, Channel.PUSH, [Outcome(1)], lambda _: TOKEN)
    await _say(db, now, MAILS, Channel.EMAIL, [Outcome(1)], lambda _: f"{SCRIPT}@example.org")


async def _say(
    db: asyncpg.Connection,
    now: datetime,
    name: str,
    channel: Channel,
    outcomes: Iterable[Outcome],
    address: Callable[[int], str],
) -> None:
    number = await account(db, name)
    sent_at = now - timedelta(hours=2)
    for outcome in outcomes:
        known = int(await db.fetchval("select count(*) from landed.message"))
        made = [
            recording(
                number,
                f"SM{known + n:06}",
                channel=channel,
                recipient=address(known + n),
                reference=f"avon-{known + n:04}",
                communication=WARNING,
                sent_at=sent_at,
                since=sent_at,
                deadline_at=now + timedelta(hours=46),
                next_look_at=now + timedelta(minutes=7),
                words=(Word(Status.SENT.bit, sent_at, attempts=1, attempt_at=sent_at),),
            )
            for n in range(outcome.many)
        ]
        await record(db, made, now - timedelta(minutes=115))
        ids = [
            row["id"] for row in await db.fetch("select id from landed.message order by id desc limit $1", outcome.many)
        ]
        for word in outcome.words:
            blocks = 1 << channel if word.bits & Status.HARD_BOUNCED.bit else 0
            await reports.apply(
                db, number, outcome.source, word.at, [Said(word, "", id=one, blocks=blocks) for one in ids]
            )
