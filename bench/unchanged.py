"""Old news: answers that say again what is known, dropped before the database, beside all of it through the database.

A claimed batch is known by the digest of the last answer, which stands in the watch; a feed that is read again by the
digests that the process remembers. Both begin with the reports of a page of a thousand, as an adapter read them.
"""

import random
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta

import asyncpg
from pydantic import SecretStr

from adapters.twilio import Settings, Twilio
from bench import filling
from bench.filling import SENT_AT
from bench.lending import lending
from bench.meter import measure
from bench.rounds import Figures, Goal, Variant, sure
from bench.saying import NOW, Fresh, Message
from bench.stage import Stage
from rules.reports import Report
from rules.statuses import Channel, Source, Status
from store.connections import Connection
from store.reports import batches
from store.watches import Watch
from worker import writing
from worker.accounts import Account
from worker.desk import Desk
from worker.hearing import digest
from worker.nobody import Nobody
from worker.writing import Tally

MEANING = "old news, dropped before the database, beside all of it through the database"

#: Reports in a trial, and in a page.
TRIAL, PAGE = 10_000, 1000

#: What is said again, and after what it was said.
OLD, AGAIN = "claimed, {} % old", "a feed's look-back"
SHARES = (90, 100)

DATABASE = ", through the database"

GOALS = (
    *(Goal(OLD.format(share), at_least=5, of=OLD.format(share) + DATABASE) for share in SHARES),
    Goal(AGAIN, at_least=5, of=AGAIN + DATABASE),
    *(Goal(name, at_most=0, unit="WAL B") for name in (OLD.format(100), AGAIN)),
    *(Goal(name + DATABASE, at_most=10, unit="WAL B") for name in (OLD.format(100), AGAIN)),
)

Run = Callable[[], Awaitable[Figures]]

#: What is said of messages: the reports of each page, and what was claimed for it.
Page = tuple[list[Report], list[Watch]]


@asynccontextmanager
async def variants(stage: Stage) -> AsyncIterator[list[Variant]]:
    """Every variant is about other messages."""
    trial = stage.rows(TRIAL)
    async with stage.database() as url:
        connection = await asyncpg.connect(url)
        try:
            number = await filling.account(connection)
            adapter = Twilio(Settings(account_sid="AC1", auth_token=SecretStr("secret")))
            desk = Desk(lending(connection), Account("bench", adapter, Twilio.limits), number, Nobody())
            rows = await filling.fill(connection, number, stage.trials * trial * 2 * (len(SHARES) + 1))
            await filling.settle(connection)
            work = Work(connection, desk, Fresh([Message(*row) for row in rows]), trial)
            yield [*(variant for share in SHARES for variant in work.claimed(share)), *work.read_again()]
        finally:
            await connection.close()


@dataclass(frozen=True, slots=True)
class Work:
    """The variants of one database."""

    connection: Connection
    desk: Desk
    fresh: Fresh
    count: int

    def claimed(self, share: int) -> list[Variant]:
        """A claimed batch of which so many of a hundred say what they said last time."""
        name = OLD.format(share)
        return [
            Variant(name, self._claimed(share, knows=True), name + DATABASE),
            Variant(name + DATABASE, self._claimed(share, knows=False)),
        ]

    def read_again(self) -> list[Variant]:
        """A feed whose last pages are read again."""
        return [
            Variant(AGAIN, self._read_again(knows=True), AGAIN + DATABASE),
            Variant(AGAIN + DATABASE, self._read_again(knows=False)),
        ]

    def _claimed(self, share: int, *, knows: bool) -> Run:
        async def run() -> Figures:
            messages = self.fresh.take(self.count)
            pages = [_page(page, share) for page in batches(messages, PAGE)]
            tally = Tally()
            async with measure(self.connection) as cost:
                for said, watches in pages:
                    claimed: Sequence[Watch] = watches if knows else ()
                    await writing.join(self.desk, said, claimed, NOW, Source.POLL, tally)
            news = sum(_is_news(at, share) for page in batches(messages, PAGE) for at in range(len(page)))
            sure((tally.reports, tally.written), (self.count, news), "reports heard and messages written")
            return cost.figures(self.count, "reports")

        return run

    def _read_again(self, *, knows: bool) -> Run:
        async def run() -> Figures:
            messages = self.fresh.take(self.count)
            pages = [_page(page, 0)[0] for page in batches(messages, PAGE)]
            first, again = Tally(), Tally()
            for said in pages:
                await writing.join_new(self.desk, said, NOW, first)
            async with measure(self.connection) as cost:
                for said in pages:
                    if knows:
                        await writing.join_new(self.desk, said, NOW, again)
                    else:
                        await writing.join(self.desk, said, (), NOW, Source.FEED, again)
            sure((first.written, again.written), (self.count, 0), "messages written at first and again")
            return cost.figures(self.count, "reports")

        return run


def _page(messages: Iterable[Message], share: int) -> Page:
    """What is said of messages now, and their watches, which know what was said before."""
    said, watches = [], []
    for at, message in enumerate(messages):
        before = Report(message.provider_id, status=Status.SENT, occurred_at=SENT_AT + timedelta(hours=1))
        after = Report(message.provider_id, status=Status.DELIVERED, occurred_at=SENT_AT + timedelta(hours=2))
        said.append(after if _is_news(at, share) else before)
        watches.append(_watch(message, digest([before])))
    random.Random(len(said)).shuffle(said)  # noqa: S311 - an order, guards nothing
    return said, watches


def _is_news(at: int, share: int) -> bool:
    """Whether the message at this place of a page has got on."""
    return at % 100 >= share


def _watch(message: Message, said: int) -> Watch:
    return Watch(
        id=message.id,
        channel=Channel.SMS,
        provider_id=message.provider_id,
        part="",
        reference="",
        schedule=None,
        heard=Status.SENT.bit,
        said=said,
        looks=1,
        found=True,
        looked_at=SENT_AT + timedelta(hours=1),
        sent_at=SENT_AT,
        deadline_at=SENT_AT + timedelta(hours=48),
    )
