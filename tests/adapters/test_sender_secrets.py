"""Planted secrets and a person's address are in nothing that the sender shows: errors, prints, logs of any library."""

import asyncio
import logging
import traceback
from collections.abc import Iterator

import httpx
import pytest
import structlog
from aiohttp import web

from adapters.errors import AskError
from tests.adapters.plain import ADDRESS, TOKEN, Told, plain, request, sender, serving

#: As they stand, as they are written in an address, and without what a careful cleaner might cut.
PLANTED = (TOKEN, TOKEN[-4:], ADDRESS, ADDRESS.removeprefix("+"))

#: The loggers of all libraries between us and the network.
LOGGERS = ("", "aiohttp", "aiohttp.client", "asyncio", "httpx", "httpx_aiohttp", "httpcore", "tenacity")


@pytest.fixture
def logs(caplog: pytest.LogCaptureFixture) -> Iterator[list[str]]:
    """Everything that is logged, down to debug, by structlog and by the standard library's loggers."""
    lines: list[str] = []

    def keep(_: object, __: str, event: structlog.typing.EventDict) -> structlog.typing.EventDict:
        lines.append(repr(event))
        raise structlog.DropEvent

    for name in LOGGERS:
        caplog.set_level(logging.DEBUG, name)
    before = structlog.get_config()
    structlog.configure(
        processors=[structlog.processors.format_exc_info, keep],
        wrapper_class=structlog.make_filtering_bound_logger(logging.DEBUG),
        cache_logger_on_first_use=False,
    )
    yield lines
    structlog.configure(**before)


def whole(error: BaseException) -> str:
    """Everything that can be printed of an error: text, form, what it carries, and its traceback with all causes."""
    chain, found = [error], []
    while (below := chain[-1].__cause__ or chain[-1].__context__) is not None:
        chain.append(below)
    for one in chain:
        found += [str(one), repr(one), repr(one.args), repr(getattr(one, "__dict__", {}))]
    return "\n".join([*found, *traceback.format_exception(error)])


def leaks(*texts: str) -> list[str]:
    return [text for text in texts for planted in PLANTED if planted in text]


@pytest.mark.parametrize("status", [200, 302, 400, 401, 403, 404, 429, 500])
async def test_nothing_planted_is_shown_whatever_the_answer(
    logs: list[str], caplog: pytest.LogCaptureFixture, status: int
) -> None:
    """Even where the provider echoes it, in its headers or its body."""
    told, arrived = Told(), list[str]()

    async def answer(asked: web.BaseRequest) -> web.StreamResponse:
        arrived.append(f"{asked.headers['authorization']} {asked.query['to']}")
        echo = {"x-echo": f"{TOKEN} {ADDRESS}", "location": f"/elsewhere?to={ADDRESS}", "set-cookie": f"a={TOKEN}"}
        return web.Response(status=status, text=f"{TOKEN} {ADDRESS}", headers=echo)

    async with serving(answer) as base_url, sender(told, base_url) as to:
        shown = [repr(to), str(to)]
        try:
            shown.append(repr(await to.send(request(base_url))))
        except AskError as error:
            shown.append(whole(error))
        shown += [repr(to), repr(told.attempts)]

    assert f"Bearer {TOKEN} {ADDRESS}" == arrived[0]
    assert leaks(*shown, *logs, caplog.text, *(repr(record.__dict__) for record in caplog.records)) == []


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        f"{TOKEN} {ADDRESS}\r\n\r\n".encode(),
        f"HTTP/1.1 200 OK\r\nx: {TOKEN} {ADDRESS}".encode() + b"x" * 9999 + b"\r\n\r\n",
        f"HTTP/1.1 200 OK\r\ncontent-length: 9999\r\n\r\n{TOKEN} {ADDRESS}".encode(),
        f"HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\n\r\n{TOKEN} {ADDRESS}".encode(),
        f"HTTP/1.1 200 OK\r\ncontent-encoding: {TOKEN}\r\n\r\n{ADDRESS}".encode(),
    ],
    ids=["nothing", "rubbish", "a long header", "half a body", "badly packed", "strangely packed"],
)
async def test_nothing_planted_is_shown_whatever_breaks(
    logs: list[str], caplog: pytest.LogCaptureFixture, raw: bytes
) -> None:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(raw)
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    base_url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    async with server, sender(base_url=base_url) as to:
        with pytest.raises(AskError) as caught:
            await to.send(request(base_url))

    assert leaks(whole(caught.value), *logs, caplog.text) == []


@pytest.mark.parametrize(
    ("place", "token"),
    [
        (f"https://elsewhere.example/{TOKEN}?to={ADDRESS}", TOKEN),
        (f"http://127.0.0.1:9/{TOKEN}?to={ADDRESS}", TOKEN),
        (f"http://127.0.0.1:9/?to={ADDRESS}", f"{TOKEN}\n{ADDRESS}"),
    ],
    ids=["elsewhere", "nobody there", "bad credentials"],
)
async def test_nothing_planted_is_shown_when_nothing_is_sent(
    logs: list[str], caplog: pytest.LogCaptureFixture, place: str, token: str
) -> None:
    async with sender(adapter=plain("http://127.0.0.1:9", token)) as to:
        with pytest.raises(AskError) as caught:
            await to.send(httpx.Request("GET", place))

    assert leaks(whole(caught.value), *logs, caplog.text) == []
