"""The page of a recipient: everything ever sent to one address, what blocked it, and changing that."""

from urllib.parse import unquote

import asyncpg
import httpx
import pytest

from rules.hashing import PLAIN, Hashing
from rules.statuses import Channel
from rules.viewers import Scope
from store import blocking, changes, hashing
from store.changes import By
from store.connections import clock
from tests.web.conftest import Serve, Web
from tests.web.filling import EMAIL, NUMBER, messages, one_of_each
from tests.web.reading import SCRIPT, Page
from web.pages import recipient

#: It does not depend on the interpreter.
pytestmark = pytest.mark.once

PLANTED = (EMAIL, "planted.person", NUMBER, NUMBER[1:])


async def search(client: httpx.AsyncClient, whom: str) -> httpx.Response:
    """What somebody gets who fills in the form."""
    csrf = Page((await client.get("/recipients")).text).form("/recipients").fields["csrf"]
    return await client.post("/recipients", data={"csrf": csrf, "recipient": whom}, follow_redirects=True)


async def send(client: httpx.AsyncClient, page: Page, action: str, **typed: str) -> Page:
    """What somebody gets who fills in one of the forms of a page."""
    form = page.form(action)
    answer = await client.post(form.action, data={**form.fields, **typed}, follow_redirects=True)

    assert (form.method, answer.status_code) == ("post", 200)
    return Page(answer.text)


async def test_everything_sent_to_an_address_is_found_however_it_is_written(
    here: httpx.AsyncClient, db: asyncpg.Connection
) -> None:
    await one_of_each(db)
    await messages(db, 1, recipient="+447700900999")
    answer = await search(here, " +44 (7700) 900-123 ")
    page = Page(answer.text)

    assert [row[0] for row in page.rows[1:]] == ["order-2", "order-0"]
    assert "Recipient +447700900123" in page.text
    assert "Not blocked" in page.text


async def test_no_address_stands_in_an_address_of_the_web(here: httpx.AsyncClient, db: asyncpg.Connection) -> None:
    await one_of_each(db)
    answer = await search(here, EMAIL)
    places = [str(answer.url), *(one.headers["location"] for one in answer.history)]
    page = Page(answer.text)
    places += [*page.links.values(), *(form.action for form in page.forms)]

    assert EMAIL in page.text
    assert [one for one in places if any(word in unquote(one) for word in PLANTED)] == []


async def test_a_blocked_address_is_struck_out_with_the_proof(here: httpx.AsyncClient, db: asyncpg.Connection) -> None:
    numbers = await one_of_each(db)
    page = Page((await search(here, EMAIL)).text)
    proof = page.rows[1]

    assert EMAIL in page.struck
    assert "Blocked on email" in page.text
    assert "because of: hard bounced, invalid address" in page.text
    assert proof[1:] == [
        "blocked",
        "hard bounced, invalid address",
        f"message {numbers['bounced']} of acme, code 5.1.1",
        "",
        f"550 no such user {EMAIL}",
    ]


async def test_a_person_unblocks_with_a_note_and_stays_on_record(web: Web, db: asyncpg.Connection) -> None:
    await one_of_each(db)
    async with await web.holder(Scope.READ, Scope.OPERATE, name="ada") as client:
        page = Page((await search(client, EMAIL)).text)
        after = await send(client, page, "/suppression/unblock", note="a new mailbox")

    assert "Not blocked" in after.text
    assert after.struck == []
    assert after.rows[2][1:] == ["unblocked", "", "", "ada", "a new mailbox"]
    (change, *_) = await changes.page(db, 1 << 62, 10)
    assert (change["what"], change["by"]) == ("address_unblocked", "ada")


async def test_an_address_is_blocked_by_hand(web: Web, db: asyncpg.Connection) -> None:
    await one_of_each(db)
    async with await web.holder(Scope.READ, Scope.OPERATE, name="ada") as client:
        page = Page((await search(client, NUMBER)).text)
        after = await send(client, page, "/suppression/add", channel="sms", why="asked by telephone")

    assert NUMBER in after.struck
    assert "because of: a person" in after.text
    assert after.rows[1][1:] == ["blocked", "a person", "", "ada", "asked by telephone"]
    assert await blocking.check(db, PLAIN, [(Channel.SMS, NUMBER)]) == [True]


async def test_nobody_unblocks_without_a_note(here: httpx.AsyncClient, db: asyncpg.Connection) -> None:
    await one_of_each(db)
    form = Page((await search(here, EMAIL)).text).form("/suppression/unblock")
    answer = await here.post(form.action, data={**form.fields, "note": "  "})

    assert answer.status_code == 422
    assert "say why it is unblocked" in answer.text
    assert await blocking.check(db, PLAIN, [(Channel.EMAIL, EMAIL)]) == [True]


async def test_who_may_only_read_changes_nothing(web: Web, db: asyncpg.Connection) -> None:
    await one_of_each(db)
    async with await web.holder(Scope.READ) as client:
        page = Page((await search(client, EMAIL)).text)
        form = {"channel": "email", "recipient": EMAIL, "why": "", "note": "x"}
        statuses = [(await client.post(f"/suppression/{what}", data=form)).status_code for what in ("add", "unblock")]

    assert [form.action for form in page.forms if "suppression" in form.action] == []
    assert statuses == [403, 403]


