"""Who may: on this machine everybody, elsewhere who has a token or whom a trusted proxy names."""

import httpx

from tests.web.conftest import ELSEWHERE, NAME, Web


async def test_who_is_on_this_machine_needs_no_token(here: httpx.AsyncClient) -> None:
    assert (await here.get("/")).status_code == 200


async def test_who_is_elsewhere_is_asked_for_a_token(web: Web) -> None:
    async with web.client(at=ELSEWHERE, url=f"https://{NAME}") as client:
        answer = await client.get("/?page=2")

    assert answer.status_code == 303
    assert answer.headers["location"] == "/log-in?to=%2F%3Fpage%3D2"
