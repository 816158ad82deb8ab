"""A server that gives everyone the same answer: `python -m bench.static` prints its address and ends with its input."""

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from aiohttp import web

#: A message as Twilio tells of it, shortened to what is read and a text around it.
ANSWER = (
    b'{"account_sid": "AC00000000000000000000000000000000", "api_version": "2010-04-01", "body": "%s", "date_created":'
    b' "Tue, 24 Nov 2026 12:00:00 +0000", "date_sent": "Tue, 24 Nov 2026 12:00:01 +0000", "date_updated": "Tue, 24 Nov'
    b' 2026 12:00:04 +0000", "direction": "outbound-api", "error_code": null, "error_message": null, "from":'
    b' "+15005550006", "num_segments": "1", "sid": "SM00000000000000000000000000000000", "status": "delivered", "to":'
    b' "+447700900001"}'
) % (b"Your parcel comes today. " * 6)

ROOT = Path(__file__).parent.parent


@asynccontextmanager
async def answering() -> AsyncIterator[str]:
    """The address of such a server, in a process of its own."""
    server = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "bench.static", cwd=ROOT, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
    )
    assert server.stdin is not None  # noqa: S101 - both are pipes
    assert server.stdout is not None  # noqa: S101
    try:
        yield (await server.stdout.readline()).decode().strip()
    finally:
        server.stdin.close()
        await server.wait()


async def serve() -> None:
    """Answer until the input ends."""

    async def answer(_: web.BaseRequest) -> web.Response:
        return web.Response(body=ANSWER, content_type="application/json")

    runner = web.ServerRunner(web.Server(answer, access_log=None), shutdown_timeout=0.1)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0, backlog=1024).start()
        print(f"http://127.0.0.1:{runner.addresses[0][1]}", flush=True)  # noqa: T201 - whoever started us reads it
        await asyncio.to_thread(sys.stdin.buffer.read)
    finally:
        await runner.cleanup()


if __name__ == "__main__":
    asyncio.run(serve())
