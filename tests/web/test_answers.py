"""What every answer has, and what is said where something goes wrong."""

import asyncio
import re
from collections.abc import AsyncIterator

import asyncpg
import httpx
import pytest

from tests.web.conftest import Serve, Web
from web import limits, static
from web.app import NotReady
from web.headers import POLICY

#: It does not depend on the interpreter.
pytestmark = pytest.mark.once


@pytest.mark.parametrize(
    "path",
    ["/", "/log-in", "/healthz", "/none", "/api/v1/accounts", "/api/v1/none", f"/static/{static.VERSION}/site.css"],
)
async def test_every_answer_keeps_a_browser_safe(here: httpx.AsyncClient, path: str) -> None:
    answer = await here.get(path)

    assert answer.headers["content-security-policy"] == POLICY
    assert "unsafe" not in POLICY
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["x-frame-options"] == "DENY"
    assert answer.headers["referrer-policy"] == "same-origin"
    assert "server" not in answer.headers


async def test_pages_and_data_are_kept_by_nobody(here: httpx.AsyncClient) -> None:
    assert (await here.get("/")).headers["cache-control"] == "no-store"
    assert (await here.get("/api/v1/messages")).headers["cache-control"] == "no-store"


async def test_a_file_is_kept_for_good_under_the_address_of_its_content(here: httpx.AsyncClient) -> None:
    now = await here.get(static.address("site.css"))
    again = await here.get(static.address("site.css"), headers={"if-none-match": now.headers["etag"]})
    old = await here.get("/static/000000000000/site.css")

    assert now.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert now.headers["content-type"].startswith("text/css")
    assert (again.status_code, again.content) == (304, b"")
    assert old.headers["cache-control"] == "no-cache"
    assert old.content == now.content


@pytest.mark.parametrize("name", ["none.css", "../app.py", "..%2fapp.py", "%2e%2e/app.py", "/etc/passwd", ""])
async def test_nothing_else_is_a_file(here: httpx.AsyncClient, name: str) -> None:
    assert (await here.get(f"/static/{static.VERSION}/{name}")).status_code == 404


async def test_no_page_has_anything_inline_that_the_policy_forbids(here: httpx.AsyncClient) -> None:
    for path in ("/", "/log-in", "/none", "/api-docs"):
        page = (await here.get(path)).text

        assert re.findall(r"<style|\sstyle=|\son\w+=|<script(?![^>]* src=)|javascript:", page) == [], path


async def test_a_page_that_is_not_there_is_said_so_to_people_and_to_programs(here: httpx.AsyncClient) -> None:
    page, problem = await here.get("/none"), await here.get("/api/v1/none")

    assert (page.status_code, problem.status_code) == (404, 404)
    assert page.headers["content-type"].startswith("text/html")
    assert "<h1>Not Found</h1>" in page.text
    assert problem.headers["content-type"] == "application/problem+json"
    assert problem.json().keys() == {"type", "title", "status", "detail"}


async def test_a_wrong_method_is_a_problem_too(here: httpx.AsyncClient) -> None:
    answer = await here.delete("/api/v1/messages")

    assert answer.status_code == 405
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["allow"]


async def test_what_is_said_of_a_wrong_body_never_holds_it(here: httpx.AsyncClient) -> None:
    for body in ('{"addresses": "planted@example.org"}', '{"planted@example.org": 1}', "planted@example.org", "[1"):
        answer = await here.post(
            "/api/v1/suppression/check", content=body, headers={"content-type": "application/json"}
        )

        assert answer.status_code == 422
        assert answer.json()["type"] == "urn:landed:problem:invalid"
        assert "planted" not in answer.text


async def test_a_body_that_is_too_large_is_refused_whether_it_says_so_or_not(here: httpx.AsyncClient) -> None:
    async def pieces() -> AsyncIterator[bytes]:
        for _ in range(20):
            yield b" " * (limits.LARGEST // 10)

    said = await here.post("/api/v1/suppression/check", content=b" " * (limits.LARGEST + 1))
    unsaid = await here.post(
        "/api/v1/suppression/check", content=pieces(), headers={"content-type": "application/json"}
    )

    assert (said.status_code, unsaid.status_code) == (413, 413)


async def test_a_body_that_never_comes_and_an_answer_that_never_begins_are_given_up(
    web: Web, db: asyncpg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Somebody holds the table of accounts, so listing them waits."""
    monkeypatch.setattr(limits, "IDLE", 0.05)
    monkeypatch.setattr(limits, "SLOWEST", 0.3)

    async def never() -> AsyncIterator[bytes]:
        yield b"{"
        await asyncio.sleep(60)

    async with web.client() as client:
        slow = await client.post(
            "/api/v1/suppression/check", content=never(), headers={"content-type": "application/json"}
        )
        async with db.transaction():
            await db.execute("lock table landed.account in access exclusive mode")
            stuck = await client.get("/api/v1/accounts")

    assert slow.status_code == 408
    assert stuck.status_code == 503
    assert "takes too long" in stuck.json()["detail"]


async def test_a_postgres_that_is_away_is_said_so_and_found_again(
    web: Web, db: asyncpg.Connection, shared: asyncpg.Connection
) -> None:
    kill = """
        select pg_terminate_backend(pid) from pg_stat_activity
        where datname = current_database() and pid not in (pg_backend_pid(), $1)
        """
    async with web.client() as client:
        await client.get("/api/v1/accounts")
        await db.fetch(kill, shared.get_server_pid())
        statuses = [(await client.get("/api/v1/accounts")).status_code for _ in range(10)]

    assert set(statuses) <= {200, 503}
    assert statuses[-1] == 200


async def test_an_app_does_not_start_on_a_database_of_another_release(serve: Serve, db: asyncpg.Connection) -> None:
    await db.execute("delete from landed.migration where number = 13")

    with pytest.raises(NotReady, match="run `landed migrate`"):
        await serve()
    await db.execute("insert into landed.migration (number, name) values (13, 'web')")


async def test_a_browser_that_shows_a_file_finds_its_icon(here: httpx.AsyncClient) -> None:
    found = await here.get("/favicon.ico")

    assert found.status_code == 200
    assert found.headers["content-type"].startswith("image/")
