"""The page of a message: how it stands and why, what comes next and when, and everything that happened."""

from datetime import timedelta

import asyncpg
import httpx
import pytest

from rules.hashing import PLAIN
from rules.reports import Word
from rules.statuses import Channel, Engagement, Reason, Status
from rules.viewers import Scope
from store import blocking
from store.changes import By
from store.connections import clock
from tests.store.written import NOW, account
from tests.web.conftest import Serve, Web
from tests.web.filling import EMAIL, NUMBER, communication, messages, one_of_each, say
from tests.web.operated import OPERATED, TIMING
from tests.web.reading import SCRIPT, Page

#: It does not depend on the interpreter.
pytestmark = pytest.mark.once


async def page(client: httpx.AsyncClient, number: int, query: str = "") -> Page:
    answer = await client.get(f"/messages/{number}{query}")

    assert answer.status_code == 200, answer.text
    return Page(answer.text)


async def test_it_says_what_the_message_is_called_and_why(here: httpx.AsyncClient, db: asyncpg.Connection) -> None:
    numbers = await one_of_each(db)
    found = await page(here, numbers["bounced"], "?words=engage")

    assert "Hard bounce" in found.text
    assert "invalid address" in found.text
    assert "5.1.1" in found.text
    assert f"550 no such user {EMAIL}" in found.text
    assert f"/communications/{await communication(db)}" == found.links["Flood warning 7"]
    assert f"/messages/{numbers['bounced']}/recipient" == found.links[EMAIL]


async def test_every_report_is_there_and_whether_it_changed_anything(
    here: httpx.AsyncClient, db: asyncpg.Connection
) -> None:
    numbers = await one_of_each(db)
    late = Word(Status.DEFERRED.bit, NOW + timedelta(minutes=2), Reason.MAILBOX_FULL, "4.2.2", detail="452 full")
    await say(db, await account(db), numbers["delivered"], late)
    rows = (await page(here, numbers["delivered"])).rows[1:]

    assert [row[1] for row in rows] == ["sender said: sent", "poll said: delivered", "poll said: deferred"]
    assert [row[2] for row in rows] == ["applied", "applied; it was sent", "nothing: it was known better, and is kept"]
    assert rows[2][3] == "mailbox full, code 4.2.2. 452 full"


async def test_every_look_is_there_and_how_it_was_asked(here: httpx.AsyncClient, db: asyncpg.Connection) -> None:
    (number,) = await messages(db, 1)
    await db.execute(
        "insert into landed.look (account, at, how, result, status, milliseconds, covered, messages, why, detail)"
        " select account, recorded_at + interval '1 second', 'lookup', 'throttled', 429, 34, 1, array[id], 'only',"
        " 'wait a minute' from landed.message where id = $1",
        number,
    )
    rows = (await page(here, number)).rows[1:]

    assert rows[1][1] == "asked: lookup"
    assert rows[1][3] == (
        "by id because there is no other way to ask, throttled (HTTP 429), 34 ms, 1 message in one request,"
        " wait a minute"
    )


async def test_it_says_how_long_the_message_may_stay_open(here: httpx.AsyncClient, db: asyncpg.Connection) -> None:
    now = await clock(db)
    (number,) = await messages(db, 1, sent_at=now, deadline_at=now + timedelta(hours=49, minutes=1), next_look_at=now)
    found = await page(here, number)

    assert "at most 2 days 1 hour more" in found.text
    assert "not the provider’s verdict" in found.text
    assert "Looks so far: 0" in found.text


async def test_it_says_what_keeps_us_from_asking(here: httpx.AsyncClient, db: asyncpg.Connection) -> None:
    (number,) = await messages(db, 1)
    await db.execute("update landed.account set paused_at = now(), paused_by = 'ada', paused_why = 'moving house'")

    assert "paused by ada: moving house" in (await page(here, number)).text


