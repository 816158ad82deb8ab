"""The one sender: time and size limits, retries, pace, redaction, and what each failure becomes.

It sends what adapters ask, over httpx with the transport of `httpx-aiohttp`, because httpx's own connection pool
collapses under concurrency (encode/httpx#3215). Every request is a repeatable read, so every failure may be retried.
"""

import asyncio
import secrets
import ssl
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Self

import aiohttp
import httpx
import structlog
from httpx_aiohttp import AiohttpTransport
from tenacity import AsyncRetrying, RetryCallState, retry_if_exception_type, stop_after_attempt
from tenacity.wait import wait_random_exponential

from adapters.base import Adapter
from adapters.errors import AskError, Refused, Throttled, Unreachable, Unreadable
from adapters.retry_after import retry_after

log = structlog.get_logger()

#: What the transport and the libraries below it raise when no answer comes.
NO_ANSWER = (httpx.TransportError, aiohttp.ClientError, OSError, TimeoutError)

USER_AGENT = "landed"


@dataclass(frozen=True, slots=True)
class Attempt:
    """One request sent: its status or None, how long it took, and how many bytes came."""

    status: int | None
    seconds: float
    size: int
    problem: str | None = None


def _utc_now() -> datetime:
    return datetime.now(UTC)


class Sender:
    """Sends the requests of one account."""

    def __init__(
        self,
        adapter: Adapter[Any],
        account: str,
        *,
        timeout: timedelta = timedelta(seconds=10),
        concurrency: int | None = None,
        max_bytes: int = 32 * 1024 * 1024,
        tries: int = 3,
        patience: timedelta = timedelta(seconds=20),
        permit: Callable[[], Awaitable[None]] | None = None,
        observe: Callable[[Attempt], None] | None = None,
        clock: Callable[[], datetime] = _utc_now,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        client: httpx.AsyncClient | None = None,
    ) -> None:
        """Send at most `concurrency` requests at once; give up after `tries` tries or `patience`, whichever is first.

        `permit` is awaited before each try, `observe` called after it. `max_bytes` bounds an answer, unpacked.
        """
        self._adapter = adapter
        self._account = account
        self._timeout = timeout.total_seconds()
        self._at_once = asyncio.Semaphore(concurrency or adapter.limits.concurrency)
        self._max_bytes = max_bytes
        self._tries = tries
        self._patience = patience.total_seconds()
        self._permit = permit
        self._observe = observe
        self._clock = clock
        self._sleep = sleep
        self._client = client or _client(concurrency or adapter.limits.concurrency, self._timeout)

    async def __aenter__(self) -> Self:
        """Nothing is opened before the first request."""
        return self

    async def __aexit__(self, *_: object) -> None:
        """Close."""
        await self.aclose()

    async def aclose(self) -> None:
        """Close all connections."""
        await self._client.aclose()

    async def send(self, request: httpx.Request) -> httpx.Response:
        """The answer to `request`, read whole. Raises Unreachable, Throttled, Refused or Unreadable.

        Any status but 3xx, 401, 403, 429 and 5xx is an answer.
        """
        self._check_place(request.url)
        ends_at = time.monotonic() + self._patience
        # A new object for each call: one that is shared stops early under concurrency.
        retrying = AsyncRetrying(
            retry=retry_if_exception_type((Unreachable, Throttled)),
            stop=lambda state: stop_after_attempt(self._tries)(state) or self._is_too_late(state, ends_at),
            wait=self._wait,
            sleep=self._sleep,
            reraise=True,
        )
        async with self._at_once:
            return await retrying(self._try, request)

    def _check_place(self, url: httpx.URL) -> None:
        """A next page may not lead our credentials to somebody else."""
        base = httpx.URL(self._adapter.settings.base_url)
        ours = (url.scheme, url.host, url.port) == (base.scheme, base.host, base.port)
        if not ours and not (url.scheme == "https" and url.port is None and url.host in self._adapter.hosts):
            raise Refused(f"{self._who}: a page led to another host; nothing was sent there; tell the provider")

    @property
    def _who(self) -> str:
        return f"{self._adapter.name} (account {self._account})"

    def _wait(self, state: RetryCallState) -> float:
        """Back-off with jitter, and never less than the provider asks for."""
        error = state.outcome.exception() if state.outcome else None
        asked = error.retry_after.total_seconds() if isinstance(error, Throttled) and error.retry_after else 0.0
        return max(wait_random_exponential(multiplier=0.5, max=8)(state), asked)

    def _is_too_late(self, state: RetryCallState, ends_at: float) -> bool:
        error = state.outcome.exception() if state.outcome else None
        asked = error.retry_after.total_seconds() if isinstance(error, Throttled) and error.retry_after else 0.0
        return time.monotonic() + asked >= ends_at

    async def _try(self, request: httpx.Request) -> httpx.Response:
        if self._permit is not None:
            await self._permit()
        started = time.monotonic()
        status: int | None = None
        size, problem = 0, None
        try:
            response = await self._exchange(request)
            status, size = response.status_code, len(response.content)
            self._judge(response)
        except AskError as error:
            problem = type(error).__name__.lower()
            raise
        else:
            return response
        finally:
            if self._observe is not None:
                self._observe(Attempt(status, time.monotonic() - started, size, problem))

    async def _exchange(self, request: httpx.Request) -> httpx.Response:
        """Send once. The causes are not chained: their texts can hold addresses that stood in the query."""
        auth = self._adapter.auth(self._clock(), secrets.token_hex(16))
        try:
            async with asyncio.timeout(self._timeout * 2):
                answer = await self._client.send(_copy(request), auth=auth, stream=True, follow_redirects=False)
                try:
                    return await self._read(request, answer)
                finally:
                    await answer.aclose()
        except NO_ANSWER as error:
            cause = _cause(error, request.url)
        raise Unreachable(f"{self._who} gives no answer: {cause}; it is asked again later")

    async def _read(self, request: httpx.Request, answer: httpx.Response) -> httpx.Response:
        """The body, as long as it keeps within bounds; they hold for what it unpacks to."""
        chunks, size = [], 0
        try:
            async for chunk in answer.aiter_bytes():
                size += len(chunk)
                if size > self._max_bytes:
                    raise Unreadable(
                        f"{self._who}: the answer is larger than {self._max_bytes // 1024} KiB; ask for less at once"
                    )
                chunks.append(chunk)
        except httpx.DecodingError:
            raise Unreadable(f"{self._who}: the answer could not be unpacked") from None
        headers = [(name, value) for name, value in answer.headers.multi_items() if name != "content-encoding"]
        return httpx.Response(answer.status_code, headers=headers, content=b"".join(chunks), request=request)

    def _judge(self, response: httpx.Response) -> None:
        """Raise what an answer means that is not for the adapter."""
        status = response.status_code
        if status in {401, 403}:
            raise Refused(
                f"{self._who} refuses our credentials (status {status}); check them in landed.toml or the environment",
                credentials=True,
            )
        if status == httpx.codes.TOO_MANY_REQUESTS:
            raise Throttled(
                f"{self._who} says that it is asked too often (status 429); it is left alone for a while",
                retry_after(response, self._clock()),
            )
        if response.is_redirect or status // 100 == 3:  # noqa: PLR2004 - any redirection
            raise Refused(f"{self._who} answers with a redirect (status {status}); correct base_url")
        if response.is_server_error:
            raise Unreachable(f"{self._who} is in trouble (status {status}); it is asked again later")


