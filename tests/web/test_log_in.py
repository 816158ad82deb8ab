"""Logging in with a token, and what a session is."""

import asyncio

import asyncpg
import httpx
import pytest

from config.web import WebOptions
from rules.viewers import Scope
from store import tokens
from store.changes import By
from store.connections import clock
from store.tokens import TRIES
from tests.web.conftest import ELSEWHERE, NAME, Serve, Web, running
from tests.web.test_changes_from_pages import word

#: It does not depend on the interpreter.
pytestmark = pytest.mark.once

ADDRESS = f"http://{NAME}"


async def log_in(client: httpx.AsyncClient, token: str, to: str = "/") -> httpx.Response:
    return await client.post("/log-in", data={"token": token, "to": to})


@pytest.fixture
async def browser(web: Web) -> httpx.AsyncClient:
    """A browser elsewhere."""
    return web.client(at=ELSEWHERE, url=ADDRESS)


async def test_a_token_opens_a_session_that_may_what_the_token_may(web: Web, browser: httpx.AsyncClient) -> None:
    answer = await log_in(browser, await web.token(Scope.READ, name="reports"), "/?page=2")
    seen = await browser.get("/")
    done = await browser.post(
        "/api/v1/accounts/acme/pause", json={"why": "x"}, headers={"x-csrf-token": word(seen.text)}
    )

    assert (answer.status_code, answer.headers["location"]) == (303, "/?page=2")
    assert "reports" in seen.text
    assert done.status_code == 403


async def test_the_cookie_of_a_session_is_for_our_pages_alone(web: Web, browser: httpx.AsyncClient) -> None:
    answer = await log_in(browser, await web.token(Scope.READ))
    cookie = answer.headers["set-cookie"]

    assert cookie.startswith("landed_session=")
    assert "HttpOnly" in cookie
    assert "SameSite=strict" in cookie
    assert "Path=/" in cookie
    assert "Domain" not in cookie


async def test_over_tls_the_cookie_is_never_sent_without_it(serve: Serve) -> None:
    """Also where TLS ends at a trusted proxy, and not where anybody says so."""
    web = await serve(trusted_proxies=["10.0.0.7"])
    token = await web.token(Scope.READ)
    cookies = []
    for at in (("10.0.0.7", 1), ELSEWHERE):
        async with web.client(at=at, url=ADDRESS, x_forwarded_proto="https") as client:
            cookies.append((await log_in(client, token)).headers["set-cookie"])

    assert cookies[0].startswith("__Host-landed_session=")
    assert "Secure" in cookies[0]
    assert "Secure" not in cookies[1]


async def test_nothing_but_a_hash_of_a_session_is_kept(
    web: Web, browser: httpx.AsyncClient, db: asyncpg.Connection
) -> None:
    await log_in(browser, await web.token(Scope.READ))
    secret = browser.cookies["landed_session"]

    assert secret not in str(await db.fetch("select * from landed.session"))
    assert await db.fetchval("select count(*) from landed.session") == 1


async def test_a_session_ends_with_its_token(web: Web, browser: httpx.AsyncClient, db: asyncpg.Connection) -> None:
    await log_in(browser, await web.token(Scope.READ, name="reports"))
    await tokens.revoke(db, "reports", By("ada", "cli", await clock(db)))

    assert (await browser.get("/")).status_code == 303
    assert await db.fetchval("select count(*) from landed.session") == 0


async def test_a_session_ends_with_its_time(web: Web, browser: httpx.AsyncClient, db: asyncpg.Connection) -> None:
    await log_in(browser, await web.token(Scope.READ))
    await db.execute("update landed.session set expires_at = now()")

    assert (await browser.get("/")).status_code == 303


