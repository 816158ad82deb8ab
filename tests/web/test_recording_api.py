"""Recording over the API: the same rows as in a file, into the same inbox."""

import asyncio
import json
from collections.abc import AsyncIterator

import asyncpg
import httpx
import pytest
from starlette.types import Message, Receive, Send
from starlette.types import Scope as Scope_

from rules.viewers import Scope
from tests.web.conftest import HERE, Web
from tests.web.filling import NUMBER, messages
from web.api import recording
from web.limits import LARGEST

NDJSON = {"content-type": "application/x-ndjson"}


def lines(count: int, **given: object) -> bytes:
    rows = ({"account": "acme", "channel": "sms", "reference": f"r{n}", **given} for n in range(count))
    return b"".join(json.dumps(row).encode() + b"\n" for row in rows)


async def inbox(db: asyncpg.Connection) -> list[asyncpg.Record]:
    return await db.fetch("select * from landed.inbox order by id")


async def test_rows_go_into_the_inbox_as_they_are(here: httpx.AsyncClient, db: asyncpg.Connection) -> None:
    body = lines(1, recipient="ada@example.com", sent_at="2026-03-01T10:30:00+01:00", communication="Ünï")
    answer = await here.post("/api/v1/messages", content=body, headers=NDJSON)
    (row,) = await inbox(db)

    assert (answer.status_code, answer.json()) == (201, {"recorded": 1, "bad": 0, "rows": []})
    assert (row["account"], row["channel"], row["recipient"]) == ("acme", "sms", "ada@example.com")
    assert (row["communication"], row["sent_at"].isoformat()) == ("Ünï", "2026-03-01T09:30:00+00:00")


async def test_many_rows_cut_anywhere_are_all_recorded(here: httpx.AsyncClient, db: asyncpg.Connection) -> None:
    body = lines(5000, recipient="é@example.com")

    async def pieces() -> AsyncIterator[bytes]:
        for start in range(0, len(body), 977):
            yield body[start : start + 977]

    for partial in ("false", "true"):
        answer = await here.post(f"/api/v1/messages?partial={partial}", content=pieces(), headers=NDJSON)

        assert answer.json()["recorded"] == 5000
    assert {row["reference"] for row in await inbox(db)} == {f"r{n}" for n in range(5000)}
    assert len(await inbox(db)) == 10_000


BAD = (
    lines(1)
    + b'{"account": "acme", "channel": "pigeon", "reference": "x"}\n'
    + b"not json\n\n"
    + b'{"account": "acme", "channel": "sms"}\n'
    + b'{"account": "acme", "channel": "sms", "reference": "a\\u0000b"}\n'
    + b'{"account": "acme", "channel": "sms", "reference": "\xff"}\n'
    + b'{"account": "acme", "channel": "sms", "reference": "last"}'
)


async def test_one_bad_row_and_none_is_recorded(here: httpx.AsyncClient, db: asyncpg.Connection) -> None:
    answer = await here.post("/api/v1/messages", content=BAD, headers=NDJSON)
    said = answer.json()

    assert (answer.status_code, said["type"], said["bad"]) == (422, "urn:landed:problem:bad-rows", 5)
    assert [row["line"] for row in said["rows"]] == [2, 3, 5, 6, 7]
    assert "unknown channel" in said["rows"][0]["problem"]
    assert await inbox(db) == []


async def test_the_others_are_recorded_where_that_is_wanted(here: httpx.AsyncClient, db: asyncpg.Connection) -> None:
    answer = await here.post("/api/v1/messages?partial=true", content=BAD, headers=NDJSON)

    assert answer.status_code == 201
    assert answer.json()["recorded"] == 2
    assert [row["line"] for row in answer.json()["rows"]] == [2, 3, 5, 6, 7]
    assert [row["reference"] for row in await inbox(db)] == ["r0", "last"]


async def test_only_so_many_bad_rows_are_named(here: httpx.AsyncClient) -> None:
    answer = await here.post("/api/v1/messages", content=b"{}\n" * (recording.NAMED + 5), headers=NDJSON)

    assert answer.json()["bad"] == recording.NAMED + 5
    assert len(answer.json()["rows"]) == recording.NAMED


