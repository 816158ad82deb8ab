"""The pages of quarantine and of changes: what could not be understood, and who changed what; never a recipient."""

import json
from collections.abc import AsyncIterator

import asyncpg
import httpx
import pytest

from rules.viewers import Scope
from store import changes
from store.changes import By
from store.connections import clock
from tests.store.written import account
from tests.web.conftest import Web
from tests.web.filling import EMAIL, NUMBER
from tests.web.operated import page, send
from tests.web.reading import SCRIPT, Page

#: It does not depend on the interpreter.
pytestmark = pytest.mark.once

QUARANTINE, RETRY, CHANGES = "/operations/quarantine", "/operations/quarantine/strays/retry", "/operations/changes"


@pytest.fixture
async def masked(web: Web) -> AsyncIterator[httpx.AsyncClient]:
    """Somebody who may do everything but see recipients."""
    async with await web.holder(*Scope, name="masked", masked=True) as client:
        yield client


async def word(db: asyncpg.Connection, said: str, *, seen: int = 3, mended: bool = False) -> None:
    await db.execute(
        "insert into landed.unknown_word (account, word, seen, first_seen_at, last_seen_at, provider_id, mended_at)"
        " values ($1, $2, $3, now(), now(), 'SM7', case when $4 then now() end)",
        await account(db),
        said,
        seen,
        mended,
    )


async def answer(db: asyncpg.Connection, kind: str, problem: str, *, cut: bool = False, read: bool = False) -> None:
    await db.execute(
        "insert into landed.journal (account, kind, what, status, headers, body, cut, problem, read_at)"
        " values ($1, $2, '{}', 200, '{}', 'planted body', $3, $4, case when $5 then now() end)",
        await account(db),
        kind,
        cut,
        problem,
        read,
    )


async def stray(db: asyncpg.Connection, problem: str, **said: str) -> None:
    await db.execute(
        "insert into landed.stray (received_at, problem, account, said) values (now(), $1, $2, $3)",
        problem,
        said.get("account"),
        json.dumps({"recipient": NUMBER, **said}),
    )


async def test_where_everything_is_understood_it_says_so(here: httpx.AsyncClient) -> None:
    found = await page(here, QUARANTINE)

    assert "Every word is known." in found.text
    assert "Every answer was read whole." in found.text
    assert "Every recorded row was taken in, or waits for a worker." in found.text


async def test_unknown_words_are_listed_and_mended_ones_on_request(
    here: httpx.AsyncClient, db: asyncpg.Connection
) -> None:
    await word(db, "pondering", seen=1234)
    await word(db, "known_by_now", mended=True)
    found, everything = await page(here, QUARANTINE), await page(here, f"{QUARANTINE}?all=true")

    assert [row[:4] for row in found.rows[1:]] == [["acme", "acme", "pondering", "1,234"]]
    assert found.links["Show 1 word that is known by now"] == "?all=true"
    assert [row[2] for row in everything.rows[1:]] == ["pondering", "known_by_now"]


async def test_kept_answers_are_counted_with_what_was_wrong_and_what_to_do(
    here: httpx.AsyncClient, db: asyncpg.Connection
) -> None:
    await answer(db, "unreadable", "it is not JSON")
    await answer(db, "unreadable", "it is not JSON either", cut=True)
    await answer(db, "unknown", "unknown words")
    await answer(db, "drain", "", read=True)
    found = await page(here, QUARANTINE)

    assert [(row[1], row[2], row[4]) for row in found.rows[1:]] == [
        ("it has unknown words", "1", "unknown words"),
        ("it could not be read", "2, 1 too long to be kept whole", "it is not JSON either"),
    ]
    assert "landed quarantine apply" in found.text
    assert "planted body" not in found.text


async def test_rows_that_could_not_be_taken_in_are_listed_without_whom_they_are_for(
    here: httpx.AsyncClient, db: asyncpg.Connection
) -> None:
    await stray(db, "no such channel", account="acme", channel="smss", reference="order-9", provider_id="SM9")
    found = await page(here, QUARANTINE)

    assert found.rows[-1][1:] == ["acme", "smss", "SM9", "order-9", "no such channel"]
    assert "1 row since" in found.text
    assert NUMBER not in found.text


