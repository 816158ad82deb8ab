"""A change comes from our own page or from a program, and never from a page elsewhere."""

import re

import asyncpg
import httpx
import pytest

from rules.viewers import Scope
from tests.web.conftest import ELSEWHERE, NAME, Serve, Web

#: It does not depend on the interpreter.
pytestmark = pytest.mark.once

PAUSE = "/api/v1/accounts/acme/pause"
WHY = {"why": "a try"}

BROWSER = {"origin": "http://localhost:8026", "sec-fetch-site": "same-origin"}


def word(page: str) -> str:
    """The word of a page's forms."""
    found = re.search(r'name="csrf" content="([0-9a-f]+)"', page)
    assert found is not None
    return found[1]


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "https://evil.example"},
        {"origin": "null"},
        {"origin": "http://localhost:3000"},
        {"origin": "http://localhost:8026.evil.example"},
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
        {"sec-fetch-site": "same-origin", "origin": "https://evil.example"},
        {"sec-fetch-site": "cross-site", "origin": "http://localhost:8026"},
    ],
)
async def test_a_change_from_a_page_elsewhere_is_refused(
    here: httpx.AsyncClient, db: asyncpg.Connection, headers: dict[str, str]
) -> None:
    answer = await here.post(PAUSE, json=WHY, headers=headers)

    assert (answer.status_code, answer.json()["type"]) == (403, "urn:landed:problem:cross-site")
    assert await db.fetchval("select count(*) from landed.account where paused_at is not null") == 0


async def test_a_program_on_this_machine_needs_no_word(here: httpx.AsyncClient) -> None:
    assert (await here.post(PAUSE, json=WHY)).status_code == 200


async def test_a_script_of_our_page_needs_the_word(here: httpx.AsyncClient) -> None:
    given = word((await here.get("/")).text)
    without = await here.post(PAUSE, json=WHY, headers=BROWSER)
    wrong = await here.post(PAUSE, json=WHY, headers={**BROWSER, "x-csrf-token": "0" * 64})
    right = await here.post(PAUSE, json=WHY, headers={**BROWSER, "x-csrf-token": given})

    assert [one.status_code for one in (without, wrong, right)] == [403, 403, 200]
    assert without.json()["type"] == "urn:landed:problem:csrf"


async def test_the_word_of_one_viewer_is_none_for_another(serve: Serve) -> None:
    web = await serve(trusted_proxies=["10.0.0.7"], proxy_scopes=["read", "operate"])
    pages = []
    for name in ("ada", "grace"):
        async with web.client(at=("10.0.0.7", 1), url=f"https://{NAME}", x_forwarded_user=name) as client:
            given = word((await client.get("/")).text)
            pages.append(given)
            other = await client.post(PAUSE, json=WHY, headers={"x-csrf-token": pages[0]})
            own = await client.post(PAUSE, json=WHY, headers={"x-csrf-token": given})

            assert own.status_code == 200
            assert (other.status_code == 200) == (name == "ada")


async def test_a_token_needs_no_word_because_no_page_can_send_it(web: Web) -> None:
    async with await web.holder(Scope.OPERATE) as client:
        assert (await client.post(PAUSE, json=WHY)).status_code == 200


async def test_a_form_elsewhere_cannot_send_what_the_api_takes(here: httpx.AsyncClient) -> None:
    """A browser sends such a body to any site without asking first."""
    answer = await here.post(PAUSE, content='{"why": "x"}', headers={"content-type": "text/plain"})
    rows = await here.post("/api/v1/messages", content="{}", headers={"content-type": "text/plain"})

    assert answer.status_code in {415, 422}
    assert rows.status_code == 415


async def test_the_api_lets_no_page_elsewhere_read_it(web: Web) -> None:
    async with web.client(at=ELSEWHERE, url=f"https://{NAME}", origin="https://evil.example") as client:
        answer = await client.options("/api/v1/messages", headers={"access-control-request-method": "GET"})

    assert [name for name in answer.headers if name.startswith("access-control-")] == []
    assert answer.headers["cross-origin-resource-policy"] == "same-origin"
