"""Who may not see recipients finds none anywhere: in no list, story, event, search, error or cursor."""

import asyncpg
import httpx
import pytest

from rules.hashing import PLAIN
from rules.statuses import Channel
from rules.viewers import Scope
from store import blocking
from store.changes import By
from store.connections import clock
from tests.web.conftest import Web
from tests.web.filling import EMAIL, NUMBER, communication, messages, one_of_each

#: It does not depend on the interpreter.
pytestmark = pytest.mark.once

PLANTED = (EMAIL, "planted.person", NUMBER, NUMBER[1:], "7700900123")


@pytest.fixture
async def masked(web: Web) -> httpx.AsyncClient:
    """A program elsewhere that may do everything but see recipients."""
    return await web.holder(*Scope, name="masked", masked=True)


async def fill(db: asyncpg.Connection) -> dict[str, int]:
    """Messages whose names, parts, codes and texts hold addresses, and a blocked address with a note."""
    numbers = await one_of_each(db)
    odd = await messages(db, 1, recipient=EMAIL, reference=f"order for {EMAIL}", part=EMAIL, channel=Channel.EMAIL)
    await db.execute(
        "update landed.message set response = $1, response_at = now(), responded_at = now() where id = $2",
        f"write to {EMAIL} or call {NUMBER}",
        odd[0],
    )
    by = By("ada", "cli", await clock(db))
    await blocking.block(db, PLAIN, Channel.SMS, [NUMBER], f"called from {NUMBER}", by)
    await db.execute("update landed.account set paused_at = now(), paused_by = 'ada', paused_why = $1", EMAIL)
    return numbers | {"odd": odd[0]}


async def test_no_answer_holds_an_address(masked: httpx.AsyncClient, db: asyncpg.Connection) -> None:
    numbers = await fill(db)
    which = await communication(db)
    paths = ["messages", f"communications/{which}/messages", "suppression", "events?all=true", "accounts", "changes"]
    paths += [f"messages/{number}{more}" for number in numbers.values() for more in ("", "/story")]
    paths += ["messages/by-name?provider_id=SM000000"]
    for path in paths:
        answer = await masked.get(f"/api/v1/{path}")

        assert answer.status_code == 200, path
        assert [word for word in PLANTED if word in answer.text] == [], path
        assert "***" in answer.text or "…" in answer.text or path == "changes", path


async def test_others_see_them(web: Web, db: asyncpg.Connection) -> None:
    """So the test above looks where addresses are."""
    numbers = await fill(db)
    async with await web.holder(*Scope) as client:
        paths = ("messages", "suppression", "events?all=true", "accounts", f"messages/{numbers['bounced']}/story")
        texts = [(await client.get(f"/api/v1/{path}")).text for path in paths]

    assert [EMAIL in text for text in texts] == [True] * 5


async def test_enough_is_left_to_tell_two_apart(masked: httpx.AsyncClient, db: asyncpg.Connection) -> None:
    numbers = await one_of_each(db)
    mail = (await masked.get(f"/api/v1/messages/{numbers['bounced']}")).json()
    text = (await masked.get(f"/api/v1/messages/{numbers['delivered']}")).json()

    assert (mail["recipient"], text["recipient"]) == ("p***@example.org", "+44********23")
    assert text["reference"] == "order-0"


@pytest.mark.parametrize(
    "path", ["messages?recipient=x", "communications/1/messages?text=x", "messages/by-name?reference=x&part=y"]
)
async def test_recipients_cannot_be_searched(masked: httpx.AsyncClient, db: asyncpg.Connection, path: str) -> None:
    await one_of_each(db)
    answer = await masked.get(f"/api/v1/{path}")

    assert (answer.status_code, answer.json()["type"]) == (403, "urn:landed:problem:masked")


async def test_an_address_cannot_be_asked_about_by_who_only_reads(web: Web, db: asyncpg.Connection) -> None:
    """A sending service names the address itself, so it may."""
    await one_of_each(db)
    asked = {"addresses": [{"channel": "email", "recipient": EMAIL}]}
    statuses = []
    for scope in (Scope.READ, Scope.RECORD):
        async with await web.holder(scope, name=scope, masked=True) as client:
            statuses.append((await client.post("/api/v1/suppression/check", json=asked)).status_code)
            statuses.append((await client.post("/api/v1/suppression/proofs", json=asked["addresses"][0])).status_code)

    assert statuses == [403, 403, 200, 403]