async def test_rows_are_taken_in_again_and_that_stays_on_record(
    here: httpx.AsyncClient, db: asyncpg.Connection
) -> None:
    await stray(db, "no such channel", account="acme", channel="sms")
    sent = await send(here, QUARANTINE, RETRY)
    found = await page(here, sent.headers["location"])
    (row,) = await changes.page(db, 1 << 62, 5)

    assert sent.status_code == 303
    assert await db.fetchval("select count(*) from landed.inbox") == 1
    assert await db.fetchval("select count(*) from landed.stray") == 0
    assert "1 row put back into the inbox" in found.text
    assert (row["by"], row["what"], json.loads(row["detail"])) == ("local", "strays_retried", {"rows": 1})


async def test_rows_stay_where_the_scope_or_our_form_is_missing(
    web: Web, here: httpx.AsyncClient, db: asyncpg.Connection
) -> None:
    await stray(db, "no such channel", account="acme", channel="sms")
    async with await web.holder(Scope.READ) as reader:
        forms = (await page(reader, QUARANTINE)).forms
        statuses = [(await one.post(RETRY)).status_code for one in (reader, here)]

    assert (statuses, forms) == ([403, 403], [])
    assert await db.fetchval("select count(*) from landed.stray") == 1


async def test_no_text_is_run(here: httpx.AsyncClient, db: asyncpg.Connection) -> None:
    await word(db, SCRIPT)
    await answer(db, "unreadable", SCRIPT)
    await stray(db, SCRIPT, account=SCRIPT, channel=SCRIPT, reference=SCRIPT, provider_id=SCRIPT)
    await changes.add(db, By(SCRIPT, SCRIPT, await clock(db)), SCRIPT, SCRIPT, **{SCRIPT: SCRIPT})
    texts = [(await here.get(path)).text for path in (QUARANTINE, CHANGES)]

    assert [text.count("alert(&#39;planted&#39;)") >= 6 for text in texts] == [True, True]
    assert ["<script>" in text for text in texts] == [False, False]
    assert [Page(text).scripts for text in texts] == [2, 2]


async def test_no_address_is_shown_to_who_may_see_none(
    masked: httpx.AsyncClient, here: httpx.AsyncClient, db: asyncpg.Connection
) -> None:
    await word(db, f"for {EMAIL}")
    await answer(db, "unreadable", f"no such {EMAIL}")
    await stray(db, f"bad {EMAIL}", account="acme", channel="sms", reference=f"to {NUMBER}", provider_id=EMAIL)
    hidden, shown = [(await client.get(QUARANTINE)).text for client in (masked, here)]

    assert [one in hidden for one in (EMAIL, "planted.person", NUMBER[1:])] == [False] * 3
    assert shown.count(EMAIL) >= 4


async def test_changes_say_who_when_how_and_what(here: httpx.AsyncClient, db: asyncpg.Connection) -> None:
    now = await clock(db)
    await changes.add(db, By("ada", "cli", now), "account_polled", "acme", messages=3)
    await changes.add(db, By("grace", "proxy", now), "token_created", "reader", scopes=["read", "operate"], masked=True)
    found = await page(here, CHANGES)

    assert [row[1:] for row in found.rows[1:]] == [
        ["grace", "the proxy’s word", "token created", "reader", "masked: yes, scopes: read and operate"],
        ["ada", "the command line", "account polled", "acme", "messages: 3"],
    ]


async def test_changes_go_on_page_by_page(here: httpx.AsyncClient, db: asyncpg.Connection) -> None:
    for number in range(150):
        await changes.add(db, By("ada", "cli", await clock(db)), "account_paused", f"account {number}")
    first = await page(here, CHANGES)
    second = await page(here, first.links["Next"])

    assert [row[4] for row in first.rows[1:] + second.rows[1:]] == [f"account {n}" for n in range(149, -1, -1)]
    assert second.links["First"] == CHANGES
    assert "Next" not in second.links


async def test_who_may_not_operate_sees_no_changes(web: Web) -> None:
    async with await web.holder(Scope.READ, Scope.RECORD) as client:
        assert (await client.get(CHANGES)).status_code == 403
