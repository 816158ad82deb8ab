"""The page of a communication: totals, everyone in it filtered, searched, sorted, in pages and as files, and news."""

import asyncio
import csv
import io
import json
import re
from collections.abc import MutableMapping
from datetime import timedelta
from typing import Any
from urllib.parse import unquote

import asyncpg
import httpx
import pytest

from rules.reports import Word
from rules.statuses import Channel, Engagement, Reason, Status
from rules.viewers import Scope
from store.exports import Form
from store.reporting import COLUMNS
from tests.store.written import NOW, account, record, recording
from tests.web.conftest import HERE, Web
from tests.web.filling import EMAIL, NUMBER, communication, messages, one_of_each, say
from tests.web.reading import SCRIPT, Page
from web import paging
from web.site import live_of

#: It does not depend on the interpreter.
pytestmark = pytest.mark.once

PLANTED = (EMAIL, "planted.person", NUMBER, NUMBER[1:])


async def look(client: httpx.AsyncClient, path: str) -> Page:
    answer = await client.get(path)

    assert answer.status_code == 200, answer.text
    return Page(answer.text)


@pytest.fixture
async def path(db: asyncpg.Connection) -> str:
    """A communication of two texts, of which one is delivered, and a bounced mail."""
    await one_of_each(db)
    return f"/communications/{await communication(db)}"


def names_of(page: Page) -> list[str]:
    """The first column of the table."""
    return [row[0] for row in page.rows[1:]]


def numbers_of(page: Page) -> list[int]:
    return [int(one[1]) for link in page.hrefs if (one := re.fullmatch(r"/messages/(\d+)", link))]


async def walk(client: httpx.AsyncClient, path: str, query: str, way: str) -> list[list[int]]:
    """The messages of each page from one on."""
    page = await look(client, path + query)
    found = [numbers_of(page)]
    while following := page.rels.get(way):
        page = await look(client, path + following)
        found.append(numbers_of(page))
    return found


async def test_totals_are_by_channel_in_the_lines_of_the_vocabulary(here: httpx.AsyncClient, path: str) -> None:
    page = await look(here, f"{path}?words=engage")

    assert "3 messages" in page.text
    assert "sms 2" in page.text
    assert [sorted(one.split(", ")) for one in page.images] == [["Hard bounce 1"], ["Delivered 1", "Unknown 1"]]


async def test_blocked_by_a_spam_filter_counts_as_a_soft_bounce_where_the_product_counts_so(
    here: httpx.AsyncClient, db: asyncpg.Connection, path: str
) -> None:
    acme = await account(db)
    soft, spam = await messages(db, 2, channel=Channel.EMAIL, recipient=EMAIL)
    await say(db, acme, soft, Word(Status.SOFT_BOUNCED.bit, NOW))
    await say(db, acme, spam, Word(Status.FAILED.bit, NOW, Reason.SPAM))
    line = await look(here, f"{path}?words=engage&status=Soft+bounce")
    label = await look(here, f"{path}?words=engage&status=Blocked")

    assert any("Soft bounce 2" in one for one in line.images)
    assert sorted(row[2] for row in line.rows[1:]) == ["↩ Soft bounce", "⊘ Blocked"]
    assert [row[2] for row in label.rows[1:]] == ["⊘ Blocked"]


async def test_each_filter_leaves_those_that_it_names(
    here: httpx.AsyncClient, path: str, db: asyncpg.Connection
) -> None:
    zenith = await account(db, "zenith")
    await record(db, [recording(zenith, "Z1", communication="Flood warning 7", recipient="zoe@example.org")])
    found = {
        query: sorted(names_of(await look(here, f"{path}?{query}")))
        for query in (
            "channel=email", "status=Failed", "status=Delivered", "account=zenith", "text=order-1",
            "text=PLANTED.person", "channel=sms&status=Failed", "status=Sent&status=Failed&channel=email",
        )
    }  # fmt: skip

    assert found == {
        "channel=email": [EMAIL],
        "status=Failed": [EMAIL],
        "status=Delivered": [NUMBER],
        "account=zenith": ["zoe@example.org"],
        "text=order-1": [EMAIL],
        "text=PLANTED.person": [EMAIL],
        "channel=sms&status=Failed": [],
        "status=Sent&status=Failed&channel=email": [EMAIL],
    }


