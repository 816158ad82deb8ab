"""Blocked addresses over the API: asking, listing, blocking and unblocking, with who did it on record."""

from typing import Any

import asyncpg
import httpx
import pytest

from rules.hashing import Hashing
from rules.viewers import Scope
from tests.web.conftest import Serve, Web
from tests.web.filling import EMAIL, NUMBER, one_of_each

#: It does not depend on the interpreter.
pytestmark = pytest.mark.once

CHECK, LIST, UNBLOCK = "/api/v1/suppression/check", "/api/v1/suppression", "/api/v1/suppression/unblock"

KEY = "k" * 32


async def blocked(client: httpx.AsyncClient, *addresses: tuple[str, str]) -> list[bool]:
    asked = {"addresses": [{"channel": channel, "recipient": recipient} for channel, recipient in addresses]}
    answer = await client.post(CHECK, json=asked)
    assert answer.status_code == 200, answer.text
    assert [(one["channel"], one["recipient"]) for one in answer.json()["addresses"]] == list(addresses)
    return [one["blocked"] for one in answer.json()["addresses"]]


async def test_many_addresses_are_asked_about_at_once_however_they_are_written(
    here: httpx.AsyncClient, db: asyncpg.Connection
) -> None:
    await one_of_each(db)
    asked = [("email", EMAIL.upper()), ("sms", EMAIL), ("email", "other@example.org"), ("email", f" {EMAIL} ")]

    assert await blocked(here, *asked, *asked) == [True, False, False, True] * 2
    assert await blocked(here) == []


async def test_a_block_shows_what_proves_it(here: httpx.AsyncClient, db: asyncpg.Connection) -> None:
    numbers = await one_of_each(db)
    (listed,) = (await here.get(LIST)).json()["items"]
    told = (await here.post("/api/v1/suppression/proofs", json={"channel": "email", "recipient": EMAIL})).json()

    assert (listed["recipient"], listed["because"]) == (EMAIL, "hard_bounced, invalid_address")
    assert listed["message"] == numbers["bounced"]
    assert told["blocked"] is True
    assert told["proofs"][0]["detail"] == f"550 no such user {EMAIL}"
    assert (await here.get(f"{LIST}?channel=sms")).json()["items"] == []


async def test_who_blocks_and_unblocks_is_on_record(web: Web, db: asyncpg.Connection) -> None:
    async with await web.holder(Scope.OPERATE, Scope.READ, name="support") as client:
        done = await client.post(
            LIST, json={"channel": "sms", "recipients": [NUMBER, "+44 7700 900123"], "why": "asked"}
        )
        listed = (await client.get(LIST)).json()["items"]
        undone = await client.post(UNBLOCK, json={"channel": "sms", "recipient": NUMBER, "note": "new owner"})
        told = (await client.post("/api/v1/suppression/proofs", json={"channel": "sms", "recipient": NUMBER})).json()
    changes = await db.fetch("select by, way, what from landed.change where what <> 'token_created' order by id")

    assert done.json() == {"channel": "sms", "changed": 1}
    assert [one["added_by"] for one in listed] == ["support"]
    assert undone.status_code == 200
    assert told["blocked"] is False
    assert [(one["what"], one["by"], one["detail"]) for one in told["proofs"]] == [
        ("blocked", "support", "asked"),
        ("unblocked", "support", "new owner"),
    ]
    assert [tuple(row) for row in changes] == [
        ("support", "token", "addresses_blocked"),
        ("support", "token", "address_unblocked"),
    ]


async def test_no_address_and_no_text_is_in_the_record_of_changes(
    here: httpx.AsyncClient, db: asyncpg.Connection
) -> None:
    await here.post(LIST, json={"channel": "sms", "recipients": [NUMBER], "why": "planted reason"})
    await here.post(UNBLOCK, json={"channel": "sms", "recipient": NUMBER, "note": "planted note"})
    kept = await db.fetchval("select string_agg(c::text, ' ') from landed.change c")
    listed = (await here.get("/api/v1/changes")).text

    for planted in (NUMBER, NUMBER[1:], "planted"):
        assert planted not in kept
        assert planted not in listed


@pytest.mark.parametrize(
    ("path", "body"),
    [
        (CHECK, {"addresses": [{"channel": "pigeon", "recipient": "x"}]}),
        (CHECK, {"addresses": [{"channel": "sms"}]}),
        (CHECK, {"addresses": [{"channel": "sms", "recipient": "a\x00"}]}),
        (CHECK, {"addresses": [{"channel": "sms", "recipient": ""}]}),
        (CHECK, {"addresses": [{"channel": "sms", "recipient": "x"}] * 10_001}),
        (LIST, {"channel": "sms", "recipients": []}),
        (UNBLOCK, {"channel": "sms", "recipient": NUMBER}),
        (UNBLOCK, {"channel": "sms", "recipient": NUMBER, "note": ""}),
    ],
)
async def test_what_is_not_right_is_refused_and_told_without_what_was_given(
    here: httpx.AsyncClient, db: asyncpg.Connection, path: str, body: dict[str, Any]
) -> None:
    answer = await here.post(path, json=body)

    assert answer.status_code == 422
    assert answer.json()["errors"]
    assert NUMBER not in answer.text
    assert await db.fetchval("select count(*) from landed.suppression") == 0


async def test_unblocking_what_nothing_blocks_is_a_problem(here: httpx.AsyncClient) -> None:
    answer = await here.post(UNBLOCK, json={"channel": "sms", "recipient": NUMBER, "note": "x"})

    assert answer.status_code == 404
    assert NUMBER not in answer.text


async def test_hashed_recipients_are_blocked_and_asked_about_as_addresses(serve: Serve, db: asyncpg.Connection) -> None:
    web = await serve(hashing=Hashing(KEY, everyone=True))
    async with web.client() as client:
        await client.post(LIST, json={"channel": "sms", "recipients": [NUMBER]})

        assert await blocked(client, ("sms", NUMBER)) == [True]
        assert (await client.get(LIST)).json()["items"][0]["recipient"].startswith("hashed:")
        assert NUMBER not in str(await db.fetch("select * from landed.suppression"))
        assert (
            await client.post(UNBLOCK, json={"channel": "sms", "recipient": NUMBER, "note": "x"})
        ).status_code == 200
        assert await blocked(client, ("sms", NUMBER)) == [False]


async def test_without_the_key_nobody_is_told_that_an_address_is_free(serve: Serve, db: asyncpg.Connection) -> None:
    web = await serve()
    await db.execute("insert into landed.hashing (proof, everyone, since) values ('x', true, now())")
    async with web.client() as client:
        answer = await client.post(CHECK, json={"addresses": [{"channel": "sms", "recipient": NUMBER}]})

    assert answer.status_code == 503
    assert "LANDED_RECIPIENT_KEY" in answer.json()["detail"]
