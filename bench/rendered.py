"""A provider whose answers are rendered beforehand: `python -m bench.rendered FOLDER` serves its files.

It prints its address and ends with its input.
"""

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from aiohttp import web

ROOT = Path(__file__).parent.parent


@asynccontextmanager
async def serving(folder: Path) -> AsyncIterator[str]:
    """The address of a process that serves the files of `folder`."""
    server = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "bench.rendered",
        str(folder),
        cwd=ROOT,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    assert server.stdin is not None  # noqa: S101 - both are pipes
    assert server.stdout is not None  # noqa: S101
    try:
        yield (await server.stdout.readline()).decode().strip()
    finally:
        server.stdin.close()
        await server.wait()


async def serve(folder: Path) -> None:
    """Serve until the input ends."""

    async def answer(request: web.BaseRequest) -> web.Response:
        file = folder / request.path.lstrip("/")
        return web.Response(body=file.read_bytes(), content_type="application/json")

    runner = web.ServerRunner(web.Server(answer, access_log=None), shutdown_timeout=0.1)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        print(f"http://127.0.0.1:{runner.addresses[0][1]}", flush=True)  # noqa: T201 - whoever started us reads it
        await asyncio.to_thread(sys.stdin.buffer.read)
    finally:
        await runner.cleanup()


if __name__ == "__main__":
    asyncio.run(serve(Path(sys.argv[1])))