async def test_a_schedule_that_nobody_set_is_told(serve: Serve, db: asyncpg.Connection) -> None:
    web = await serve(accounts=OPERATED)
    (wrong,) = await messages(db, 1, schedule="urgnt")
    (right,) = await messages(db, 1, schedule=next(iter(TIMING.named)))
    async with web.client() as here:
        told = [(await page(here, number)).text for number in (wrong, right)]

    assert "The schedule 'urgnt' that it names is not set for the account" in told[0]
    assert "is not set for the account" not in told[1]


async def test_a_time_out_is_told_apart_from_a_verdict_of_the_provider(
    here: httpx.AsyncClient, db: asyncpg.Connection
) -> None:
    ours, theirs = await messages(db, 2)
    acme = await account(db)
    await say(db, acme, ours, Word(Status.TIMED_OUT.bit | 1 << 23, NOW + timedelta(hours=48)))
    await say(db, acme, theirs, Word(Status.FAILED.bit, NOW + timedelta(hours=48)))

    assert "It is settled by us, after a last look that reached the provider" in (await page(here, ours)).text
    assert "was settled by us" in (await page(here, ours)).text
    assert "was settled by the provider or the sender" in (await page(here, theirs)).text


async def test_a_blocked_recipient_is_struck_out(here: httpx.AsyncClient, db: asyncpg.Connection) -> None:
    numbers = await one_of_each(db)

    assert (await page(here, numbers["bounced"])).struck == [EMAIL]
    assert (await page(here, numbers["delivered"])).struck == []


async def test_no_text_is_run(here: httpx.AsyncClient, db: asyncpg.Connection) -> None:
    (number,) = await messages(
        db, 1, name=f"c {SCRIPT}", recipient=SCRIPT, reference=f"r {SCRIPT}", part=SCRIPT, schedule=f"s {SCRIPT}"
    )
    heard = Status.FAILED.bit | Engagement.RESPONDED.bit
    word = Word(heard, NOW, Reason.SPAM, f"c {SCRIPT}", response=f"a {SCRIPT}", detail=SCRIPT)
    await say(db, await account(db), number, word)
    answer = await here.get(f"/messages/{number}")

    assert "alert(&#39;planted&#39;)" in answer.text
    assert "<script>" not in answer.text
    assert Page(answer.text).scripts == 1


async def test_who_may_not_see_recipients_sees_none(web: Web, db: asyncpg.Connection) -> None:
    numbers = await one_of_each(db)
    (odd,) = await messages(db, 1, recipient=EMAIL, reference=f"for {EMAIL}", part=EMAIL, channel=Channel.EMAIL)
    await db.execute(
        "update landed.message set response = $1, response_at = now() where id = $2", f"call {NUMBER}", odd
    )
    await db.execute("update landed.account set paused_at = now(), paused_by = 'ada', paused_why = $1", EMAIL)
    await blocking.block(db, PLAIN, Channel.SMS, [NUMBER], f"called from {NUMBER}", By("ada", "cli", await clock(db)))
    async with await web.holder(Scope.READ, masked=True) as masked, await web.holder(Scope.READ, name="other") as other:
        for number in (*numbers.values(), odd):
            hidden = (await masked.get(f"/messages/{number}")).text
            shown = (await other.get(f"/messages/{number}")).text

            assert [one for one in (EMAIL, "planted.person", NUMBER[1:]) if one in hidden] == []
            assert EMAIL in shown or NUMBER in shown


@pytest.mark.parametrize("number", ["999", "0", "-1", "9" * 30])
async def test_a_message_that_there_is_not_is_not_found(here: httpx.AsyncClient, number: str) -> None:
    answer = await here.get(f"/messages/{number}")

    assert answer.status_code == 404
    assert "no message has that number" in answer.text


async def test_who_may_not_read_sees_nothing(web: Web, db: asyncpg.Connection) -> None:
    (number,) = await messages(db, 1)
    async with await web.holder(Scope.RECORD) as client:
        answer = await client.get(f"/messages/{number}")

    assert answer.status_code == 403
    assert NUMBER not in answer.text
