"""The page of blocked addresses: the list in pages, the search, the proof, changes, and the file."""

import csv
import io

import asyncpg
import httpx
import pytest

from rules.hashing import PLAIN
from rules.statuses import Channel
from rules.viewers import Scope
from store import blocking, changes
from store.blocking import COLUMNS
from store.changes import By
from store.connections import clock
from tests.web.conftest import Web
from tests.web.filling import EMAIL, NUMBER, one_of_each
from tests.web.reading import SCRIPT, Page
from web.pages import suppression

#: It does not depend on the interpreter.
pytestmark = pytest.mark.once


async def block(db: asyncpg.Connection, *recipients: str, channel: Channel = Channel.EMAIL, why: str = "") -> None:
    await blocking.block(db, PLAIN, channel, recipients, why, By("ada", "cli", await clock(db)))


async def listed(client: httpx.AsyncClient, path: str = "/suppression") -> Page:
    answer = await client.get(path)

    assert answer.status_code == 200
    return Page(answer.text)


async def send(client: httpx.AsyncClient, page: Page, action: str, **typed: str) -> Page:
    form = page.form(action)
    answer = await client.post(action, data={**form.fields, **typed}, follow_redirects=True)

    assert (form.method, answer.status_code) == ("post", 200)
    return Page(answer.text)


async def test_each_address_has_why_since_when_and_the_proof(here: httpx.AsyncClient, db: asyncpg.Connection) -> None:
    numbers = await one_of_each(db)
    await block(db, "zoe@example.org")
    page = await listed(here)
    first, second = page.rows[1:]

    assert first[:2] == [EMAIL, "email"]
    assert ["hard bounced, invalid address", f"message {numbers['bounced']} , code 5.1.1"] == first[3:5]
    assert [*second[:2], second[3]] == ["zoe@example.org", "email", "a person: ada"]
    assert page.struck == [EMAIL, "zoe@example.org"]
    assert f"/messages/{numbers['bounced']}" == page.links[f"message {numbers['bounced']}"]


async def test_an_empty_list_says_so(here: httpx.AsyncClient) -> None:
    assert "No address is blocked" in (await listed(here)).text


async def test_pages_join_up(here: httpx.AsyncClient, db: asyncpg.Connection, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(suppression, "SIZE", 2)
    everyone = [f"person{n}@example.org" for n in range(5)]
    await block(db, *everyone)
    page, found = await listed(here), []
    while True:
        found += page.struck
        if "Next" not in page.links:
            break
        assert "person" not in page.links["Next"]
        page = await listed(here, page.links["Next"])

    assert everyone == found
    assert page.links["First"] == "/suppression"


async def test_only_those_of_a_channel(here: httpx.AsyncClient, db: asyncpg.Connection) -> None:
    await block(db, EMAIL)
    await block(db, NUMBER, channel=Channel.SMS)

    assert (await listed(here, "/suppression?channel=sms")).struck == [NUMBER]
    assert (await listed(here, "/suppression?channel=sms")).links["CSV"] == "/suppression/files/csv?channel=sms"
    assert (await here.get("/suppression?channel=pigeon")).status_code == 404


async def test_an_address_is_searched_exactly(here: httpx.AsyncClient, db: asyncpg.Connection) -> None:
    await block(db, EMAIL, f"another.{EMAIL}")
    page = await listed(here)
    found = await send(here, page, "/suppression", recipient=f" {EMAIL.upper()} ")
    none = await send(here, page, "/suppression", recipient="nobody@example.org")

    assert found.struck == [EMAIL]
    assert "nobody@example.org is not blocked" in none.text


async def test_an_address_is_blocked_and_unblocked_on_record(web: Web, db: asyncpg.Connection) -> None:
    async with await web.holder(Scope.READ, Scope.OPERATE, name="ada") as client:
        added = await send(
            client,
            await listed(client),
            "/suppression/add",
            channel="sms",
            recipient="+44 7700 900123",
            why="by letter",
        )
        blocked = await blocking.check(db, PLAIN, [(Channel.SMS, NUMBER)])
        removed = await send(client, added, "/suppression/unblock", note="it was a mistake")

    assert added.struck == [NUMBER]
    assert blocked == [True]
    assert "The address is blocked." in added.text
    assert "is not blocked" in removed.text
    assert await blocking.check(db, PLAIN, [(Channel.SMS, NUMBER)]) == [False]
    assert [(one["what"], one["by"], one["way"]) for one in (await changes.page(db, 1 << 62, 10))[:2]] == [
        ("address_unblocked", "ada", "token"),
        ("addresses_blocked", "ada", "token"),
    ]


async def test_what_is_so_already_is_told(here: httpx.AsyncClient, db: asyncpg.Connection) -> None:
    await block(db, EMAIL)
    page = await listed(here)
    await send(here, page, "/suppression/unblock", note="once")
    again = await send(here, page, "/suppression/unblock", note="twice")

    assert "Nothing has changed" in again.text


@pytest.mark.parametrize(
    ("given", "status"),
    [
        ({"channel": "sms", "recipient": " "}, 422),
        ({"channel": "pigeon", "recipient": "x"}, 404),
        ({"channel": "sms", "recipient": "a\x00b"}, 422),
        ({"channel": "sms", "address": "made up"}, 404),
    ],
)
async def test_what_cannot_be_blocked_is_refused(here: httpx.AsyncClient, given: dict[str, str], status: int) -> None:
    form = (await listed(here)).form("/suppression/add")
    answer = await here.post("/suppression/add", data={**form.fields, **given})

    assert answer.status_code == status


async def test_the_file_holds_all_and_runs_nothing(
    here: httpx.AsyncClient, db: asyncpg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(suppression, "AT_ONCE", 2)
    everyone = ["=cmd|calc", "ann@example.org", "bob@example.org", "cid@example.org"]
    await block(db, *everyone)
    answer = await here.get("/suppression/files/csv")
    rows = list(csv.reader(io.StringIO(answer.text, newline="")))

    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    assert answer.headers["content-disposition"] == "attachment; filename=blocked.csv"
    assert list(COLUMNS) == rows[0]
    assert ["'=cmd|calc", *everyone[1:]] == [row[1] for row in rows[1:]]


async def test_who_may_not_see_recipients_sees_none_and_can_unblock(web: Web, db: asyncpg.Connection) -> None:
    await one_of_each(db)
    await block(db, NUMBER, channel=Channel.SMS, why=f"called from {NUMBER}")
    async with await web.holder(*Scope, name="masked", masked=True) as client:
        page = await client.get("/suppression")
        file = await client.get("/suppression/files/csv")
        search = await client.post("/suppression", data={"recipient": EMAIL})
        link = Page(page.text).links["p***@example.org"]
        whom = await client.get(link)
        after = await send(client, Page(page.text), "/suppression/unblock", note="a new number")

    assert search.status_code == 403
    for answer in (page, file, whom):
        assert answer.status_code == 200
        assert [one for one in (EMAIL, "planted.person", NUMBER[1:]) if one in answer.text] == []
    assert "+44********23 is not blocked" in after.text


async def test_no_text_is_run(here: httpx.AsyncClient, db: asyncpg.Connection) -> None:
    by = By(f"by {SCRIPT}", "cli", await clock(db))
    await blocking.block(db, PLAIN, Channel.SMS, [SCRIPT], SCRIPT, by)
    answer = await here.get("/suppression")

    assert answer.text.count("alert(&#39;planted&#39;)") == 2
    assert "<script>" not in answer.text
    assert Page(answer.text).scripts == 1
