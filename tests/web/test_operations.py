"""The page of accounts: every figure is the store's, every change needs the scope and the form, and stays on record."""

from collections.abc import AsyncIterator
from datetime import UTC, timedelta

import asyncpg
import httpx
import msgspec
import pytest

from rules.quota import State, count
from rules.viewers import Scope
from store import overview
from store.connections import clock
from tests.store.written import account
from tests.web.conftest import Serve, Web
from tests.web.filling import EMAIL, NUMBER, messages
from tests.web.operated import BOUNDS, OPERATED, page, send, settled
from tests.web.reading import SCRIPT, Page

#: It does not depend on the interpreter.
pytestmark = pytest.mark.once

OPERATIONS = "/operations"


@pytest.fixture
async def operated(serve: Serve) -> Web:
    """An app with accounts as an operator has them."""
    return await serve(accounts=OPERATED)


@pytest.fixture
async def operator(operated: Web) -> AsyncIterator[httpx.AsyncClient]:
    """Somebody on this machine."""
    async with operated.client() as client:
        yield client


def row(found: Page, name: str) -> list[str]:
    """The row of an account in the table."""
    return next(cells for cells in found.rows if cells[0] == name)


@pytest.mark.parametrize(
    ("set_to", "state", "said"),
    [
        ("paused_at = now(), paused_by = 'ada', paused_why = 'moving house'", "paused", "paused by ada since"),
        (
            (
                "refused_settings = 'first', failures = 1, trouble = 'refused', trouble_said = 'a wrong password',"
                " trouble_since = now()"
            ),
            "refused credentials",
            "a wrong password It is not asked until they change",
        ),
        (
            (
                "failures = 3, trouble = 'unreachable', trouble_said = 'no answer', trouble_since = now(),"
                " ask_after = now() + interval '5 minutes'"
            ),
            "resting",
            "3 failures in a row: no answer",
        ),
        (
            (
                "failures = 3, trouble = 'unreachable', trouble_said = 'no answer', trouble_since = now(),"
                " ask_after = now() - interval '1 second'"
            ),
            "half open",
            "It is asked one thing next",
        ),
        ("easing = 4", "recovering", "asked twice as much with each round"),
        ("ask_after = now() + interval '1 minute'", "waits for quota", "it has used its quota up, until"),
        ("ask_after = now() - interval '1 minute'", "asked normally", "0 past their deadline"),
        ("refused_settings = 'those before'", "asked normally", "0 past their deadline"),
    ],
)
async def test_the_state_of_an_account_is_told_in_words(
    operator: httpx.AsyncClient, db: asyncpg.Connection, set_to: str, state: str, said: str
) -> None:
    await account(db)
    await db.execute(f"update landed.account set {set_to} where name = 'acme'")  # noqa: S608 - ours
    found = await page(operator, OPERATIONS)

    assert row(found, "acme")[2].endswith(state)
    assert said in found.text


async def test_accounts_that_are_not_asked_for_other_reasons_are_told_apart(
    operator: httpx.AsyncClient, db: asyncpg.Connection
) -> None:
    await account(db, "gone")
    found = await page(operator, OPERATIONS)
    states = {name: row(found, name)[2][2:] for name in ("acme", "resting", "gone")}

    assert states == {"acme": "new", "resting": "paused by its setting", "gone": "not configured"}
    assert "2 of 4 accounts not as usual" in found.text


async def test_counts_are_those_of_the_store(operator: httpx.AsyncClient, db: asyncpg.Connection) -> None:
    now = await clock(db)
    before, later = now - timedelta(minutes=1), now + timedelta(hours=1)
    await messages(db, 3, sent_at=now, deadline_at=later, next_look_at=later)
    await messages(db, 2, sent_at=now, deadline_at=later, next_look_at=before)
    await messages(db, 1, sent_at=now, deadline_at=before, next_look_at=before)
    (kept,) = [one for one in await overview.overview(db, OPERATED) if one["name"] == "acme"]
    counts = [str(kept[name]) for name in ("open", "due", "overdue")]

    assert row(await page(operator, OPERATIONS), "acme")[3:6] == counts == ["6", "3", "1"]


async def test_quota_is_what_the_ledger_counts_and_who_shares_it(
    operator: httpx.AsyncClient, db: asyncpg.Connection
) -> None:
    state = State()
    for most in BOUNDS.all_most:
        count(state, most.key, (await clock(db)).timestamp(), 7)
    ledger = msgspec.json.encode(state.plain()).decode()
    await db.execute("insert into landed.quota (name, state) values ('ours', $1)", ledger)
    (kept,) = [one for one in await overview.overview(db, OPERATED) if one["name"] == "acme"]
    found = await page(operator, OPERATIONS)

    assert [limit["used"] for limit in kept["quota"]["limits"]] == [7, 7]
    assert "7 of 10/1s requests" in found.text
    assert "7 of 2500/1h requests" in found.text
    assert "shared with twin" in found.text
    assert "0 of 4 requests in flight, in up to 2 slices" in found.text


