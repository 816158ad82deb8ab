"""Who may: on this machine everybody, elsewhere who has a token or whom a trusted proxy names."""

from datetime import timedelta

import asyncpg
import httpx
import pytest
from starlette.types import Receive, Send
from starlette.types import Scope as Scope_

from rules.viewers import Scope
from store import tokens
from store.changes import By
from store.connections import clock
from tests.web.conftest import ELSEWHERE, HERE, NAME, Serve, Web

PROXY = ("10.0.0.7", 40000)


async def asked(web: Web, path: str = "/api/v1/accounts", **given: object) -> int:
    """What somebody is answered."""
    async with web.client(**given) as client:  # type: ignore[arg-type]
        return (await client.get(path)).status_code


async def test_who_is_on_this_machine_needs_no_token(here: httpx.AsyncClient) -> None:
    assert (await here.get("/")).status_code == 200
    assert (await here.get("/api/v1/accounts")).status_code == 200


async def test_who_is_on_this_machine_needs_one_where_it_is_set_so(serve: Serve) -> None:
    web = await serve(require_token=True)

    assert await asked(web) == 401


async def test_who_is_elsewhere_is_asked_for_a_token(web: Web) -> None:
    async with web.client(at=ELSEWHERE, url=f"https://{NAME}") as client:
        answer = await client.get("/?page=2")
        program = await client.get("/api/v1/accounts")

    assert (answer.status_code, answer.headers["location"]) == (303, "/log-in?to=%2F%3Fpage%3D2")
    assert (program.status_code, program.headers["www-authenticate"]) == (401, "Bearer")


@pytest.mark.parametrize(
    "header",
    ["x-forwarded-for", "forwarded", "x-real-ip", "x-forwarded-host", "x-forwarded-proto", "via", "x-forwarded-user"],
)
async def test_a_proxy_on_this_machine_makes_nobody_local(web: Web, header: str) -> None:
    assert await asked(web, **{header.replace("-", "_"): "127.0.0.1"}) == 401


async def test_a_proxy_on_this_machine_that_passes_the_name_on_makes_nobody_local(web: Web) -> None:
    assert await asked(web, url=f"http://{NAME}") == 401


async def test_a_proxy_that_speaks_an_old_http_makes_nobody_local(web: Web) -> None:
    """As nginx does unless it is told otherwise, without any header of its own."""

    async def old(scope: Scope_, receive: Receive, send: Send) -> None:
        await web.app({**scope, "http_version": "1.0"}, receive, send)

    async with httpx.AsyncClient(transport=httpx.ASGITransport(old), base_url="http://localhost") as client:
        answer = await client.get("/api/v1/accounts")

    assert answer.status_code == 401


@pytest.mark.parametrize("address", ["127.0.0.1", "::1", "::ffff:127.0.0.1", "127.8.0.1"])
async def test_every_address_of_this_machine_is_local(web: Web, address: str) -> None:
    assert await asked(web, at=(address, 1)) == 200


@pytest.mark.parametrize("address", ["203.0.113.7", "10.0.0.1", "::ffff:203.0.113.7", "fe80::1", "testclient", ""])
async def test_no_other_address_is(web: Web, address: str) -> None:
    assert await asked(web, at=(address, 1)) == 401


async def test_a_trusted_proxy_says_who_it_is(serve: Serve) -> None:
    web = await serve(trusted_proxies=["10.0.0.0/24"], identity_header="X-Email", proxy_scopes=["read"])
    async with web.client(at=PROXY, url=f"https://{NAME}", x_email="ada@example.com") as client:
        seen = await client.get("/")
        done = await client.post("/api/v1/accounts/acme/pause", json={"why": "x"})

    assert "ada@example.com" in seen.text
    assert done.status_code == 403


async def test_a_trusted_proxy_that_names_nobody_lets_nobody_in(serve: Serve) -> None:
    """Also where it is on this machine."""
    web = await serve(trusted_proxies=["10.0.0.7", "127.0.0.1"])

    assert await asked(web, at=PROXY, url=f"https://{NAME}") == 401
    assert await asked(web, at=HERE) == 401


