"""A Twilio on loopback that gives recorded answers: what `probe` and `look` ask in these tests."""

import asyncio
import json
from base64 import b64encode
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from threading import Thread
from typing import Any
from urllib.parse import unquote

from aiohttp import web

from tests.adapters.recorded import ANSWERS, body, imagined

SETTINGS = imagined("twilio")
SECRET = SETTINGS["auth_token"]

#: What the account's credentials look like on the wire.
BASIC = "Basic " + b64encode(f"{SETTINGS['account_sid']}:{SECRET}".encode()).decode()


def recorded(case: str) -> Mapping[str, Any]:
    """A recorded answer of Twilio: its question, its response and what is read from it."""
    found: dict[str, Any] = json.loads((ANSWERS / "twilio" / f"{case}.json").read_text())
    return found


def name_of(case: str) -> str:
    """The id that a recorded answer is about."""
    return str(recorded(case)["what"]["ids"][0])


def _by_id() -> dict[str, Mapping[str, Any]]:
    every = [recorded(path.stem) for path in sorted((ANSWERS / "twilio").glob("*.json")) if path.stem != "settings"]
    return {one["what"]["ids"][0]: one["response"] for one in every if isinstance(one["what"].get("ids"), list)}


@dataclass
class Twilio:
    """Answers by id, and the same page to every question about a window. `asked` has every path and query."""

    url: str = ""
    asked: list[str] = field(default_factory=list)
    answers: dict[str, Mapping[str, Any]] = field(default_factory=_by_id)
    page: Mapping[str, Any] = field(default_factory=lambda: recorded("listing")["response"])

    async def answer(self, request: web.Request) -> web.Response:
        """The recorded answer; 401 without the right credentials."""
        self.asked.append(unquote(request.path_qs))
        if "account" not in request.match_info:
            return web.Response(status=404, text="no such page")
        if request.headers.get("authorization") != BASIC:
            return _made(recorded("refused-credentials")["response"])
        name = request.match_info.get("id")
        return _made(self.page if name is None else self.answers.get(name, recorded("not_found")["response"]))


def _made(response: Mapping[str, Any]) -> web.Response:
    headers = {"content-type": "application/json"} | response.get("headers", {})
    return web.Response(status=response["status"], headers=headers, body=body(response))


@contextmanager
def serving(answer: Callable[[web.Request], Any]) -> Iterator[str]:
    """The address of an HTTP server in a thread of its own."""
    loop = asyncio.new_event_loop()
    app = web.Application()
    account = "/2010-04-01/Accounts/{account}/Messages"
    for path in (account + ".json", account + "/{id}.json", "/{elsewhere:.*}"):
        app.router.add_get(path, answer)
    runner = web.AppRunner(app)

    async def start() -> str:
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        return f"http://127.0.0.1:{runner.addresses[0][1]}"

    thread = Thread(target=loop.run_forever, daemon=True)
    thread.start()
    try:
        yield asyncio.run_coroutine_threadsafe(start(), loop).result(10)
    finally:
        asyncio.run_coroutine_threadsafe(runner.cleanup(), loop).result(10)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)
        loop.close()
