"""The sender against a real server on this machine, for what an imitation cannot show: time, size, connections, TLS."""

import asyncio
import gzip
import ssl
import zlib
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from socket import EAI_AGAIN, EAI_NONAME, gaierror, socket
from typing import Any

import httpx
import pytest
from aiohttp import web

from adapters.errors import AskError, Refused, Throttled, Unreachable, Unreadable
from tests.adapters.plain import ADDRESS, Told, plain, request, sender, serving

CERTIFICATE = Path(__file__).parent / "self_signed.pem"

#: So short that a test need not wait, so long that a busy machine answers within it what it answers at once.
SHORT = timedelta(seconds=0.5)


@pytest.fixture(autouse=True)
def _no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever proxy this machine has, it does not lead to itself."""
    for name in ("http_proxy", "https_proxy", "no_proxy", "ssl_cert_file"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


async def fails(base_url: str, error: type[AskError], match: str, told: Told | None = None, **options: Any) -> None:
    """Asking at `base_url` fails, as it should."""
    options = {"tries": 1} | options
    async with sender(told, base_url, **options) as to:
        with pytest.raises(error, match=match):
            await to.send(request(base_url))


@asynccontextmanager
async def saying(raw: bytes, *, silent: bool = False) -> AsyncIterator[str]:
    """The address of a server that says `raw` to everyone and hangs up, or stays `silent` after it."""
    connections: list[asyncio.StreamWriter] = []

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connections.append(writer)
        await reader.read(1)
        writer.write(raw)
        await writer.drain()
        if not silent:
            writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        for writer in connections:
            writer.close()
        server.close()


@pytest.mark.parametrize(
    "said",
    [b"", b"HTTP/1.1 200 OK\r\n", b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n{", b"HTTP/1.1 200 OK\r\n\r\n[1,"],
    ids=["nothing", "half a header", "half a body", "a body without end"],
)
async def test_a_provider_that_stops_talking_is_left(said: bytes) -> None:
    async with saying(said, silent=True) as base_url:
        await fails(base_url, Unreachable, "gives no answer: it took too long", timeout=SHORT)


async def test_a_provider_that_dribbles_is_left() -> None:
    """A byte now and then keeps a connection alive; the time limit is for the whole answer."""
    left = asyncio.Event()

    async def dribble(asked: web.BaseRequest) -> web.StreamResponse:
        answer = web.StreamResponse()
        await answer.prepare(asked)
        try:
            while True:
                await answer.write(b" ")
                await asyncio.sleep(SHORT.total_seconds() / 20)
        except ConnectionError:
            left.set()
            raise

    async with serving(dribble) as base_url:
        await fails(base_url, Unreachable, "it took too long", timeout=SHORT)
        await asyncio.wait_for(left.wait(), 30)


async def test_tries_are_bounded_in_time() -> None:
    """However many tries there may be."""
    told = Told()
    async with saying(b"", silent=True) as base_url:
        await fails(base_url, Unreachable, "too long", told, tries=50, timeout=SHORT, patience=SHORT * 2.5)

    assert 1 <= len(told.attempts) <= 3


@pytest.mark.parametrize(
    "said",
    [b"", b"HTTP/1.1 200 OK\r\ncontent-le", b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\n{", b"\r\n" * 20],
    ids=["nothing", "half a header", "half a body", "empty lines"],
)
async def test_a_broken_connection_is_no_answer(said: bytes) -> None:
    """Half a body is never taken for a whole one."""
    async with saying(said) as base_url:
        await fails(base_url, Unreachable, "gives no answer: the connection broke")


@pytest.mark.parametrize(
    "said",
    [b"SSH-2.0-OpenSSH_9.2\r\n\r\n", b"HTTP/1.1 200 OK\r\nx: " + b"y" * 99_999 + b"\r\n\r\n", b"HTTP/1.1 OK\r\n\r\n"],
    ids=["another protocol", "a huge header", "no status"],
)
async def test_rubbish_is_told_as_such(said: bytes) -> None:
    async with saying(said) as base_url:
        await fails(base_url, Unreachable, "127.0.0.1 does not speak HTTP as it should; check base_url")


async def test_an_answer_is_bounded_in_size() -> None:
    """One byte more is too much, with and without a declared length; it is not read to its end."""
    size = 100 * 1024

    async def declared(asked: web.BaseRequest) -> web.StreamResponse:
        return web.Response(body=b"x" * (size if asked.path == "/fits/messages" else size + 1))

    async def streamed(asked: web.BaseRequest) -> web.StreamResponse:
        answer = web.StreamResponse()
        await answer.prepare(asked)
        while True:
            await answer.write(b"x" * 1024)

    async with serving(declared) as base_url, sender(base_url=f"{base_url}/fits", max_bytes=size) as to:
        assert size == len((await to.send(request(f"{base_url}/fits"))).content)

        await fails(base_url, Unreadable, "larger than 100 KiB; ask for less at once", max_bytes=size)
    async with serving(streamed) as base_url:
        told = Told()
        await fails(base_url, Unreadable, "larger than 100 KiB", told, max_bytes=size)

        assert [(one.status, one.problem) for one in told.attempts] == [(200, "unreadable")]
        assert size < told.attempts[0].size < size + 64 * 1024


def bomb(megabytes: int) -> bytes:
    """So much of nothing, packed."""
    return gzip.compress(b"\0" * megabytes * 1024 * 1024)


async def test_a_packed_answer_is_bounded_by_what_it_unpacks_to() -> None:
    """It is unpacked piece by piece, so that never much more than the limit is held."""
    body = bomb(256)
    told = Told()

    async def packed(_: web.BaseRequest) -> web.StreamResponse:
        return web.Response(body=body, headers={"content-encoding": "gzip"})

    async with serving(packed) as base_url:
        await fails(base_url, Unreadable, "larger than 1024 KiB", told, max_bytes=1024 * 1024)

    assert told.attempts[0].size < 32 * 1024 * 1024


async def test_an_answer_packed_twice_is_not_unpacked() -> None:
    """Each layer can grow a thousandfold, and nobody asked for that."""
    body = gzip.compress(bomb(64))

    async def packed(_: web.BaseRequest) -> web.StreamResponse:
        return web.Response(body=body, headers={"content-encoding": "gzip, gzip"})

    async with serving(packed) as base_url:
        await fails(base_url, Unreadable, "packed in a way that was not asked for")


@pytest.mark.parametrize(
    ("encoding", "pack"), [("gzip", gzip.compress), ("deflate", zlib.compress), ("GZIP", gzip.compress)]
)
async def test_a_packed_answer_is_unpacked(encoding: str, pack: Callable[[bytes], bytes]) -> None:
    """And its headers no longer say that it is packed, nor how long it was."""

    async def packed(asked: web.BaseRequest) -> web.StreamResponse:
        assert encoding.lower() in asked.headers["accept-encoding"]
        return web.Response(body=pack(b'{"messages": []}' * 99), headers={"content-encoding": encoding})

    async with serving(packed) as base_url, sender(base_url=base_url) as to:
        answer = await to.send(request(base_url))

    assert answer.content == b'{"messages": []}' * 99
    assert "content-encoding" not in answer.headers
    assert str(len(answer.content)) == answer.headers.get("content-length", str(len(answer.content)))


async def test_a_badly_packed_answer_is_unreadable() -> None:
    async def broken(_: web.BaseRequest) -> web.StreamResponse:
        return web.Response(body=b"not gzip at all", headers={"content-encoding": "gzip"})

    async with serving(broken) as base_url:
        await fails(base_url, Unreadable, "could not be unpacked")


@pytest.mark.parametrize(
    ("status", "error"), [(500, Unreachable), (401, Refused), (429, Throttled), (302, Refused)], ids=str
)
async def test_a_status_counts_whatever_the_body_is(status: int, error: type[AskError]) -> None:
    """A huge or broken page of some proxy does not hide what the provider means."""

    async def broken(_: web.BaseRequest) -> web.StreamResponse:
        return web.Response(status=status, body=b"not gzip" * 99_999, headers={"content-encoding": "gzip"})

    async with serving(broken) as base_url:
        await fails(base_url, error, f"status {status}", max_bytes=10)


async def test_cookies_are_not_kept() -> None:
    """What a provider, or a balancer before it, wants us to remember could mix up accounts."""
    cookies: list[str | None] = []

    async def answer(asked: web.BaseRequest) -> web.StreamResponse:
        cookies.append(asked.headers.get("cookie"))
        reply = web.Response(text="{}")
        reply.set_cookie("session", "planted")
        return reply

    async with serving(answer) as base_url, sender(base_url=base_url) as to:
        for _ in range(3):
            await to.send(request(base_url))

    assert cookies == [None] * 3


async def test_connections_are_used_again_and_never_more_than_allowed() -> None:
    peers: set[object] = set()
    now, most = 0, 0

    async def answer(asked: web.BaseRequest) -> web.StreamResponse:
        nonlocal now, most
        assert asked.transport is not None
        peers.add(asked.transport.get_extra_info("peername"))
        now, most = now + 1, max(most, now + 1)
        await asyncio.sleep(0.001)
        now -= 1
        return web.Response(text="{}")

    async with serving(answer) as base_url, sender(base_url=base_url, concurrency=3) as to:
        await asyncio.gather(*(to.send(request(base_url)) for _ in range(60)))

    assert most == 3
    assert len(peers) <= 3


async def test_asking_after_a_failure_works() -> None:
    """No answer, however it failed, spoils the next on the same connections."""
    statuses = iter([500, 302, 401, 429, 200] * 5)

    async def answer(_: web.BaseRequest) -> web.StreamResponse:
        return web.Response(status=next(statuses), text="x" * 50_000)

    async with serving(answer) as base_url, sender(base_url=base_url, tries=1, concurrency=1) as to:
        for _ in range(5):
            for error in (Unreachable, Refused, Refused, Throttled):
                with pytest.raises(error):
                    await to.send(request(base_url))
            assert len((await to.send(request(base_url))).content) == 50_000


async def test_what_stands_in_an_address_arrives_unchanged() -> None:
    """Also what has a meaning of its own there."""
    arrived: list[tuple[str, dict[str, str]]] = []
    odd = {"to": ADDRESS, "text": "a+b &=%/?:;,@#é~", "at": "2026-01-01T00:00:00+00:00"}

    async def answer(asked: web.BaseRequest) -> web.StreamResponse:
        arrived.append((asked.raw_path.partition("?")[0], dict(asked.query)))
        return web.Response(text="{}")

    async with serving(answer) as base_url, sender(base_url=base_url) as to:
        await to.send(httpx.Request("GET", f"{base_url}/a%2Fb/c%20d", params=odd))

    assert [("/a%2Fb/c%20d", odd)] == arrived


async def test_a_certificate_that_nobody_vouches_for_is_named() -> None:
    told = Told()
    async with serving(_fine, ssl_context=_tls()) as base_url:
        await fails(base_url, Unreachable, "the TLS certificate of 127.0.0.1 is not valid", told)

    assert told.statuses == [None]


async def test_an_operators_own_authority_is_trusted(monkeypatch: pytest.MonkeyPatch) -> None:
    """SSL_CERT_FILE names it, as for other programs; a certificate for another name is refused all the same."""
    monkeypatch.setenv("SSL_CERT_FILE", str(CERTIFICATE))
    async with serving(_fine, ssl_context=_tls()) as base_url, sender(base_url=base_url) as to:
        answer = await to.send(request(base_url))
    async with serving(_fine, "127.0.0.2", _tls()) as base_url:
        await fails(base_url, Unreachable, "the TLS certificate of 127.0.0.2 is not valid")

    assert answer.status_code == 200


async def test_what_does_not_speak_tls_is_named() -> None:
    async with serving(_fine) as base_url:
        secure = base_url.replace("http:", "https:")
        await fails(secure, Unreachable, "127.0.0.1 does not speak TLS as it should; check base_url")


async def test_nobody_listening_is_named() -> None:
    with socket() as free:
        free.bind(("127.0.0.1", 0))
        base_url = f"http://127.0.0.1:{free.getsockname()[1]}"
        await fails(base_url, Unreachable, "127.0.0.1 refuses the connection")


@pytest.mark.parametrize(
    ("number", "said"),
    [
        (EAI_NONAME, "there is no host api.plain.example; check base_url"),
        (EAI_AGAIN, "the name api.plain.example cannot be looked up now"),
    ],
)
async def test_a_host_that_is_not_found_is_named(monkeypatch: pytest.MonkeyPatch, number: int, said: str) -> None:
    """No such host is the operator's to mend; no name service is this machine's trouble."""

    async def look_up(*_: object, **__: object) -> None:
        raise gaierror(number, "as the system says it")

    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", look_up)
    await fails("https://api.plain.example", Unreachable, said)


@pytest.mark.parametrize("token", ["two\nlines", "return\r", "zero\0"])
async def test_credentials_that_http_cannot_carry_are_refused(token: str) -> None:
    """A slip in a secret's file is told at once, without the secret, and nothing is sent."""
    told, asked = Told(), list[str]()

    async def answer(request: web.BaseRequest) -> web.StreamResponse:
        asked.append(request.path)
        return web.Response()

    async with serving(answer) as base_url, sender(told, adapter=plain(base_url, token)) as to:
        with pytest.raises(Refused, match="was not asked: its credentials hold a character") as caught:
            await to.send(request(base_url))

    assert caught.value.credentials
    assert token not in str(caught.value)
    assert (asked, [one.problem for one in told.attempts]) == ([], ["refused"])