@pytest.mark.parametrize("path", ["/recipients", "/suppression", "/suppression/add", "/suppression/unblock"])
async def test_a_form_without_our_word_is_refused(here: httpx.AsyncClient, db: asyncpg.Connection, path: str) -> None:
    await one_of_each(db)
    form = {"recipient": NUMBER, "channel": "sms", "note": "x", "csrf": "0" * 64}
    answer = await here.post(path, data=form)

    assert answer.status_code == 403
    assert "load the page again" in answer.text
    assert await blocking.check(db, PLAIN, [(Channel.SMS, NUMBER)]) == [False]


async def test_pages_join_up(here: httpx.AsyncClient, db: asyncpg.Connection, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recipient, "SIZE", 2)
    numbers = await messages(db, 5)
    page, found = Page((await here.get(f"/messages/{numbers[0]}/recipient")).text), []
    while True:
        found += [link for text, link in page.links.items() if text.startswith("order-")]
        if "Next" not in page.links:
            break
        page = Page((await here.get(page.links["Next"])).text)

    assert [f"/messages/{number}" for number in reversed(numbers)] == found
    assert f"/messages/{numbers[0]}/recipient?" == page.links["First"]


async def test_it_is_reached_from_a_message_in_the_words_that_are_chosen(
    here: httpx.AsyncClient, db: asyncpg.Connection
) -> None:
    numbers = await one_of_each(db)
    page = Page((await here.get(f"/messages/{numbers['bounced']}/recipient?words=engage")).text)

    assert EMAIL in page.struck
    assert "✗ Hard bounce" in page.rows[-1]


async def test_hashed_recipients_are_found_by_what_they_are(serve: Serve, db: asyncpg.Connection) -> None:
    hashes = Hashing("k" * 32, everyone=True)
    web = await serve(hashing=hashes)
    await hashing.begin(db, hashes, await clock(db))
    await messages(db, 1, recipient=hashes.hash(NUMBER))
    await blocking.block(db, hashes, Channel.SMS, [NUMBER], "", By("ada", "cli", await clock(db)))
    async with web.client() as client:
        page = Page((await search(client, NUMBER)).text)

    assert "order-0" in page.links
    assert "Blocked on sms" in page.text


async def test_no_text_is_run(here: httpx.AsyncClient, db: asyncpg.Connection) -> None:
    await messages(db, 1, name=SCRIPT, recipient=SCRIPT, reference=f"r {SCRIPT}")
    by = By(f"by {SCRIPT}", "cli", await clock(db))
    await blocking.block(db, PLAIN, Channel.SMS, [SCRIPT], f"why {SCRIPT}", by)
    answer = await search(here, SCRIPT)

    assert answer.text.count("alert(&#39;planted&#39;)") >= 5
    assert "<script>" not in answer.text
    assert Page(answer.text).scripts == 1


async def test_who_may_not_see_recipients_cannot_search_and_sees_none(web: Web, db: asyncpg.Connection) -> None:
    numbers = await one_of_each(db)
    by = By("ada", "cli", await clock(db))
    await blocking.block(db, PLAIN, Channel.SMS, [NUMBER], f"called from {NUMBER}", by)
    async with await web.holder(*Scope, name="masked", masked=True) as client:
        form = await client.get("/recipients")
        answer = await client.post("/recipients", data={"recipient": EMAIL})
        pages = [await client.get(f"/messages/{number}/recipient") for number in numbers.values()]

    assert (form.status_code, answer.status_code) == (200, 403)
    assert "/recipients" not in [one.action for one in Page(form.text).forms]
    for page in pages:
        assert page.status_code == 200
        assert [one for one in PLANTED if one in page.text] == []
    assert "p***@example.org" in pages[1].text


async def test_who_may_not_see_recipients_can_unblock_one(web: Web, db: asyncpg.Connection) -> None:
    numbers = await one_of_each(db)
    async with await web.holder(*Scope, name="masked", masked=True) as client:
        page = Page((await client.get(f"/messages/{numbers['bounced']}/recipient")).text)
        after = await send(client, page, "/suppression/unblock", note="a new mailbox")

    assert "Not blocked" in after.text
    assert "p***@example.org" in after.text
    assert await blocking.check(db, PLAIN, [(Channel.EMAIL, EMAIL)]) == [False]


@pytest.mark.parametrize("path", ["/recipients?who=made-up", "/messages/999/recipient", "/recipients?who=%00"])
async def test_what_there_is_not_is_not_found(here: httpx.AsyncClient, path: str) -> None:
    assert (await here.get(path)).status_code == 404


async def test_a_message_without_a_recipient_says_so(here: httpx.AsyncClient, db: asyncpg.Connection) -> None:
    (number,) = await messages(db, 1, recipient="")
    answer = await here.get(f"/messages/{number}/recipient")

    assert answer.status_code == 404
    assert "no recipient is recorded" in answer.text


@pytest.mark.parametrize("given", ["", "   ", "a\x00b", "x" * 1001])
async def test_what_cannot_be_an_address_is_refused(here: httpx.AsyncClient, given: str) -> None:
    assert (await search(here, given)).status_code == 422


async def test_an_address_that_nothing_was_sent_to_is_shown_as_such(here: httpx.AsyncClient) -> None:
    page = Page((await search(here, "nobody@example.org")).text)

    assert "Nothing was sent to it" in page.text
    assert "Not blocked" in page.text
