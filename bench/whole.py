"""The whole way of a report: from a provider's page to settled rows, beside joining alone and beside one at a time.

The pages are a listing of Twilio's, a thousand messages each, rendered beforehand and served from a process of its own.
They are sent for, read and joined as a window is. `one by one` does what a simple program does: one request with httpx
and one transaction for each message, one after the other.
"""

import random
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from email.utils import format_datetime
from itertools import count
from pathlib import Path

import asyncpg
import httpx
import msgspec
from pydantic import SecretStr

from adapters.base import Ids, Window
from adapters.http import Sender
from adapters.twilio import Settings, Twilio
from bench import filling, one_by_one
from bench.filling import SENT_AT
from bench.lending import lending
from bench.meter import Cost, measure
from bench.rendered import serving
from bench.rounds import Figures, Goal, Variant, sure
from bench.saying import NOW, Fresh, Message
from bench.stage import Stage
from rules.statuses import Source, Status
from store import reports
from store.connections import Connection
from store.reports import Applied, batches
from worker import writing
from worker.accounts import Account
from worker.ask import pages
from worker.desk import Desk
from worker.hearing import hear
from worker.writing import Tally

MEANING = "from a provider's pages to settled rows, beside joining alone and beside one at a time"

#: Messages in a trial, in one that goes one by one, and on a page.
TRIAL, FEW, PAGE = 10_000, 200, 1000

PAGES, JOINED, ONE = "pages", "joined alone", "one by one"

GOALS = (Goal(PAGES, at_least=0.75, of=JOINED), Goal(PAGES, at_least=60, of=ONE))

WINDOW = Window(SENT_AT, NOW)

Item = dict[str, object]

#: Twilio's word and code, what becomes of the message, and how many of a hundred.
SHARES: tuple[tuple[str, int | None, Status, int], ...] = (
    ("delivered", None, Status.DELIVERED, 82),
    ("read", None, Status.DELIVERED, 6),
    ("undelivered", 30003, Status.EXPIRED, 4),
    ("undelivered", 30005, Status.HARD_BOUNCED, 4),
    ("failed", 30007, Status.FAILED, 4),
)

Run = Callable[[], Awaitable[Figures]]


@asynccontextmanager
async def variants(stage: Stage) -> AsyncIterator[list[Variant]]:
    """Every trial is about other messages."""
    trial, few = stage.rows(TRIAL), stage.rows(FEW)
    async with AsyncExitStack() as opened:
        folder = Path(opened.enter_context(tempfile.TemporaryDirectory(prefix="landed-bench-")))
        address = await opened.enter_async_context(serving(folder))
        connection = await asyncpg.connect(await opened.enter_async_context(stage.database()))
        opened.push_async_callback(connection.close)
        number = await filling.account(connection)
        rows = await filling.fill(connection, number, stage.trials * (2 * trial + few))
        await filling.settle(connection)
        client = await opened.enter_async_context(httpx.AsyncClient(trust_env=False))
        provider = Provider(folder, address)
        sender = await opened.enter_async_context(Sender(provider.adapter("AC"), "bench"))
        work = Work(connection, number, Fresh([Message(*row) for row in rows]), provider, sender, client)
        yield [
            Variant(PAGES, work.pages(trial), JOINED),
            Variant(JOINED, work.joined(trial)),
            Variant(ONE, work.one_by_one(few)),
        ]


