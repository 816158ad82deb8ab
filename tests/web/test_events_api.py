"""Following what happens: in order, nothing twice, nothing passed over, in pages and as a stream."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any, Self

import asyncpg
import httpx
import pytest

from rules.reports import Word
from rules.statuses import Status
from rules.viewers import Scope
from store import tokens
from store.changes import By
from store.connections import clock
from tests.store.written import NOW, account
from tests.web.conftest import HERE, Web
from tests.web.filling import messages, one_of_each, say
from web import lasting
from web.api import events
from web.site import live_of

#: It does not depend on the interpreter.
pytestmark = pytest.mark.once

EVENTS = "/api/v1/events"


async def all_events(client: httpx.AsyncClient, **asked: Any) -> list[dict[str, Any]]:
    found, more, place = [], True, asked.pop("after", None)
    while more:
        given = {**asked, **({"after": place} if place else {})}
        said = (await client.get(EVENTS, params=given)).json()
        found += said["items"]
        place, more = said["next"], said["more"]
    return found


async def test_an_event_names_its_message_as_the_sender_does(here: httpx.AsyncClient, db: asyncpg.Connection) -> None:
    numbers = await one_of_each(db)
    found = await all_events(here)
    bounce = found[-1]

    assert [(one["said"], one["was"], one["changed"]) for one in found] == [
        ("sent", None, True), ("sent", None, True), ("sent", None, True), ("delivered", "sent", True),
        ("hard_bounced", "sent", True),
    ]  # fmt: skip
    assert (bounce["message"], bounce["reference"], bounce["provider_id"]) == (
        numbers["bounced"],
        "order-1",
        "SM000001",
    )
    assert (bounce["source"], bounce["reason"], bounce["channel"]) == ("poll", "invalid_address", "email")


@pytest.mark.parametrize("limit", [1, 2, 5, 1000])
async def test_pages_join_up_to_the_whole(here: httpx.AsyncClient, db: asyncpg.Connection, limit: int) -> None:
    await one_of_each(db)
    places = [one["place"] for one in await all_events(here, limit=limit)]

    assert len(places) == len(set(places)) == 5
    assert places == [one["place"] for one in await all_events(here)]


async def test_who_goes_on_after_a_place_gets_only_what_came_since(
    here: httpx.AsyncClient, db: asyncpg.Connection
) -> None:
    numbers = await messages(db, 2)
    place = (await here.get(EVENTS)).json()["next"]
    now = (await here.get(EVENTS, params={"after": "now"})).json()
    await say(db, await account(db), numbers[0], Word(Status.DELIVERED.bit, NOW))

    for after in (place, now["next"]):
        assert [one["said"] for one in await all_events(here, after=after)] == ["delivered"]
    assert now["items"] == []


async def test_what_changed_nothing_is_told_on_request(here: httpx.AsyncClient, db: asyncpg.Connection) -> None:
    (number,) = await messages(db, 1)
    acme = await account(db)
    await say(db, acme, number, Word(Status.DELIVERED.bit, NOW))
    await say(db, acme, number, Word(Status.SOFT_BOUNCED.bit, NOW))

    assert [one["said"] for one in await all_events(here)] == ["sent", "delivered"]
    assert [(one["said"], one["changed"]) for one in await all_events(here, all=True)] == [
        ("sent", True),
        ("delivered", True),
        ("soft_bounced", False),
    ]


async def test_what_is_committed_late_is_not_passed_over(
    here: httpx.AsyncClient, db: asyncpg.Connection, database: str
) -> None:
    """While a transaction is open, nothing that began after it is told."""
    numbers = await messages(db, 2)
    place = (await here.get(EVENTS)).json()["next"]
    acme = await account(db)
    late = await asyncpg.connect(database)
    transaction = late.transaction()
    await transaction.start()
    await say(late, acme, numbers[0], Word(Status.DELIVERED.bit, NOW))
    await say(db, acme, numbers[1], Word(Status.FAILED.bit, NOW))
    meanwhile = await all_events(here, after=place)
    await transaction.commit()
    await late.close()
    afterwards = await all_events(here, after=place)

    assert meanwhile == []
    assert [one["said"] for one in afterwards] == ["delivered", "failed"]


@pytest.mark.parametrize("place", ["x", "1", "1-", "-1", "1-99999999999999999999", "99999999999999999999999-1", "1-1;"])
async def test_a_place_that_is_none_is_refused(here: httpx.AsyncClient, place: str) -> None:
    answer = await here.get(EVENTS, params={"after": place})

    assert (answer.status_code, answer.json()["type"]) == (400, "urn:landed:problem:bad-cursor")


class Stream:
    """A reader of server-sent events that asks the app directly, because httpx waits for the end of an answer."""

    def __init__(self, web: Web, query: str = "", **headers: str) -> None:
        self._web = web
        self._said: asyncio.Queue[bytes] = asyncio.Queue()
        self._gone = asyncio.Event()
        given = {"host": "localhost", "accept": "text/event-stream", **headers}
        self._scope = {
            "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": "GET", "scheme": "http",
            "path": EVENTS, "raw_path": EVENTS.encode(), "query_string": query.encode(), "root_path": "",
            "headers": [(name.encode(), value.encode()) for name, value in given.items()], "client": HERE,
            "server": ("localhost", 8026), "state": {},
        }  # fmt: skip
        self.status = 0
        self.kind = ""
        self.task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        self.task = asyncio.ensure_future(self._web.app(self._scope, self._receive, self._send))
        return self

    async def __aexit__(self, *_: object) -> None:
        self._gone.set()
        assert self.task is not None
        await asyncio.wait_for(self.task, 20)

    async def _receive(self) -> dict[str, Any]:
        if not hasattr(self, "_asked"):
            self._asked = True
            return {"type": "http.request", "body": b"", "more_body": False}
        await self._gone.wait()
        return {"type": "http.disconnect"}

    async def _send(self, message: Any) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            self.kind = dict(message["headers"])[b"content-type"].decode()
        else:
            await self._said.put(message.get("body", b""))

    async def events(self) -> AsyncIterator[dict[str, str]]:
        """Each event as it comes, by its fields."""
        text = ""
        while True:
            text += (await asyncio.wait_for(self._said.get(), 20)).decode()
            while "\n\n" in text:
                block, _, text = text.partition("\n\n")
                fields = dict(line.split(": ", 1) for line in block.splitlines() if not line.startswith(":"))
                if fields:
                    yield fields

    async def next(self, count: int) -> list[dict[str, str]]:
        """The next so many events."""
        found = []
        async for one in self.events():
            found.append(one)
            if len(found) == count:
                break
        return found


async def test_a_stream_tells_what_was_and_what_comes(web: Web, db: asyncpg.Connection) -> None:
    numbers = await messages(db, 2)
    async with Stream(web) as stream:
        first = await stream.next(2)
        await say(db, await account(db), numbers[1], Word(Status.DELIVERED.bit, NOW))
        (later,) = await stream.next(1)

    assert stream.kind.startswith("text/event-stream")
    assert [json.loads(one["data"])["said"] for one in first] == ["sent", "sent"]
    assert json.loads(later["data"])["said"] == "delivered"
    assert later["event"] == "change"
    assert later["id"] == json.loads(later["data"])["place"]


async def test_a_stream_goes_on_after_the_last_event_that_was_read(web: Web, db: asyncpg.Connection) -> None:
    """Nothing comes twice and nothing is missing, wherever it was cut off."""
    await messages(db, 6)
    ids: list[str] = []
    while len(ids) < 6:
        given = {"last-event-id": ids[-1]} if ids else {}
        async with Stream(web, **given) as stream:
            ids += [one["id"] for one in await stream.next(2)]

    assert ids == [one["place"] for one in await all_events(web.client())]


async def test_a_stream_ends_when_the_page_is_told_to_stop(web: Web, db: asyncpg.Connection) -> None:
    await messages(db, 1)
    async with Stream(web) as stream:
        await stream.next(1)
        live_of(web.app).stopping.set()
        assert stream.task is not None
        await asyncio.wait_for(asyncio.shield(stream.task), 20)

    assert stream.status == 200


async def test_a_stream_ends_when_its_token_does(
    web: Web, db: asyncpg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lasting, "CHECK", 0.01)
    monkeypatch.setattr(events, "PAUSE", 0.01)
    await messages(db, 1)
    token = await web.token(Scope.READ, name="reports")
    async with Stream(web, authorization=f"Bearer {token}") as stream:
        await stream.next(1)
        await tokens.revoke(db, "reports", By("ada", "cli", await clock(db)))
        assert stream.task is not None
        await asyncio.wait_for(asyncio.shield(stream.task), 20)

    assert stream.task.done()


async def test_a_stream_holds_no_connection_while_nothing_happens(web: Web, db: asyncpg.Connection) -> None:
    await messages(db, 1)
    async with Stream(web) as one, Stream(web) as two:
        await one.next(1)
        await two.next(1)
        async with asyncio.timeout(20):
            while web.pool.get_idle_size() < web.pool.get_size():  # noqa: ASYNC110 - a pool sets no event
                await asyncio.sleep(0.01)

    assert one.status == two.status == 200
