"""A message, its story, a communication and its totals, as programs read them."""

from datetime import timedelta

import asyncpg
import httpx
import pytest

from rules.reports import Word
from rules.statuses import Status
from tests.store.written import NOW, account
from tests.web.filling import EMAIL, NUMBER, communication, messages, one_of_each, say


async def test_a_message_has_its_state_in_the_words_of_a_vocabulary(
    here: httpx.AsyncClient, db: asyncpg.Connection
) -> None:
    numbers = await one_of_each(db)
    crisis = (await here.get(f"/api/v1/messages/{numbers['bounced']}")).json()
    log = (await here.get(f"/api/v1/messages/{numbers['bounced']}?vocabulary=log")).json()

    assert (crisis["status"], crisis["reason"], crisis["code"]) == ("hard_bounced", "invalid_address", "5.1.1")
    assert (crisis["recipient"], crisis["channel"], crisis["account"]) == (EMAIL, "email", "acme")
    assert (crisis["label"], log["label"]) == ("Failed", "Failed")
    assert crisis["communication"] == "Flood warning 7"
    assert crisis["number"] == numbers["bounced"]


async def test_a_message_that_is_the_same_is_not_sent_again(here: httpx.AsyncClient, db: asyncpg.Connection) -> None:
    (number,) = await messages(db, 1)
    first = await here.get(f"/api/v1/messages/{number}")
    same = await here.get(f"/api/v1/messages/{number}", headers={"if-none-match": first.headers["etag"]})
    weak = await here.get(f"/api/v1/messages/{number}", headers={"if-none-match": f'"x", W/{first.headers["etag"]}'})
    await say(db, await account(db), number, Word(Status.DELIVERED.bit, NOW))
    other = await here.get(f"/api/v1/messages/{number}", headers={"if-none-match": first.headers["etag"]})

    assert [one.status_code for one in (first, same, weak, other)] == [200, 304, 304, 200]
    assert same.content == b""
    assert other.headers["etag"] != first.headers["etag"]
    assert first.headers["cache-control"] == "private, no-cache"


async def test_the_story_has_every_report_and_what_is_next(here: httpx.AsyncClient, db: asyncpg.Connection) -> None:
    numbers = await one_of_each(db)
    settled = (await here.get(f"/api/v1/messages/{numbers['delivered']}/story")).json()
    waiting = (await here.get(f"/api/v1/messages/{numbers['open']}/story")).json()

    assert [one["said"] for one in settled["story"] if one["kind"] == "report"] == ["sent", "delivered"]
    assert settled["story"][-1]["detail"] == f"given to {NUMBER}"
    assert settled["next"] == {"open": False}
    assert waiting["next"]["open"] is True
    assert waiting["next"]["looks"] == 0


@pytest.mark.parametrize(
    "path", ["messages/4711", "messages/4711/story", "communications/4711", "communications/9/messages"]
)
async def test_what_is_not_there_is_a_problem_that_says_what_to_do(here: httpx.AsyncClient, path: str) -> None:
    answer = await here.get(f"/api/v1/{path}")

    assert answer.status_code == 404
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["status"] == 404
    assert answer.json()["detail"]


async def test_a_communication_has_its_totals_grouped_as_its_product_groups_them(
    here: httpx.AsyncClient, db: asyncpg.Connection
) -> None:
    await one_of_each(db)
    number = await communication(db)
    said = (await here.get(f"/api/v1/communications/{number}?vocabulary=engage")).json()
    totals = {(one["channel"], one["label"]): one["messages"] for one in said["totals"]}

    assert said["messages"] == 3
    assert said["vocabulary"] == "engage"
    assert totals == {("email", "Hard bounce"): 1, ("sms", "Delivered"): 1, ("sms", "Unknown"): 1}


async def test_totals_that_are_the_same_are_not_sent_again(here: httpx.AsyncClient, db: asyncpg.Connection) -> None:
    numbers = await messages(db, 3)
    address = f"/api/v1/communications/{await communication(db)}"
    first = await here.get(address)
    same = await here.get(address, headers={"if-none-match": first.headers["etag"]})
    await say(db, await account(db), numbers[0], Word(Status.DELIVERED.bit, NOW + timedelta(seconds=1)))

    assert (first.status_code, same.status_code) == (200, 304)


async def test_the_vocabularies_are_listed(here: httpx.AsyncClient) -> None:
    said = (await here.get("/api/v1/vocabularies")).json()["items"]

    assert {one["name"] for one in said} == {"crisis", "history", "log", "engage"}
    assert [one["name"] for one in said if one["is_usual"]] == ["crisis"]