@dataclass(frozen=True, slots=True)
class Provider:
    """Renders what Twilio would answer, each time for an account of its own."""

    folder: Path
    address: str
    chance: random.Random = field(default_factory=lambda: random.Random(1))  # noqa: S311 - guards nothing
    numbers: Iterator[int] = field(default_factory=count)

    def adapter(self, sid: str) -> Twilio:
        """An adapter for the account `sid`."""
        return Twilio(Settings(base_url=self.address, account_sid=sid, auth_token=SecretStr("secret")))

    def render(self, messages: Sequence[Message], *, single: bool) -> tuple[Twilio, dict[int, Status]]:
        """Write the answers about `messages`; an adapter that asks for them, and what must become of each message."""
        sid = f"AC{next(self.numbers)}"
        place = self.folder / "2010-04-01" / "Accounts" / sid
        (place / "Messages").mkdir(parents=True)
        chosen = self.chance.choices(SHARES, weights=[share for *_, share in SHARES], k=len(messages))
        items = [self._item(message, word, code) for message, (word, code, *_) in zip(messages, chosen, strict=True)]
        if single:
            for item in items:
                (place / "Messages" / f"{item['sid']}.json").write_bytes(msgspec.json.encode(item))
        else:
            self._pages(place, f"/2010-04-01/Accounts/{sid}", items)
        return self.adapter(sid), {one.id: status for one, (_, _, status, _) in zip(messages, chosen, strict=True)}

    def _pages(self, place: Path, below: str, items: Sequence[Item]) -> None:
        listed = list(batches(items, PAGE))
        for at, page in enumerate(listed):
            more = f"{below}/Messages-{at + 1}.json" if at + 1 < len(listed) else None
            file = place / ("Messages.json" if at == 0 else f"Messages-{at}.json")
            file.write_bytes(msgspec.json.encode({"messages": page, "page_size": PAGE, "next_page_uri": more}))

    def _item(self, message: Message, word: str, code: int | None) -> Item:
        at = format_datetime(SENT_AT + timedelta(seconds=self.chance.randrange(3600, 80000)))
        uri = f"/2010-04-01/Accounts/AC00000000000000000000000000000000/Messages/{message.provider_id}"
        return {
            "body": "Your parcel comes today between two and four, https://example.com/parcels/7f3a9c",
            "num_segments": "1",
            "direction": "outbound-api",
            "from": "+15005550006",
            "to": "+447700900001",
            "date_created": at,
            "date_sent": at,
            "date_updated": at,
            "price": "-0.00750",
            "price_unit": "USD",
            "error_code": code,
            "error_message": None,
            "account_sid": "AC00000000000000000000000000000000",
            "messaging_service_sid": "MG00000000000000000000000000000000",
            "num_media": "0",
            "status": word,
            "sid": message.provider_id,
            "api_version": "2010-04-01",
            "uri": f"{uri}.json",
            "subresource_uris": {"media": f"{uri}/Media.json"},
        }


@dataclass(frozen=True, slots=True)
class Work:
    """The variants of one database."""

    connection: Connection
    number: int
    fresh: Fresh
    provider: Provider
    sender: Sender
    client: httpx.AsyncClient

    def pages(self, many: int) -> Run:
        """As a window is read: sent for, read, joined, page by page."""

        async def run() -> Figures:
            adapter, expected = self.provider.render(self.fresh.take(many), single=False)
            desk, tally = self._desk(adapter), Tally()
            async with measure(self.connection, table="landed.message") as cost:
                async for _, page in pages(self.sender, adapter, WINDOW, ahead=lambda: True):
                    await writing.join(desk, page.reports, (), NOW, Source.POLL, tally)
            sure((tally.settled, tally.unreadable), (many, 0), "messages settled, items not read")
            return await self._checked(expected, cost)

        return run

    def joined(self, many: int) -> Run:
        """The same reports, read beforehand, joined a page at a time."""

        async def run() -> Figures:
            adapter, expected = self.provider.render(self.fresh.take(many), single=False)
            account = self._desk(adapter).account
            said = [hear(account, page.reports, (), NOW).said async for _, page in pages(self.sender, adapter, WINDOW)]
            done = Applied()
            async with measure(self.connection, table="landed.message") as cost:
                for page in said:
                    done += await reports.apply(self.connection, self.number, Source.POLL, NOW, page)
            sure(done.settled, many, "messages settled")
            return await self._checked(expected, cost)

        return run

    def one_by_one(self, many: int) -> Run:
        """A request and a transaction for each message, one after the other."""

        async def run() -> Figures:
            messages = self.fresh.take(many)
            adapter, expected = self.provider.render(messages, single=True)
            account = self._desk(adapter).account
            written = 0
            async with measure(self.connection, table="landed.message") as cost:
                for message in messages:
                    what = Ids((message.provider_id,))
                    response = await self.client.send(adapter.ask(what))
                    said = hear(account, adapter.read(what, response).reports, (), NOW).said
                    written += await one_by_one.write(self.connection, self.number, [message], said[-1:])
            sure(written, many, "messages written")
            return await self._checked(expected, cost)

        return run

    def _desk(self, adapter: Twilio) -> Desk:
        return Desk(lending(self.connection), Account("bench", adapter, Twilio.limits), self.number, self.sender)

    async def _checked(self, expected: dict[int, Status], cost: Cost) -> Figures:
        """Make sure that each message stands as it should, and that nobody waits for any of them."""
        rows = await self.connection.fetch(
            "select m.id, m.status from landed.message m where m.account = $1 and m.id = any ($2)"
            " and not exists (select from landed.watch w where w.account = $1 and w.id = m.id)",
            self.number,
            list(expected),
        )
        found = {row["id"]: row["status"] for row in rows}
        sure(sum(found.get(number) == status for number, status in expected.items()), len(expected), "messages settled")
        return cost.figures(len(expected), "messages")