async def test_what_is_typed_is_searched_and_in_no_address_of_the_web(here: httpx.AsyncClient, path: str) -> None:
    form = (await look(here, path)).form(path)
    answer = await here.post(path, data={**form.fields, "text": EMAIL, "channel": "email"}, follow_redirects=True)
    page = Page(answer.text)
    places = [str(answer.url), *(one.headers["location"] for one in answer.history), *page.hrefs]
    copied = await here.get(page.links["Copy IDs"])

    assert names_of(page) == [EMAIL]
    assert (page.form(path).fields["text"], page.form(path).fields["channel"]) == (EMAIL, "email")
    assert [one for one in places if any(word in unquote(one) for word in PLANTED)] == []
    assert copied.text == "order-1\n"


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("", [1, 2, 0, 3]),
        ("?down=1", [3, 0, 2, 1]),
        ("?sort=recipient", [3, 2, 1, 0]),
        ("?sort=recipient&down=1", [0, 1, 2, 3]),
        ("?sort=time", [2, 3, 0, 1]),
        ("?sort=time&down=1", [1, 0, 3, 2]),
    ],
)
async def test_everyone_is_sorted_as_is_wanted(
    here: httpx.AsyncClient, db: asyncpg.Connection, query: str, expected: list[int]
) -> None:
    acme = await account(db)
    made = {1: ("c", 4), 2: ("b", 1), 0: ("d", 3), 3: ("a", 2)}
    ids = {}
    for number, (recipient, minute) in made.items():
        (ids[number],) = await messages(db, 1, recipient=f"{recipient}@example.org")
        await say(db, acme, ids[number], Word(Status.DELIVERED.bit, NOW + timedelta(minutes=minute)))
    page = await look(here, f"/communications/{await communication(db)}{query}")

    assert numbers_of(page) == [ids[number] for number in expected]


@pytest.mark.parametrize("query", ["?", "?down=1", "?sort=recipient", "?sort=time&down=1", "?status=Delivered"])
async def test_pages_join_up_forward_back_and_by_number(
    here: httpx.AsyncClient, db: asyncpg.Connection, monkeypatch: pytest.MonkeyPatch, query: str
) -> None:
    acme = await account(db)
    for number in await messages(db, 23):
        minute = number * 7 % 5
        await say(db, acme, number, Word(Status.DELIVERED.bit, NOW + timedelta(minutes=minute)))
    await messages(db, 3)
    path = f"/communications/{await communication(db)}"
    whole = numbers_of(await look(here, path + query))
    monkeypatch.setattr(paging, "SIZE", 5)
    forward = await walk(here, path, query, "next")
    position, last = query, await look(here, path + query)
    while "next" in last.rels:
        position = last.rels["next"]
        last = await look(here, path + position)
    back = await walk(here, path, position, "prev")

    assert len(whole) == (23 if "status" in query else 26)
    assert [one for part in forward for one in part] == whole
    assert back[::-1] == forward
    if "sort" not in query:
        numbered = [numbers_of(await look(here, f"{path}{query}&page={n + 1}")) for n in range(len(forward))]

        assert numbered == forward


async def test_a_page_beyond_the_last_is_the_empty_end(here: httpx.AsyncClient, path: str) -> None:
    page = await look(here, f"{path}?page={10**30}")

    assert numbers_of(page) == []
    assert "Page 1 of 1" in page.text