async def test_logging_out_ends_the_session_and_needs_the_word(
    web: Web, browser: httpx.AsyncClient, db: asyncpg.Connection
) -> None:
    await log_in(browser, await web.token(Scope.READ))
    without = await browser.post("/log-out")
    with_it = await browser.post("/log-out", data={"csrf": word((await browser.get("/")).text)})

    assert (without.status_code, with_it.status_code) == (403, 303)
    assert await db.fetchval("select count(*) from landed.session") == 0
    assert (await browser.get("/")).status_code == 303


async def test_a_wrong_token_is_said_so_and_opens_nothing(browser: httpx.AsyncClient) -> None:
    answer = await log_in(browser, "landed_planted-secret")

    assert answer.status_code == 401
    assert "This token is not valid" in answer.text
    assert "planted-secret" not in answer.text
    assert "set-cookie" not in answer.headers


@pytest.mark.parametrize("to", ["https://evil.example", "//evil.example", "/\\evil.example", "evil", "/\t/evil"])
async def test_logging_in_leads_to_no_other_site(web: Web, browser: httpx.AsyncClient, to: str) -> None:
    answer = await log_in(browser, await web.token(Scope.READ), to)

    assert answer.headers["location"] == "/"


async def test_a_place_may_not_try_for_ever(web: Web, browser: httpx.AsyncClient) -> None:
    """A right token does not help either then; another place may still."""
    token = await web.token(Scope.READ)
    tries = [(await log_in(browser, "wrong")).status_code for _ in range(TRIES)]
    answer = await log_in(browser, token)
    async with web.client(at=("198.51.100.1", 1), url=ADDRESS) as other:
        elsewhere = await log_in(other, token)

    assert set(tries) == {401}
    assert answer.status_code == 429
    assert int(answer.headers["retry-after"]) > 0
    assert elsewhere.status_code == 303


async def test_tries_count_over_all_processes_and_at_once(web: Web, database: str) -> None:
    async with running(database, WebOptions(hosts=(NAME,))) as other:
        clients = [one.client(at=ELSEWHERE, url=ADDRESS) for one in (web, other)]
        answers = await asyncio.gather(*(log_in(clients[n % 2], "wrong") for n in range(TRIES + 6)))
        for client in clients:
            await client.aclose()

    assert sorted(answer.status_code for answer in answers) == [401] * TRIES + [429] * 6


async def test_a_right_token_makes_earlier_tries_forgotten(web: Web, browser: httpx.AsyncClient) -> None:
    token = await web.token(Scope.READ)
    for _ in range(3):
        for _ in range(TRIES - 1):
            await log_in(browser, "wrong")

        assert (await log_in(browser, token)).status_code == 303


async def test_tries_are_forgotten_with_time(web: Web, browser: httpx.AsyncClient, db: asyncpg.Connection) -> None:
    for _ in range(TRIES + 1):
        await log_in(browser, "wrong")
    await db.execute("update landed.log_in set since = since - $1::interval", tokens.WITHIN)

    assert (await log_in(browser, await web.token(Scope.READ))).status_code == 303


async def test_who_is_behind_a_trusted_proxy_is_told_apart(serve: Serve) -> None:
    """By what it says itself, and not by what somebody further away has put there."""
    web = await serve(trusted_proxies=["10.0.0.7"])
    statuses = []
    for n in range(TRIES + 1):
        said = f"1.2.3.{n}, 198.51.100.9"
        async with web.client(at=("10.0.0.7", 1), url=ADDRESS, x_forwarded_for=said) as client:
            statuses.append((await log_in(client, "wrong")).status_code)
    async with web.client(at=("10.0.0.7", 1), url=ADDRESS, x_forwarded_for="198.51.100.10") as client:
        other = (await log_in(client, "wrong")).status_code

    assert statuses == [401] * TRIES + [429]
    assert other == 401


async def test_no_place_is_kept_as_it_is(browser: httpx.AsyncClient, db: asyncpg.Connection) -> None:
    await log_in(browser, "wrong")

    assert ELSEWHERE[0].encode() not in await db.fetchval("select string_agg(place, '') from landed.log_in")