def _client(concurrency: int, timeout: float) -> httpx.AsyncClient:
    limits = httpx.Limits(max_connections=concurrency, max_keepalive_connections=concurrency)
    context = httpx.create_ssl_context()

    def session() -> aiohttp.ClientSession:
        # One account's cookies are no business of anybody, and proxies are an operator's to set in the environment.
        return aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=concurrency, ssl=context, keepalive_timeout=15),
            cookie_jar=aiohttp.DummyCookieJar(),
            trust_env=True,
        )

    return httpx.AsyncClient(
        transport=AiohttpTransport(client=session, limits=limits),
        timeout=httpx.Timeout(timeout),
        headers={"user-agent": USER_AGENT, "accept-encoding": "gzip, deflate"},
        follow_redirects=False,
    )


def _copy(request: httpx.Request) -> httpx.Request:
    """The request anew for each attempt, because credentials are written into it."""
    headers = {"user-agent": USER_AGENT, "accept-encoding": "gzip, deflate", **dict(request.headers)}
    return httpx.Request(
        request.method, request.url, headers=headers, content=request.content, extensions=dict(request.extensions)
    )


def _cause(error: BaseException, url: httpx.URL) -> str:
    """Why no answer came, in one line, without anything that stood in the request but its host."""
    chain: list[BaseException] = [error]
    while (below := chain[-1].__cause__ or chain[-1].__context__) is not None and below not in chain:
        chain.append(below)
    for one in chain:
        if isinstance(one, ssl.SSLCertVerificationError | aiohttp.ClientConnectorCertificateError):
            return f"the TLS certificate of {url.host} is not valid"
        if isinstance(one, aiohttp.ClientConnectorDNSError):
            return f"there is no host {url.host}"
        if isinstance(one, ConnectionRefusedError):
            return f"{url.host} refuses the connection"
        if isinstance(one, TimeoutError | httpx.TimeoutException) and not isinstance(one, httpx.ConnectTimeout):
            return "it took too long"
    if any(isinstance(one, ssl.SSLError | aiohttp.ClientConnectorSSLError) for one in chain):
        return f"{url.host} does not speak TLS as it should"
    return "the connection broke"