async def test_a_problem_of_a_row_never_holds_what_is_in_it(here: httpx.AsyncClient) -> None:
    """Columns may be mixed up."""
    body = json.dumps({"account": "acme", "channel": NUMBER, "reference": "x", "sent_at": "planted@example.org"})
    answer = await here.post("/api/v1/messages", content=body, headers=NDJSON)

    assert NUMBER not in answer.text
    assert "planted" not in answer.text


@pytest.mark.parametrize("newline", [b"", b"\n"])
async def test_a_row_has_a_largest_size(here: httpx.AsyncClient, db: asyncpg.Connection, newline: bytes) -> None:
    row = lines(1, response="x" * recording.LONGEST).rstrip(b"\n") + newline
    answer = await here.post("/api/v1/messages", content=row, headers=NDJSON)

    assert answer.status_code == 413
    assert answer.json()["detail"].startswith("line 1 is longer")
    assert await inbox(db) == []


async def test_recording_may_be_larger_than_any_other_request(here: httpx.AsyncClient) -> None:
    row = lines(1, response="x" * 60_000)
    many = row * (LARGEST // len(row) + 2)

    assert (await here.post("/api/v1/messages", content=many, headers=NDJSON)).status_code == 201
    assert (await here.post("/api/v1/suppression/check", content=b" " * (LARGEST + 1))).status_code == 413


async def test_a_sender_that_goes_away_leaves_nothing(web: Web, db: asyncpg.Connection) -> None:
    """All or none, also where the last row never comes; and no connection waits for it."""
    body = lines(recording.BATCH * 2)
    coming: list[Message] = [
        {"type": "http.request", "body": body, "more_body": True},
        {"type": "http.disconnect"},
    ]
    answered: list[Message] = []

    async def receive() -> Message:
        return coming.pop(0)

    async def send(message: Message) -> None:
        answered.append(message)

    async def leaving(scope: Scope_, _receive: Receive, _send: Send) -> None:
        await web.app(scope, receive, send)

    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(leaving, client=HERE), base_url="http://localhost"
    ) as client:
        with pytest.raises(AssertionError):  # the client is told nothing
            await client.post("/api/v1/messages", content=b"", headers=NDJSON)

    assert answered == []
    assert await inbox(db) == []
    assert web.pool.get_idle_size() == web.pool.get_size()


async def test_nothing_is_recorded_by_who_may_only_read(web: Web, db: asyncpg.Connection) -> None:
    async with await web.holder(Scope.READ, Scope.OPERATE) as client:
        answer = await client.post("/api/v1/messages", content=lines(1), headers=NDJSON)

    assert answer.status_code == 403
    assert await inbox(db) == []


async def test_what_a_recipient_did_goes_into_the_inbox_under_the_names_of_the_message(
    here: httpx.AsyncClient, db: asyncpg.Connection
) -> None:
    (number,) = await messages(db, 1)
    said = {"acknowledged_at": "2026-03-01T09:31:00Z", "response": "I am safe"}
    answer = await here.post(f"/api/v1/messages/{number}/response", json=said)
    (row,) = await inbox(db)

    assert answer.status_code == 202
    assert (row["account"], row["channel"], row["provider_id"], row["reference"]) == (
        "acme",
        "sms",
        "SM000000",
        "order-0",
    )
    assert row["acknowledged_at"].isoformat() == "2026-03-01T09:31:00+00:00"
    assert row["response"] == "I am safe"
    assert row["responded_at"] is not None
    assert row["opted_out_at"] is None


@pytest.mark.parametrize(
    "said", [{}, {"response": ""}, {"acknowledged_at": "2026-03-01T09:31:00"}, {"response": "a\x00"}, {"response": 7}]
)
async def test_an_answer_that_says_nothing_or_nonsense_is_refused(
    here: httpx.AsyncClient, db: asyncpg.Connection, said: dict[str, object]
) -> None:
    (number,) = await messages(db, 1)

    assert (await here.post(f"/api/v1/messages/{number}/response", json=said)).status_code == 422
    assert await inbox(db) == []


async def test_two_may_record_at_once(here: httpx.AsyncClient, db: asyncpg.Connection) -> None:
    await asyncio.gather(*(here.post("/api/v1/messages", content=lines(3000), headers=NDJSON) for _ in range(4)))

    assert len(await inbox(db)) == 12_000
