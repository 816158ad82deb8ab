"""The page of all messages: by time, account, channel and status, by any of their names, in pages, and as files."""

import csv
import io
import json
import re
from datetime import timedelta
from urllib.parse import unquote

import asyncpg
import httpx
import pytest

from rules.hashing import Hashing
from rules.reports import Word
from rules.statuses import Channel, Reason, Status
from rules.viewers import Scope
from store import everywhere, exports, hashing
from store.connections import clock
from store.exports_everywhere import ALL_COLUMNS
from tests.store.written import NOW, account, record, recording
from tests.web.conftest import Serve, Web
from tests.web.filling import EMAIL, NUMBER, messages, one_of_each, say
from tests.web.reading import SCRIPT, Page
from web.pages import messages as pages

#: It does not depend on the interpreter.
pytestmark = pytest.mark.once

PLANTED = (EMAIL, "planted.person", NUMBER, NUMBER[1:])


async def look(client: httpx.AsyncClient, path: str = "/messages") -> Page:
    answer = await client.get(path)

    assert answer.status_code == 200, answer.text
    return Page(answer.text)


async def send(client: httpx.AsyncClient, **typed: str) -> httpx.Response:
    """What somebody gets who fills in the form."""
    form = (await look(client)).form("/messages")
    return await client.post("/messages", data={**form.fields, **typed}, follow_redirects=True)


def numbers_of(page: Page) -> list[int]:
    """The numbers of the messages in the table."""
    found = [re.fullmatch(r"/messages/(\d+)", link) for link in page.hrefs]
    return [int(one[1]) for one in found if one]


async def walk(client: httpx.AsyncClient, path: str, way: str) -> list[list[int]]:
    """The messages of each page from one on."""
    page = await look(client, path)
    found = [numbers_of(page)]
    while following := page.rels.get(way):
        page = await look(client, following)
        found.append(numbers_of(page))
    return found


