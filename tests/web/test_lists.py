"""Lists come in pages that join up to the whole, whatever is recorded meanwhile."""

import base64
from typing import Any

import asyncpg
import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rules.reports import Word
from rules.statuses import Channel, Status
from rules.viewers import Scope
from store import everywhere
from tests.store.written import NOW, account
from tests.web.conftest import Web
from tests.web.filling import communication, messages, say

#: It does not depend on the interpreter.
pytestmark = pytest.mark.once


async def walk(client: httpx.AsyncClient, address: str | None) -> list[list[dict[str, Any]]]:
    """Every page from one on, as long as there is a next."""
    pages = []
    while address is not None:
        answer = await client.get(address)
        assert answer.status_code == 200, answer.text
        said = answer.json()
        pages.append(said["items"])
        address = said["next"]
        assert answer.headers.get("link") == (None if address is None else f'<{address}>; rel="next"')
    return pages


async def all_numbers(client: httpx.AsyncClient, address: str) -> list[int]:
    return [one["number"] for page in await walk(client, address) for one in page]


@pytest.mark.parametrize("limit", [1, 3, 7, 20, 21, 1000])
async def test_the_pages_of_a_communication_join_up(
    here: httpx.AsyncClient, db: asyncpg.Connection, limit: int
) -> None:
    numbers = await messages(db, 21)
    await messages(db, 3, "another")
    which = await communication(db)

    assert await all_numbers(here, f"/api/v1/communications/{which}/messages?limit={limit}") == numbers
    newest = await all_numbers(here, f"/api/v1/communications/{which}/messages?limit={limit}&newest_first=true")
    assert newest == numbers[::-1]


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(limits=st.lists(st.integers(1, 9), min_size=1, max_size=6), inserts=st.lists(st.integers(0, 4), max_size=6))
async def test_no_message_is_missed_or_comes_twice_while_others_are_recorded(
    here: httpx.AsyncClient, db: asyncpg.Connection, limits: list[int], inserts: list[int]
) -> None:
    """All that were there at the beginning come once; in the order of recording the new ones come too."""
    await db.execute("truncate landed.message, landed.watch, landed.event")
    before, which = await messages(db, 15), await communication(db)
    lists = {
        "up": f"/api/v1/communications/{which}/messages?limit=4",
        "down": f"/api/v1/communications/{which}/messages?limit=4&newest_first=true",
        "all": "/api/v1/messages?limit=4",
    }
    seen: dict[str, list[int]] = {name: [] for name in lists}
    addresses: dict[str, str | None] = dict(lists)
    turn = 0
    while any(addresses.values()):
        for name, address in addresses.items():
            if address is not None:
                said = (await here.get(address)).json()
                seen[name] += [one["number"] for one in said["items"]]
                addresses[name] = said["next"]
                if addresses[name] is not None:
                    url = httpx.URL(addresses[name] or "").copy_set_param("limit", limits[turn % len(limits)])
                    addresses[name] = str(url)
        if turn < len(inserts):
            await messages(db, inserts[turn])
        turn += 1

    for name, numbers in seen.items():
        assert len(set(numbers)) == len(numbers)
        assert [number for number in sorted(numbers) if number in before] == before, name
        assert numbers == sorted(numbers, reverse=name != "up")


async def test_all_messages_are_listed_newest_first_and_filtered(
    here: httpx.AsyncClient, db: asyncpg.Connection
) -> None:
    texts = await messages(db, 5)
    mails = await messages(db, 4, "Newsletter", channel=Channel.EMAIL)
    acme = await account(db)
    for number in (texts[1], mails[2]):
        await say(db, acme, number, Word(Status.DELIVERED.bit, NOW))

    assert await all_numbers(here, "/api/v1/messages?limit=2") == [*mails[::-1], *texts[::-1]]
    assert await all_numbers(here, "/api/v1/messages?channel=email&limit=3") == mails[::-1]
    assert await all_numbers(here, "/api/v1/messages?status=delivered&limit=1") == [mails[2], texts[1]]
    assert await all_numbers(here, "/api/v1/messages?status=delivered&status=sent") == [*mails[::-1], *texts[::-1]]
    assert await all_numbers(here, "/api/v1/messages?account=acme&status=delivered&channel=sms") == [texts[1]]
    assert await all_numbers(here, "/api/v1/messages?since=2026-11-24T12:00:01Z") == []
    assert await all_numbers(here, "/api/v1/messages?until=2026-11-24T12:00:01Z&limit=4") == [
        *mails[::-1],
        *texts[::-1],
    ]