async def test_delay_now_is_that_of_recorded_settlings_lately(
    operator: httpx.AsyncClient, db: asyncpg.Connection
) -> None:
    await settled(db, [(10.0, 12.0)] * 90 + [(10.0, 40.0)] * 10)
    await settled(db, [(10.0, 500.0)] * 10, kind=2)
    await settled(db, [(10.0, 5000.0)] * 500)
    await db.execute("update landed.settling set at = at - interval '2 hours' where messages = 500")
    found = await page(operator, OPERATIONS)

    assert row(found, "acme")[6] == "2s median, 30s p95"
    assert "after the provider’s time, over 100 messages since" in found.text
    assert row(found, "resting")[6] == ""


async def test_the_last_request_is_told(operator: httpx.AsyncClient, db: asyncpg.Connection) -> None:
    await db.execute(
        "insert into landed.look (at, account, how, result, status, milliseconds, covered, detail)"
        " values (now() - interval '1 hour', $1, 'listing', 'ok', 200, 9, 1, null),"
        " (now(), $1, 'lookup', 'throttled', 429, 1234, 3, 'wait a minute')",
        await account(db),
    )
    found = await page(operator, OPERATIONS)

    assert "lookup, throttled (HTTP 429), 1,234 ms, about 3 messages: wait a minute" in found.text
    assert "listing" not in found.text


@pytest.mark.parametrize(
    ("growth", "said"),
    [(-2.0, "At this rate the backlog lasts until"), (3.0, "At this rate it grows by 10,800 messages an hour.")],
)
async def test_a_backlog_is_forecast(
    operator: httpx.AsyncClient, db: asyncpg.Connection, growth: float, said: str
) -> None:
    await account(db)
    await db.execute(
        "update landed.account set backlog = 1200, backlog_at = now(), backlog_growth = $1, short_since = now(),"
        " missed_from = '2026-03-01T12:00:00Z' where name = 'acme'",
        growth,
    )
    found = await page(operator, OPERATIONS)
    (kept,) = [one for one in await overview.overview(db, OPERATED) if one["name"] == "acme"]
    until = kept["backlog"]["lasts_until"]

    assert "1,200 messages due" in found.text
    assert said in found.text
    assert until is None or f"{until.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC" in found.text
    assert "Last looks come too late from 2026-03-01 12:00:00 UTC on." in found.text


async def changes(db: asyncpg.Connection) -> list[tuple[str, str, str, str]]:
    rows = await db.fetch("select by, way, what, subject from landed.change order by id")
    return [tuple(one) for one in rows if one["what"] != "token_created"]


async def test_pausing_says_why_and_stays_on_record(operator: httpx.AsyncClient, db: asyncpg.Connection) -> None:
    answer = await send(operator, OPERATIONS, "/operations/accounts/acme/pause", why=" moving house ")
    kept = await db.fetchrow("select paused_by, paused_why from landed.account where name = 'acme'")
    found = Page((await operator.get(answer.headers["location"])).text)

    assert answer.status_code == 303
    assert tuple(kept or ()) == ("local", "moving house")
    assert await changes(db) == [("local", "local", "account_paused", "acme")]
    assert "acme is paused." in found.text
    assert "/operations/accounts/acme/pause" not in {form.action for form in found.forms}


async def test_nothing_is_paused_without_a_reason(operator: httpx.AsyncClient, db: asyncpg.Connection) -> None:
    answer = await send(operator, OPERATIONS, "/operations/accounts/acme/pause", why="  ")

    assert (answer.status_code, await changes(db)) == (422, [])
    assert "nobody said why" in answer.text


async def test_resuming_ends_a_pause_and_what_the_provider_refused(
    operator: httpx.AsyncClient, db: asyncpg.Connection
) -> None:
    await account(db)
    await db.execute("update landed.account set paused_at = now(), paused_by = 'ada', refused_settings = 'first'")
    answer = await send(operator, OPERATIONS, "/operations/accounts/acme/resume")
    kept = await db.fetchrow("select paused_at, refused_settings from landed.account where name = 'acme'")

    assert answer.status_code == 303
    assert tuple(kept or ()) == (None, None)
    assert await changes(db) == [("local", "local", "account_resumed", "acme")]


async def test_polling_makes_everything_open_due(operator: httpx.AsyncClient, db: asyncpg.Connection) -> None:
    now = await clock(db)
    await messages(db, 2, sent_at=now, deadline_at=now + timedelta(hours=1), next_look_at=now + timedelta(hours=1))
    answer = await send(operator, OPERATIONS, "/operations/accounts/acme/poll")

    assert answer.status_code == 303
    assert await db.fetchval("select count(*) from landed.watch where next_look_at <= now()") == 2
    assert await changes(db) == [("local", "local", "account_polled", "acme")]