async def test_nobody_else_is_believed_who_they_are(serve: Serve) -> None:
    web = await serve(trusted_proxies=["10.0.0.7"])

    assert await asked(web, at=ELSEWHERE, url=f"https://{NAME}", x_forwarded_user="ada") == 401
    assert await asked(web, at=("10.0.0.8", 1), url=f"https://{NAME}", x_forwarded_user="ada") == 401
    assert await asked(web, at=HERE, x_forwarded_user="ada") == 401


async def test_a_token_works_until_it_is_revoked(web: Web, db: asyncpg.Connection) -> None:
    async with await web.holder(Scope.READ, name="reports") as client:
        before = await client.get("/api/v1/accounts")
        await tokens.revoke(db, "reports", By("ada", "cli", await clock(db)))
        after = await client.get("/api/v1/accounts")

    assert (before.status_code, after.status_code) == (200, 401)
    assert "was revoked" in after.json()["detail"]


async def test_a_token_works_until_its_time_is_over(web: Web, db: asyncpg.Connection) -> None:
    async with await web.holder(Scope.READ, name="reports") as client:
        await db.execute("update landed.token set expires_at = now() - interval '1 second'")

        assert (await client.get("/api/v1/accounts")).status_code == 401


@pytest.mark.parametrize(
    "change", [lambda token: token[:-1], lambda token: token + "x", lambda token: token.swapcase()]
)
async def test_a_token_that_is_not_whole_is_none(web: Web, change: object) -> None:
    token = await web.token(Scope.READ)
    wrong = change(token)  # type: ignore[operator]

    assert await asked(web, authorization=f"Bearer {wrong}") == 401
    assert await asked(web, authorization=f"Bearer {token}", at=ELSEWHERE) == 200


async def test_a_wrong_token_is_refused_also_on_this_machine(web: Web) -> None:
    """Whoever sends one wants to be who it names."""
    assert await asked(web, authorization="Bearer landed_no") == 401


async def test_the_last_use_of_a_token_is_known_to_the_minute(web: Web, db: asyncpg.Connection) -> None:
    async with await web.holder(Scope.READ) as client:
        await client.get("/api/v1/accounts")
        first = await db.fetchval("select last_used_at from landed.token")
        await client.get("/api/v1/accounts")
        second = await db.fetchval("select last_used_at from landed.token")
        await db.execute("update landed.token set last_used_at = $1", first - timedelta(hours=1))
        await client.get("/api/v1/accounts")
        third = await db.fetchval("select last_used_at from landed.token")

    assert first == second
    assert third >= first


@pytest.mark.parametrize("name", ["evil.example", "localhost.evil.example", "127.0.0.1.nip.io", "", f"{NAME}.x"])
async def test_an_unknown_name_is_refused(web: Web, name: str) -> None:
    """A name of somebody else may lead to this machine: DNS rebinding."""
    async with web.client() as client:
        answer = await client.get("/api/v1/accounts", headers={"host": name})

    assert answer.status_code == 421


@pytest.mark.parametrize("name", ["localhost:9999", "127.0.0.1:8026", "[::1]:8026", "LOCALHOST"])
async def test_this_machine_may_be_called_as_it_always_is(here: httpx.AsyncClient, name: str) -> None:
    assert (await here.get("/api/v1/accounts", headers={"host": name})).status_code == 200


async def test_a_name_that_is_set_with_a_port_is_known_with_that_port_only(serve: Serve) -> None:
    web = await serve(hosts=[f"{NAME}:8443"], require_token=True)

    assert await asked(web, url=f"https://{NAME}:8443") == 401
    assert await asked(web, url=f"https://{NAME}:9000") == 421


async def test_health_is_told_under_every_name_and_tells_nothing_else(web: Web) -> None:
    async with web.client(at=ELSEWHERE, url="http://10.0.0.1") as client:
        answer = await client.get("/healthz")

    assert answer.json() == {"status": "ok"}