async def test_passwords_kept_for_others_are_not_used(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Libraries below us would send what stands in ~/.netrc, or fail because of it."""
    netrc = tmp_path / "netrc"
    netrc.write_text("default login someone password planted-netrc\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    seen: list[str] = []

    async def answer(asked: web.BaseRequest) -> web.StreamResponse:
        seen.append(asked.headers["authorization"])
        return web.Response(text="{}")

    async with serving(answer) as base_url, sender(base_url=base_url) as to:
        await to.send(request(base_url))

    assert seen == ["Bearer planted-token-5f0e"]


async def test_the_environments_proxy_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    """With its password, but not for hosts that NO_PROXY names."""
    through: list[tuple[str, str | None]] = []

    async def answer(asked: web.BaseRequest) -> web.StreamResponse:
        through.append((asked.raw_path.partition("?")[0], asked.headers.get("proxy-authorization")))
        return web.Response(text="{}")

    async with serving(answer) as here:
        monkeypatch.setenv("http_proxy", here.replace("//", "//someone:else@"))
        monkeypatch.setenv("no_proxy", "127.0.0.1")
        for base_url in ("http://api.plain.example", here):
            async with sender(base_url=base_url) as to:
                await to.send(request(base_url))

    assert through == [("http://api.plain.example/messages", "Basic c29tZW9uZTplbHNl"), ("/messages", None)]


@pytest.mark.parametrize("base_url", ["http://api.plain.example", "https://api.plain.example"])
async def test_a_proxy_that_is_not_there_is_named(monkeypatch: pytest.MonkeyPatch, base_url: str) -> None:
    """The provider is not to blame; and the proxy's password is not shown."""
    with socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"http://someone:planted-proxy@127.0.0.1:{free.getsockname()[1]}"
        for scheme in ("http", "https"):
            monkeypatch.setenv(f"{scheme}_proxy", address)
        async with sender(base_url=base_url, tries=1) as to:
            with pytest.raises(Unreachable, match="the proxy that the environment names") as caught:
                await to.send(request(base_url))

    assert "planted-proxy" not in str(caught.value)


async def _fine(_: web.BaseRequest) -> web.StreamResponse:
    return web.Response(text="{}")


def _tls() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(CERTIFICATE)
    return context