ACTIONS = ["pause", "resume", "poll"]


@pytest.mark.parametrize("action", ACTIONS)
async def test_who_may_only_read_changes_nothing_and_sees_no_button(
    operated: Web, db: asyncpg.Connection, action: str
) -> None:
    await account(db)
    before = await db.fetchrow("select * from landed.account where name = 'acme'")
    async with await operated.holder(Scope.READ, Scope.RECORD) as client:
        forms = (await page(client, OPERATIONS)).forms
        answer = await client.post(f"/operations/accounts/acme/{action}", data={"why": "a try"})

    assert (answer.status_code, forms) == (403, [])
    assert await db.fetchrow("select * from landed.account where name = 'acme'") == before
    assert await changes(db) == []


@pytest.mark.parametrize("action", ACTIONS)
@pytest.mark.parametrize("word", [{}, {"csrf": "0" * 64}])
async def test_a_form_that_is_not_ours_changes_nothing(
    operator: httpx.AsyncClient, db: asyncpg.Connection, action: str, word: dict[str, str]
) -> None:
    await account(db)
    before = await db.fetchrow("select * from landed.account where name = 'acme'")
    answer = await operator.post(f"/operations/accounts/acme/{action}", data={"why": "a try", **word})

    assert answer.status_code == 403
    assert await db.fetchrow("select * from landed.account where name = 'acme'") == before
    assert await changes(db) == []


@pytest.mark.parametrize("action", ACTIONS)
async def test_an_account_that_there_is_not_is_not_made(operated: Web, db: asyncpg.Connection, action: str) -> None:
    async with await operated.holder(Scope.OPERATE) as client:
        answer = await client.post(f"/operations/accounts/nobody/{action}", data={"why": "a try"})

    assert answer.status_code == 404
    assert await db.fetchval("select count(*) from landed.account where name = 'nobody'") == 0
    assert await changes(db) == []


async def test_no_text_is_run(operator: httpx.AsyncClient, db: asyncpg.Connection) -> None:
    number = await account(db, f"odd {SCRIPT}")
    await db.execute(
        "update landed.account set adapter = $2, paused_at = now(), paused_by = $2, paused_why = $2,"
        " trouble = 'refused', trouble_since = now(), trouble_said = $2 where id = $1",
        number,
        SCRIPT,
    )
    await db.execute(
        "insert into landed.look (at, account, how, result, milliseconds, detail)"
        " values (now(), $1, 'lookup', $2, 1, $2)",
        number,
        SCRIPT,
    )
    answer = await operator.get(OPERATIONS, params={"done": "paused", "account": f"odd {SCRIPT}"})

    assert answer.text.count("alert(&#39;planted&#39;)") >= 7
    assert "<script>" not in answer.text
    assert Page(answer.text).scripts == 2


async def test_what_was_done_is_told_of_accounts_that_there_are(operator: httpx.AsyncClient) -> None:
    """Nobody can make the page say something of theirs by a link."""
    found = await page(operator, "/operations?done=paused&account=call+me+at+once")

    assert "call me" not in found.text


async def test_no_address_is_shown_to_who_may_see_none(operated: Web, db: asyncpg.Connection) -> None:
    number = await account(db)
    await db.execute(
        "update landed.account set paused_at = now(), paused_by = 'ada', paused_why = $1, trouble = 'refused',"
        " trouble_since = now(), trouble_said = $2",
        f"ask {EMAIL}",
        f"not for {NUMBER}",
    )
    await db.execute(
        "insert into landed.look (at, account, how, result, milliseconds, detail)"
        " values (now(), $1, 'lookup', 'ok', 1, $2)",
        number,
        EMAIL,
    )
    texts = []
    for masked in (True, False):
        async with await operated.holder(Scope.READ, masked=masked, name=str(masked)) as client:
            texts.append((await client.get(OPERATIONS)).text)

    assert [(EMAIL in text, NUMBER in text) for text in texts] == [(False, False), (True, True)]


async def test_a_place_without_accounts_says_what_to_do(serve: Serve) -> None:
    async with (await serve(accounts={})).client() as client:
        found = await page(client, OPERATIONS)

    assert "No account is configured. Add one to landed.toml" in found.text


async def test_the_pages_of_operations_lead_to_each_other(operated: Web) -> None:
    """Who may not see changes is not led there."""
    async with operated.client() as local, await operated.holder(Scope.READ) as reader:
        everything, less = [(await page(one, OPERATIONS)).links for one in (local, reader)]

    assert everything["Schedules"] == "/operations/schedules"
    assert everything["Quarantine"] == "/operations/quarantine"
    assert everything["Changes"] == "/operations/changes"
    assert "Changes" not in less
