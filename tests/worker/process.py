"""Real workers in processes of their own, and a small provider for them that speaks Twilio's API."""

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from aiohttp import web

ROOT = Path(__file__).resolve().parent.parent.parent

#: For something to come about, on a machine that does much else.
SECONDS = 60

SID = "AC00000000000000000000000000000001"


@dataclass
class Twilio:
    """What it knows of each message: Twilio's word and error code. While `closed`, it keeps whoever asks waiting."""

    words: dict[str, tuple[str, int | None]] = field(default_factory=dict)
    asked: int = 0
    waiting: int = 0
    _open: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        """Answer at once."""
        self._open.set()

    def close(self) -> None:
        """Keep whoever asks waiting."""
        self._open.clear()

    def open(self) -> None:
        """Answer those who wait."""
        self._open.set()

    @asynccontextmanager
    async def served(self) -> AsyncIterator[str]:
        """The URL at which it is asked."""
        app = web.Application()
        app.router.add_get(f"/2010-04-01/Accounts/{SID}/Messages/{{sid}}.json", self._one)
        app.router.add_get(f"/2010-04-01/Accounts/{SID}/Messages.json", self._all)
        runner = web.AppRunner(app, shutdown_timeout=1)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        try:
            yield f"http://127.0.0.1:{runner.addresses[0][1]}"
        finally:
            self.open()
            await runner.cleanup()

    async def _wait(self) -> None:
        self.asked += 1
        self.waiting += 1
        try:
            await self._open.wait()
        finally:
            self.waiting -= 1

    async def _one(self, request: web.Request) -> web.Response:
        await self._wait()
        sid = request.match_info["sid"]
        if sid not in self.words:
            return web.json_response({"code": 20404, "message": "not found"}, status=404)
        return web.json_response(self._said(sid))

    async def _all(self, _request: web.Request) -> web.Response:
        await self._wait()
        return web.json_response({"messages": [self._said(sid) for sid in self.words], "next_page_uri": None})

    def _said(self, sid: str) -> dict[str, object]:
        word, code = self.words[sid]
        return {"sid": sid, "status": word, "direction": "outbound-api", "error_code": code, "date_updated": None}


def configuration(base_url: str, **worker: object) -> str:
    """A `landed.toml` with one account, which is asked often and quickly."""
    own = "\n".join(f"{name} = {json.dumps(value)}" for name, value in worker.items())
    return f"""
log_format = "json"

[worker]
{own}
[accounts.sms]
adapter = "twilio"
base_url = "{base_url}"
account_sid = "{SID}"
auth_token = "planted-secret-in-the-token"
rate = 1000
concurrency = 8
lag = "0s"
looks = ["100ms", "500ms"]
then = "1s"
timeout = "5s"
"""


class Worker:
    """`python -m cli worker` on these servers."""

    def __init__(self, folder: Path, database: str, redis: str, text: str, root: Path = ROOT) -> None:
        """Its configuration and its log are in `folder`, the program in `root`."""
        self._config = folder / "landed.toml"
        self._config.write_text(text)
        self.log = folder / "worker.log"
        self._environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("LANDED_")},
            "LANDED_CONFIG": str(self._config),
            "LANDED_DATABASE_URL": database,
            "LANDED_REDIS_URL": redis,
            "LANDED_HOME": str(folder / "home"),
            "PYTHONPATH": str(root),
        }
        self._process: asyncio.subprocess.Process | None = None

    def configure(self, text: str) -> None:
        """Change its configuration as an operator does: by another file in the place of the one that is there."""
        new = self._config.with_suffix(".new")
        new.write_text(text)
        new.replace(self._config)

    async def start(self) -> None:
        """Start one that does not run."""
        with self.log.open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-P", "-m", "cli", "worker"),
                cwd=self._config.parent,
                env=self._environment,
                stdout=log,
                stderr=log,
            )

    def signal(self, word: signal.Signals) -> None:
        """Send a signal."""
        assert self._process is not None
        self._process.send_signal(word)

    async def kill(self) -> None:
        """`kill -9`."""
        if self._process is not None and self._process.returncode is None:
            self._process.kill()
            await self._process.wait()

    async def stop(self) -> tuple[int, float]:
        """Stop it as an operator does: its exit code, and how many seconds that took."""
        assert self._process is not None
        began = asyncio.get_running_loop().time()
        self._process.terminate()
        async with asyncio.timeout(SECONDS):
            code = await self._process.wait()
        return code, asyncio.get_running_loop().time() - began

    def events(self, name: str) -> list[dict[str, object]]:
        """The lines of its log with this event's name."""
        lines = self.log.read_text().splitlines() if self.log.exists() else []
        found = [json.loads(line) for line in lines if line.startswith("{")]
        return [one for one in found if one.get("event") == name]

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._process is not None and self._process.returncode is None:
            self._process.send_signal(signal.SIGCONT)
        await self.kill()