@pytest.fixture
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pages of four, and stretches of three ids."""
    monkeypatch.setattr(pages, "SIZE", 4)
    monkeypatch.setattr(everywhere, "STRETCH", 3)


async def test_all_are_there_the_newest_first(here: httpx.AsyncClient, db: asyncpg.Connection) -> None:
    one = await messages(db, 2)
    other = await messages(db, 2, "another")
    page = await look(here)

    assert numbers_of(page) == [*one, *other][::-1]
    assert [row[-1] for row in page.rows[1:]] == ["another", "another", "Flood warning 7", "Flood warning 7"]


@pytest.mark.usefixtures("_small")
async def test_pages_join_up_forward_and_back(here: httpx.AsyncClient, db: asyncpg.Connection) -> None:
    expected = (await messages(db, 11))[::-1]
    forward = await walk(here, "/messages", "next")
    back = await walk(here, f"/messages?after={expected[9]}", "prev")

    assert forward == [expected[:4], expected[4:8], expected[8:]]
    assert [one for part in reversed(back) for one in part] == expected
    assert [len(part) for part in back] == [1, 4, 4, 2]


@pytest.mark.usefixtures("_small")
@pytest.mark.parametrize("patience", [0.0, 60.0])
async def test_a_label_is_found_stretch_by_stretch_and_its_pages_join_up(
    here: httpx.AsyncClient, db: asyncpg.Connection, monkeypatch: pytest.MonkeyPatch, patience: float
) -> None:
    """Whether all is found at once, or a page is given after each stretch."""
    monkeypatch.setattr(everywhere, "PATIENCE", patience)
    everyone = await messages(db, 30)
    acme = await account(db)
    wanted = [number for number in everyone if number % 7 == 0]
    for number in wanted:
        await say(db, acme, number, Word(Status.DELIVERED.bit, NOW))
    forward = await walk(here, "/messages?status=Delivered&words=engage", "next")
    back = await walk(here, f"/messages?status=Delivered&words=engage&before={everyone[0] - 1}", "prev")

    assert [one for part in forward for one in part] == wanted[::-1]
    assert [one for part in reversed(back) for one in part] == wanted[::-1]
    assert (len(forward) > 3) == (patience == 0)


@pytest.mark.usefixtures("_small")
async def test_a_page_that_is_not_full_says_how_far_was_searched(
    here: httpx.AsyncClient, db: asyncpg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(everywhere, "PATIENCE", 0.0)
    await messages(db, 9)
    page = await look(here, "/messages?status=Delivered&words=engage")
    last = await look(here, (await look(here, page.rels["next"])).rels["next"])

    assert "No message matches so far." in page.text
    assert "Searched back to 2026-11-24 12:00:00 UTC ; go on for older ones." in page.text
    assert "No message matches." in last.text
    assert "next" not in last.rels


async def test_by_account_channel_and_status(here: httpx.AsyncClient, db: asyncpg.Connection) -> None:
    numbers = await one_of_each(db)
    zenith = await account(db, "zenith")
    await record(db, [recording(zenith, "Z1", recipient=NUMBER)])
    found = {
        query: numbers_of(await look(here, f"/messages?{query}"))
        for query in ("channel=email", "status=Not+Sent", "status=Failed", "account=acme", "channel=email&status=Sent")
    }

    assert found == {
        "channel=email": [numbers["bounced"]],
        "status=Not+Sent": [],
        "status=Failed": [numbers["bounced"]],
        "account=acme": [numbers["open"], numbers["bounced"], numbers["delivered"]],
        "channel=email&status=Sent": [],
    }


async def test_by_the_time_of_recording(here: httpx.AsyncClient, db: asyncpg.Connection) -> None:
    acme = await account(db)
    for hour in range(4):
        await record(db, [recording(acme, f"h{hour}")], NOW + timedelta(hours=hour))
    ids = [row["id"] for row in await db.fetch("select id from landed.message order by id")]
    query = "since=2026-11-24T13:00&until=2026-11-24T15:00"
    page = await look(here, f"/messages?{query}")

    assert numbers_of(page) == [ids[2], ids[1]]
    assert page.form("/messages").fields["since"] == "2026-11-24T13:00:00"
    assert numbers_of(await look(here, "/messages?since=2026-11-24T15:00%2B01:00&until=")) == [ids[3], ids[2]]


async def test_what_is_typed_comes_back_in_the_form(here: httpx.AsyncClient, db: asyncpg.Connection) -> None:
    numbers = await one_of_each(db)
    answer = await send(here, text=EMAIL, channel="email", status="Failed", since="2026-01-01T00:00")
    form = Page(answer.text).form("/messages").fields

    assert numbers_of(Page(answer.text)) == [numbers["bounced"]]
    assert (form["text"], form["channel"], form["status"], form["since"]) == (
        EMAIL, "email", "Failed", "2026-01-01T00:00:00",
    )  # fmt: skip


@pytest.mark.parametrize("typed", ["{number}", "SM000001", "order-1", EMAIL.upper(), f"  {EMAIL} "])
async def test_a_message_is_found_by_each_of_its_names(
    here: httpx.AsyncClient, db: asyncpg.Connection, typed: str
) -> None:
    numbers = await one_of_each(db)
    answer = await send(here, text=typed.format(number=numbers["bounced"]))

    assert numbers_of(Page(answer.text)) == [numbers["bounced"]]


async def test_a_part_of_a_name_is_none(here: httpx.AsyncClient, db: asyncpg.Connection) -> None:
    await one_of_each(db)

    assert "No message matches." in Page((await send(here, text="order")).text).text


async def test_a_hashed_recipient_is_found_by_what_it_is(serve: Serve, db: asyncpg.Connection) -> None:
    hashes = Hashing("k" * 32, everyone=True)
    web = await serve(hashing=hashes)
    await hashing.begin(db, hashes, await clock(db))
    numbers = await messages(db, 1, recipient=hashes.hash(NUMBER))
    async with web.client() as client:
        answer = await send(client, text="+44 7700 900123")

    assert numbers_of(Page(answer.text)) == numbers


@pytest.mark.usefixtures("_small")
async def test_what_is_searched_comes_in_pages_too(here: httpx.AsyncClient, db: asyncpg.Connection) -> None:
    expected = (await messages(db, 9))[::-1]
    answer = await send(here, text=NUMBER)
    place = f"{answer.url.path}?{answer.url.query.decode()}"

    assert await walk(here, place, "next") == [expected[:4], expected[4:8], expected[8:]]


async def test_no_address_stands_in_an_address_of_the_web(here: httpx.AsyncClient, db: asyncpg.Connection) -> None:
    await one_of_each(db)
    answer = await send(here, text=EMAIL)
    places = [str(answer.url), *(one.headers["location"] for one in answer.history), *Page(answer.text).hrefs]

    assert EMAIL in answer.text
    assert [one for one in places if any(word in unquote(one) for word in PLANTED)] == []


async def test_copied_ids_are_all_that_is_filtered(
    here: httpx.AsyncClient, db: asyncpg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exports, "STRETCH", 4)
    everyone = await messages(db, 130)
    for number in everyone[::2]:
        await say(db, await account(db), number, Word(Status.DELIVERED.bit, NOW))
    page = await look(here, "/messages?status=Delivered&words=engage")
    answer = await here.get(page.links["Copy IDs"])

    assert answer.text.split("\n") == [*(f"order-{n}" for n in range(128, -1, -2)), ""]
    assert answer.headers["content-type"] == "text/plain; charset=utf-8"
    assert "content-disposition" not in answer.headers


@pytest.mark.parametrize("searched", [False, True])
async def test_files_hold_all_and_say_what_they_are(
    here: httpx.AsyncClient, db: asyncpg.Connection, *, searched: bool
) -> None:
    """Also where a name is searched, when each line goes through Python."""
    await messages(db, 2, name="=cmd|calc", reference=None)
    query = ""
    if searched:
        query = (await send(here, text=NUMBER)).url.query.decode()
    table = await here.get(f"/messages/files/csv?{query}")
    lines = await here.get(f"/messages/files/ndjson?{query}")
    rows = list(csv.DictReader(io.StringIO(table.text, newline="")))
    objects = [json.loads(line) for line in lines.text.splitlines()]

    assert table.headers["content-type"] == "text/csv; charset=utf-8"
    assert table.headers["content-disposition"] == "attachment; filename*=UTF-8''messages.csv"
    assert lines.headers["content-type"] == "application/x-ndjson"
    assert list(rows[0]) == list(ALL_COLUMNS)
    assert [row["provider_id"] for row in rows] == ["SM000001", "SM000000"]
    assert {row["communication"] for row in rows} == {"'=cmd|calc"}
    assert [set(one) for one in objects] == [{"id", *ALL_COLUMNS}] * 2
    assert [one["provider_id"] for one in objects] == ["SM000001", "SM000000"]
    assert {(one["label"], one["communication"], one["reference"]) for one in objects} == {("Sent", "=cmd|calc", None)}


async def test_files_hold_only_what_is_filtered(here: httpx.AsyncClient, db: asyncpg.Connection) -> None:
    await one_of_each(db)
    zenith = await account(db, "zenith")
    await record(db, [recording(zenith, "Z1")], NOW + timedelta(hours=1))
    found = {
        query: (await here.get(f"/messages/files/txt?{query}")).text.split()
        for query in ("account=zenith", "channel=email", "status=Failed", "until=2026-11-24T12:30&channel=sms")
    }

    assert found == {
        "account=zenith": ["Z1"],
        "channel=email": ["order-1"],
        "status=Failed": ["order-1"],
        "until=2026-11-24T12:30&channel=sms": ["order-2", "order-0"],
    }


async def test_the_vocabulary_is_chosen_on_the_page_and_remembered(
    here: httpx.AsyncClient, db: asyncpg.Connection
) -> None:
    await one_of_each(db)
    chosen = await look(here, "/messages?channel=email&words=engage")
    remembered = await look(here, "/messages?channel=email")

    assert chosen.form("", channel="email", words="engage").method == "get"
    assert chosen.rows[1][2] == remembered.rows[1][2] == "✗ Hard bounce"


async def test_no_text_is_run(here: httpx.AsyncClient, db: asyncpg.Connection) -> None:
    (number,) = await messages(db, 1, name=SCRIPT, recipient=SCRIPT, reference=SCRIPT)
    await say(db, await account(db), number, Word(Status.FAILED.bit, NOW, Reason.SPAM, SCRIPT))
    answer = await send(here, text=SCRIPT, status="")
    other = await here.get("/messages", params={"status": SCRIPT, "words": "log"})

    assert answer.text.count("alert(&#39;planted&#39;)") >= 3
    for one in (answer, other):
        assert "<script>" not in one.text
        assert Page(one.text).scripts == 1


async def test_who_may_not_see_recipients_sees_and_searches_none(web: Web, db: asyncpg.Connection) -> None:
    await one_of_each(db)
    await messages(db, 1, recipient=EMAIL, reference=f"for {EMAIL}", part=EMAIL, channel=Channel.EMAIL)
    async with await web.holder(Scope.READ, masked=True) as masked, await web.holder(Scope.READ, name="other") as other:
        texts = [
            (await masked.get(path)).text for path in ("/messages", *(f"/messages/files/{f}" for f in exports.Form))
        ]
        sought = await masked.post("/messages", data={"text": EMAIL}, follow_redirects=True)
        theirs = await other.post("/messages", data={"text": EMAIL})
        stolen = await masked.get(theirs.headers["location"])

    assert [[word for word in PLANTED if word in text] for text in texts] == [[]] * 4
    assert numbers_of(Page(sought.text)) == []
    assert stolen.status_code == 404
    assert EMAIL not in stolen.text


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/messages?account=nobody", 404),
        ("/messages?channel=pigeon", 404),
        ("/messages?words=nobodys", 404),
        ("/messages?sought=made-up", 404),
        ("/messages?since=yesterday", 422),
        ("/messages?until=0001-01-01T00:00%2B23:00", 422),
        ("/messages?after=-1", 422),
        (f"/messages?after={10**30}", 422),
        ("/messages?status=a%00b", 422),
        ("/messages/files/pdf", 422),
    ],
)
async def test_what_cannot_be_is_refused(
    here: httpx.AsyncClient, db: asyncpg.Connection, path: str, status: int
) -> None:
    await messages(db, 1)

    assert (await here.get(path)).status_code == status


async def test_a_database_without_messages_says_so(here: httpx.AsyncClient) -> None:
    assert "Nothing is recorded yet." in (await look(here)).text