async def test_a_rare_status_is_found_behind_many_others(
    here: httpx.AsyncClient, db: asyncpg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Over more ids than there is time for to look through for one page; then it is empty, and has a next one."""
    monkeypatch.setattr(everywhere, "PATIENCE", 0.0)
    (old,) = await messages(db, 1)
    await say(db, await account(db), old, Word(Status.DELIVERED.bit, NOW))
    await db.execute("select setval('landed.message_id', 3_000_000)")
    await messages(db, 2)
    pages = await walk(here, "/api/v1/messages?status=delivered")

    assert [one["number"] for page in pages for one in page] == [old]
    assert pages[0] == []


async def test_everything_to_one_recipient_however_it_is_written(
    here: httpx.AsyncClient, db: asyncpg.Connection
) -> None:
    mine = await messages(db, 3, recipient="+447700900999")
    await messages(db, 2)

    assert await all_numbers(here, "/api/v1/messages?recipient=%2B44 7700 900-999&limit=2") == mine[::-1]
    assert (await here.get("/api/v1/messages?recipient=x&status=sent")).status_code == 422


async def test_a_message_is_found_by_either_of_its_names(here: httpx.AsyncClient, db: asyncpg.Connection) -> None:
    numbers = await messages(db, 3)
    by_name = "/api/v1/messages/by-name"

    assert await all_numbers(here, f"{by_name}?reference=order-1") == [numbers[1]]
    assert await all_numbers(here, f"{by_name}?provider_id=SM000002&account=acme") == [numbers[2]]
    assert await all_numbers(here, f"{by_name}?provider_id=order-1") == []
    assert await all_numbers(here, f"{by_name}?reference={numbers[1]}") == []
    assert (await here.get(by_name)).status_code == 422
    assert (await here.get(f"{by_name}?reference=a&provider_id=b")).status_code == 422


async def test_communications_are_listed_newest_first_and_found_by_name(
    here: httpx.AsyncClient, db: asyncpg.Connection
) -> None:
    names = ["Flood / 7", "November", "¿Qué?"]
    numbers = [await communication(db, name) for name in names]
    listed = await walk(here, "/api/v1/communications?limit=2")

    assert [(one["number"], one["name"]) for page in listed for one in page] == list(zip(numbers, names, strict=True))[
        ::-1
    ]
    assert await all_numbers(here, "/api/v1/communications?name=Flood / 7") == [numbers[0]]
    assert await all_numbers(here, "/api/v1/communications?name=none") == []


@pytest.mark.parametrize("cursor", ["x", "AAAA", "Zm9v" * 20, "é", "=", "a" * 4097])
async def test_a_cursor_that_is_none_of_ours_is_refused(here: httpx.AsyncClient, cursor: str) -> None:
    answer = await here.get("/api/v1/messages", params={"cursor": cursor})

    assert answer.status_code == 422 if len(cursor) > 4096 else 400
    assert answer.headers["content-type"] == "application/problem+json"


async def test_a_cursor_of_one_list_is_none_of_another(here: httpx.AsyncClient, db: asyncpg.Connection) -> None:
    await messages(db, 3)
    following = (await here.get("/api/v1/messages?limit=1")).json()["next"]
    cursor = httpx.URL(following).params["cursor"]
    answer = await here.get("/api/v1/communications", params={"cursor": cursor})

    assert (answer.status_code, answer.json()["type"]) == (400, "urn:landed:problem:bad-cursor")


async def test_a_cursor_shows_no_address(web: Web, db: asyncpg.Connection) -> None:
    """Blocked addresses are listed in their order, so a place among them is one; encoded or not."""
    for n in range(3):
        await db.execute(
            "insert into landed.suppression (channel, recipient, bits, sent_at) values (1, $1, 16384, now())",
            f"planted{n}@example.org",
        )
    async with await web.holder(Scope.READ, masked=True) as client:
        pages = await walk(client, "/api/v1/suppression?limit=1")
        answer = await client.get("/api/v1/suppression?limit=1")
    cursor = httpx.URL(answer.json()["next"]).params["cursor"]

    assert [one["recipient"] for page in pages for one in page] == ["p***@example.org"] * 3
    assert "planted" not in cursor
    assert b"planted" not in decoded(cursor)


def decoded(cursor: str) -> bytes:
    return base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4))


async def test_a_list_refuses_what_it_does_not_know_and_says_what_there_is(
    here: httpx.AsyncClient, db: asyncpg.Connection
) -> None:
    await account(db)
    told = {
        "/api/v1/messages?channel=pigeon": "email",
        "/api/v1/messages?status=landed": "delivered",
        "/api/v1/messages?account=nobody": "acme",
        "/api/v1/messages?vocabulary=latin": "crisis",
        "/api/v1/messages?limit=0": "greater than or equal to 1",
        "/api/v1/messages?limit=1001": "less than or equal to 1000",
        "/api/v1/messages?since=yesterday": "query.since",
        "/api/v1/messages?since=2026-03-01T00:00:00": "has no zone",
    }
    for address, hint in told.items():
        answer = await here.get(address)

        assert answer.status_code == 422, address
        assert hint in answer.json()["detail"], address
        assert answer.json()["errors"][0]["where"]


async def test_a_name_that_is_too_long_or_odd_is_no_error_of_ours(here: httpx.AsyncClient) -> None:
    for given_name in ("\x00", "\ud83d\ude00", "' or 1=1 --", "%", "\\"):
        for parameter in ("reference", "provider_id"):
            answer = await here.get(
                "/api/v1/messages/by-name", params={parameter: given_name.encode("utf-8", "replace")}
            )

            assert answer.status_code in {200, 422}
    for path in (
        "/api/v1/messages/99999999999999999999999",
        "/api/v1/communications/99999999999",
        "/api/v1/messages/-1",
    ):
        assert (await here.get(path)).status_code in {404, 422}