async def test_copied_ids_are_of_all_that_is_filtered(
    here: httpx.AsyncClient, db: asyncpg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(paging, "SIZE", 5)
    acme = await account(db)
    for number in (await messages(db, 40))[::2]:
        await say(db, acme, number, Word(Status.DELIVERED.bit, NOW))
    page = await look(here, f"/communications/{await communication(db)}?status=Delivered")
    answer = await here.get(page.links["Copy IDs"])

    assert answer.text.split() == [f"order-{n}" for n in range(0, 40, 2)]
    assert answer.headers["content-type"] == "text/plain; charset=utf-8"
    assert "content-disposition" not in answer.headers


async def test_files_say_what_they_are_and_how_they_are_called(here: httpx.AsyncClient, db: asyncpg.Connection) -> None:
    name = 'Ä "launch"; x=1/é\r\n'
    await messages(db, 1, name)
    path = f"/communications/{await communication(db, name)}"
    table = await here.get(f"{path}/files/csv")
    lines = await here.get(f"{path}/files/ndjson")
    encoded = "%C3%84%20%22launch%22%3B%20x%3D1%2F%C3%A9%0D%0A"

    assert table.headers["content-type"] == "text/csv; charset=utf-8"
    assert table.headers["content-disposition"] == f"attachment; filename*=UTF-8''{encoded}.csv"
    assert next(csv.reader(io.StringIO(table.text, newline=""))) == list(COLUMNS)
    assert lines.headers["content-type"] == "application/x-ndjson"
    assert lines.headers["content-disposition"] == f"attachment; filename*=UTF-8''{encoded}.ndjson"
    assert json.loads(lines.text)["recipient"] == NUMBER


async def test_the_columns_are_those_of_the_vocabulary(
    here: httpx.AsyncClient, path: str, db: asyncpg.Connection
) -> None:
    (number,) = await messages(db, 1)
    word = Word(Status.DELIVERED.bit | Engagement.RESPONDED.bit, NOW, response="I am safe")
    await say(db, await account(db), number, word)
    titles = {}
    for words in ("crisis", "history", "log", "engage"):
        titles[words] = (await look(here, f"{path}?words={words}")).rows[0][4:]
    page = await look(here, f"{path}?words=crisis")

    assert titles["crisis"] == ["Response"]
    assert titles["log"] == ["Attempts", "Last Attempt", "Delivery Results"]
    assert page.rows[-1][2:] == ["✎ Responded", "2026-11-24 12:00:00 UTC", "I am safe"]


async def test_those_that_left_by_age_are_counted_and_told(
    here: httpx.AsyncClient, db: asyncpg.Connection, path: str
) -> None:
    number = int(path.rsplit("/", 1)[1])
    await db.execute(
        "insert into landed.archived (communication, channel, heard, reason, messages) values ($1, 2, 32770, 0, 7)",
        number,
    )
    page = await look(here, path)

    assert "10 messages" in page.text
    assert "7 of these left the database by age" in page.text
    assert "3 listed." in page.text


class Stream:
    """Somebody who follows what is new on a page."""

    def __init__(self, web: Web, path: str) -> None:
        self.told: asyncio.Queue[str] = asyncio.Queue()
        self.begun = asyncio.Event()
        self.left = asyncio.Event()
        scope = {
            "type": "http", "method": "GET", "path": path, "raw_path": path.encode(), "query_string": b"",
            "headers": [(b"host", b"localhost:8026")], "client": HERE, "server": ("localhost", 8026),
            "scheme": "http", "http_version": "1.1", "root_path": "", "asgi": {"version": "3.0"},
        }  # fmt: skip
        self.task = asyncio.ensure_future(web.app(scope, self._receive, self._send))

    async def _receive(self) -> dict[str, object]:
        if not self.begun.is_set():
            self.begun.set()
            return {"type": "http.request", "body": b"", "more_body": False}
        await self.left.wait()
        return {"type": "http.disconnect"}

    async def _send(self, message: MutableMapping[str, Any]) -> None:
        if body := message.get("body"):
            self.told.put_nowait(body.decode())

    async def event(self) -> str:
        """The next event that is told."""
        async with asyncio.timeout(20):
            while True:
                if "event:" in (told := await self.told.get()):
                    return told


async def _followed(web: Web, number: int) -> None:
    """Wait until somebody follows a communication."""
    followed = live_of(web.app).refresher._followed  # noqa: SLF001 - nobody else tells
    async with asyncio.timeout(20):
        while number not in followed or not followed[number].viewers:  # noqa: ASYNC110 - it sets no event
            await asyncio.sleep(0.01)


async def test_a_page_that_is_open_is_told_that_something_is_new(web: Web, db: asyncpg.Connection, path: str) -> None:
    number = int(path.rsplit("/", 1)[1])
    stream = Stream(web, f"{path}/changes")
    await _followed(web, number)
    await messages(db, 2)
    told = await stream.event()
    stream.left.set()
    await asyncio.wait_for(stream.task, 20)

    assert "event: changed" in told
    assert "data: 5" in told


async def test_what_is_open_ends_when_the_process_is_told_to_stop(web: Web, path: str) -> None:
    stream = Stream(web, f"{path}/changes")
    await _followed(web, int(path.rsplit("/", 1)[1]))
    live_of(web.app).stopping.set()
    await asyncio.wait_for(stream.task, 20)

    assert live_of(web.app).refresher._followed[int(path.rsplit("/", 1)[1])].viewers == 0  # noqa: SLF001


async def test_no_text_is_run(here: httpx.AsyncClient, db: asyncpg.Connection) -> None:
    name = f"launch {SCRIPT}"
    (number, _) = await messages(db, 2, name, recipient=SCRIPT, reference=None, part=f"p {SCRIPT}")
    heard = Status.FAILED.bit | Engagement.RESPONDED.bit
    word = Word(heard, NOW, Reason.SPAM, f"c {SCRIPT}", response=f"a {SCRIPT}")
    await say(db, await account(db), number, word)
    path = f"/communications/{await communication(db, name)}"
    for words in ("crisis", "history", "log", "engage"):
        answer = await here.get(path, params={"words": words, "text": SCRIPT, "status": ["", SCRIPT]})
        plain = await here.get(path, params={"words": words})
        home = await here.get("/")

        for one in (answer, plain, home):
            assert "alert(&#39;planted&#39;)" in one.text
            assert "<script>" not in one.text
            assert Page(one.text).scripts == 1


async def test_who_may_not_see_recipients_sees_none_anywhere(web: Web, db: asyncpg.Connection, path: str) -> None:
    (odd,) = await messages(db, 1, recipient=EMAIL, reference=f"for {EMAIL}", part=EMAIL, channel=Channel.EMAIL)
    heard = Status.DELIVERED.bit | Engagement.RESPONDED.bit
    await say(db, await account(db), odd, Word(heard, NOW, response=f"call {NUMBER} or write to {EMAIL}"))
    queries = ["", "?sort=recipient", "?words=log", "?words=engage", *(f"/files/{form}" for form in Form)]
    async with await web.holder(Scope.READ, masked=True) as masked, await web.holder(Scope.READ, name="other") as other:
        hidden = [(await masked.get(path + query)).text for query in queries]
        shown = [(await other.get(path + query)).text for query in queries]

    assert [[word for word in PLANTED if word in text] for text in hidden] == [[]] * len(queries)
    assert all(EMAIL in text for text in shown)
    assert "p***@example.org" in hidden[0]


async def test_who_may_not_see_recipients_sees_none_in_the_name_of_a_communication(
    web: Web, db: asyncpg.Connection, path: str
) -> None:
    name = f"Letter to {EMAIL}"
    await db.execute("update landed.communication set name = $1", name)
    number = await db.fetchval("select min(id) from landed.message")
    paths = ["/", path, f"{path}/files/csv", "/messages", f"/messages/{number}", "/api/v1/communications"]
    paths += [f"/api/v1{path}", "/api/v1/messages", f"/api/v1/messages/{number}"]
    async with await web.holder(Scope.READ, masked=True) as masked:
        answers = [await masked.get(one) for one in paths]
    hidden = [answer.text + answer.headers.get("content-disposition", "") for answer in answers]

    assert {answer.status_code for answer in answers} == {200}
    assert [EMAIL in text or EMAIL.replace("@", "%40") in text for text in hidden] == [False] * len(paths)


@pytest.mark.parametrize("text", [EMAIL, "planted", "for planted.person", "@example.org", NUMBER, "7700"])
async def test_who_may_not_see_recipients_cannot_guess_at_one(
    web: Web, db: asyncpg.Connection, path: str, text: str
) -> None:
    """Neither by searching recipients nor by parts of names that hold one."""
    await messages(db, 1, recipient=EMAIL, reference=f"for {EMAIL}", channel=Channel.EMAIL)
    async with await web.holder(Scope.READ, masked=True) as masked:
        page = Page((await masked.get(path, params={"text": text})).text)
        whole = Page((await masked.get(path, params={"text": "order-1"})).text)

    assert numbers_of(page) == []
    assert len(numbers_of(whole)) == 1


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ("?account=nobody", 404),
        ("?channel=pigeon", 404),
        ("?words=nobodys", 404),
        ("?sought=made-up", 404),
        ("?after=x", 404),
        (f"?after={10**30}", 404),
        ("?after=-1", 404),
        ("?sort=recipient&after=999", 404),
        ("?sort=time&after=1.yesterday", 404),
        ("?sort=colour", 422),
        ("?text=a%00b", 422),
        ("?page=-1", 422),
        ("/files/pdf", 422),
        ("/files/csv?account=nobody", 404),
    ],
)
async def test_what_there_is_not_is_refused(here: httpx.AsyncClient, path: str, query: str, status: int) -> None:
    assert (await here.get(path + query)).status_code == status


@pytest.mark.parametrize("number", ["0", "-1", "999", str(10**12), "9" * 40])
@pytest.mark.parametrize("more", ["", "/changes", "/files/csv"])
async def test_a_communication_that_there_is_not_is_not_found(here: httpx.AsyncClient, number: str, more: str) -> None:
    assert (await here.get(f"/communications/{number}{more}")).status_code == 404
