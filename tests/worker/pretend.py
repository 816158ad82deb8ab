"""A provider made for tests: it can be asked in every shape, and does what a test tells it to."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar, LiteralString

import asyncpg
import httpx
import msgspec

from adapters.base import Adapter, AdapterSettings, Ids, Limits, Page, References, Since, Take, What, Window
from adapters.errors import AskError, Unreadable
from rules.reports import Report, Word
from rules.statuses import Channel, Reason, Status
from store import inbox
from store.connections import Pool
from store.inbox import Recording
from worker import asked
from worker.accounts import Account
from worker.desk import Budget, Desk

BASE = "http://provider.test"
PAGE = 3


class Pretend(Adapter[AdapterSettings]):
    """Asks and answers in JSON of its own. A report is [provider id, status, seconds since 1970, reference, code]."""

    name: ClassVar[str] = "pretend"
    channels: ClassVar[tuple[Channel, ...]] = (Channel.SMS, Channel.EMAIL)
    limits: ClassVar[Limits] = Limits(ids=10, rate=1e6, lag=timedelta(0))
    STATUSES: ClassVar[dict[str, Status]] = {status.word: status for status in Status}
    REASONS: ClassVar[dict[str, Reason]] = {}
    Settings: ClassVar[type[AdapterSettings]] = AdapterSettings

    def ask(self, what: What) -> httpx.Request:
        """Everything about the question is in the body."""
        return httpx.Request("POST", f"{BASE}/ask", content=msgspec.json.encode(asked.plain(what)))

    def read(self, what: What, response: httpx.Response) -> Page:
        """The answer as `Provider` made it."""
        del what
        try:
            said = msgspec.json.decode(response.content)
        except msgspec.DecodeError as error:
            raise Unreadable("pretend: not JSON") from error
        times = [item[2] for item in said["items"] if item[2] is not None]
        return Page(
            reports=tuple(self._report(*item) for item in said["items"]),
            more=httpx.Request("POST", f"{BASE}/ask", content=said["more"]) if said.get("more") else None,
            position=said.get("position"),
            latest_at=datetime.fromtimestamp(max(times), UTC) if times else None,
            confirm=httpx.Request("POST", f"{BASE}/confirm", content=said["confirm"]) if said.get("confirm") else None,
        )

    def _report(self, provider_id: str, word: str, at: float | None, reference: str = "", code: str = "") -> Report:
        status = self.STATUSES.get(word)
        return Report(
            provider_id=provider_id,
            reference=reference,
            status=status,
            unknown="" if status is not None else word,
            code=code,
            reason=Reason.UNKNOWN if code else Reason.NONE,
            occurred_at=None if at is None else datetime.fromtimestamp(at, UTC),
        )

    def auth(self, now: datetime, nonce: str) -> httpx.Auth:
        """Nobody asks for it."""
        del now, nonce
        return httpx.Auth()


Item = tuple[str, str, float | None, str]


@dataclass
class Provider:
    """What the pretended provider knows. `known` is the present word by id; `events` are in the order of arrival."""

    known: dict[str, str] = field(default_factory=dict)
    references: dict[str, str] = field(default_factory=dict)
    sent_at: dict[str, datetime] = field(default_factory=dict)
    events: list[tuple[datetime, str, str]] = field(default_factory=list)
    queue: list[tuple[str, str]] = field(default_factory=list)
    asked: list[dict[str, object]] = field(default_factory=list)
    confirmed: list[str] = field(default_factory=list)
    #: Called before each answer; may raise, or return bytes to answer instead.
    trouble: Callable[[dict[str, object]], bytes | None] = lambda _what: None
    drains: bool = False

    async def send(self, request: httpx.Request) -> httpx.Response:
        """Answer one request."""
        if request.url.path == "/confirm":
            count = int(request.content)
            self.confirmed += [provider_id for provider_id, _ in self.queue[:count]]
            del self.queue[:count]
            return httpx.Response(200, request=request)
        what = msgspec.json.decode(request.content)
        self.asked.append(what)
        instead = self.trouble(what)
        content = instead if instead is not None else msgspec.json.encode(self._answer(what))
        return httpx.Response(200, content=content, request=request)

    def _answer(self, what: dict[str, object]) -> dict[str, object]:
        question = asked.parse(what)
        match question:
            case Ids():
                return {"items": [self._item(one) for one in question.ids if one in self.known]}
            case References():
                ids = {reference: one for one, reference in self.references.items()}
                return {"items": [self._item(ids[name]) for name in question.references if name in ids]}
            case Window():
                inside = [one for one, at in self.sent_at.items() if question.since <= at < question.until]
                return {"items": [self._item(one) for one in inside]}
            case Since():
                return self._feed(question)
            case Take():
                return self._take(what)

    def _item(self, provider_id: str) -> Item:
        return provider_id, self.known[provider_id], None, self.references.get(provider_id, "")

    def _feed(self, what: Since) -> dict[str, object]:
        start = int(what.position or 0)
        ordered = sorted(self.events)
        page = ordered[start : start + PAGE]
        position = start + len(page)
        more = asked.plain(replace(what, position=str(position)))
        return {
            "items": [(one, word, at.timestamp()) for at, one, word in page],
            "position": str(position),
            "more": msgspec.json.encode(more).decode() if page else None,
        }

    def _take(self, what: dict[str, object]) -> dict[str, object]:
        page = self.queue[:PAGE]
        full = len(page) == PAGE
        if self.drains:
            del self.queue[:PAGE]
        return {
            "items": [(one, word, None) for one, word in page],
            "more": msgspec.json.encode(what).decode() if full else None,
            "confirm": str(len(page)) if page and not self.drains else None,
        }


def account(name: str = "pretend", **limits: Any) -> Account:
    """An account of the pretended provider."""
    adapter = Pretend(AdapterSettings(base_url=BASE))
    return Account(name, adapter, replace(Pretend.limits, **limits), fingerprint="first")


async def desk(pool: Pool, provider: Provider, asking: Account | None = None) -> Desk:
    """A desk at which `provider` is asked."""
    asking = asking or account()
    number = await pool.fetchval(
        "insert into landed.account (name, adapter) values ($1, 'pretend')"
        " on conflict (name) do update set name = excluded.name returning id",
        asking.name,
    )
    return Desk(pool, asking, number, provider)


async def one(pool: Pool, query: LiteralString) -> asyncpg.Record:
    """The first row that `query` gives; there must be one."""
    row = await pool.fetchrow(query)
    assert row is not None
    return row


def budget(seconds: float = 30, **options: object) -> Budget:
    """More than any test needs."""
    return Budget(seconds, timedelta(seconds=30), **options)  # type: ignore[arg-type]


async def record(at: Desk, names: Iterable[str], age: timedelta = timedelta(hours=1), **given: object) -> list[int]:
    """Record messages sent some time ago, all due now; their numbers."""
    now = await at.pool.fetchval("select clock_timestamp()")
    recordings = [_recording(at, number, name, now, age, given) for number, name in enumerate(names)]
    async with at.pool.acquire() as connection, connection.transaction():
        await inbox.record(connection, now, recordings)
    rows = await at.pool.fetch("select id from landed.message where account = $1 order by id", at.number)
    return [row["id"] for row in rows]


def _recording(at: Desk, number: int, name: str, now: datetime, age: timedelta, given: dict[str, object]) -> Recording:
    sent_at = now - age
    fields: dict[str, object] = {
        "row": number,
        "account": at.number,
        "channel": Channel.SMS,
        "recipient": f"+4477009{number:05}",
        "provider_id": name,
        "part": "",
        "reference": None,
        "communication": None,
        "schedule": None,
        "sent_at": sent_at,
        "scheduled_at": None,
        "deadline_at": sent_at + timedelta(hours=48),
        "named_deadline": None,
        "allowance": 48 * 3600,
        "next_look_at": now,
        "since": sent_at,
        "words": (Word(Status.SENT.bit, sent_at),),
        "blocks": (0,),
    }
    return Recording(**{**fields, **given})  # type: ignore[arg-type]


async def statuses(pool: Pool) -> dict[str, str]:
    """The status of each message by its provider id, or else its reference."""
    rows: list[asyncpg.Record] = await pool.fetch(
        "select coalesce(provider_id, reference) as name, status from landed.messages order by id"
    )
    return {row["name"]: row["status"] for row in rows}


def raising(error: AskError) -> Callable[[dict[str, object]], bytes | None]:
    """Trouble that is always this error."""

    def trouble(_what: dict[str, object]) -> bytes | None:
        raise error

    return trouble
