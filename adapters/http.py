"""The one sender: time and size limits, retries, pace, redaction, and what each failure becomes.

It sends what adapters ask, over httpx with the transport of `httpx-aiohttp`, because httpx's own connection pool
collapses under concurrency (encode/httpx#3215). Every request is a repeatable read, so every failure may be retried.
"""

import asyncio
import secrets
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Self

import httpx
from tenacity import (
    AsyncRetrying,
    RetryCallState,
    retry_if_exception_type,
    stop_after_attempt,
    stop_any,
    stop_before_delay,
)
from tenacity.stop import stop_base
from tenacity.wait import wait_random_exponential

from adapters.allowance import Allowance
from adapters.base import Adapter
from adapters.client import NO_ANSWER, cause, open_client
from adapters.errors import AskError, Refused, Throttled, Unreachable, Unreadable
from adapters.patience import is_patient
from adapters.permit import PERMIT, Permit
from adapters.retry_after import retry_after

HEADERS = ((b"user-agent", b"landed"), (b"accept-encoding", b"gzip, deflate"))

#: Headers that say how a body came.
CAME = {b"content-encoding", b"content-length", b"transfer-encoding"}

#: How an answer may be packed. Packed twice it could grow a million times before its size is seen.
PACKED = {"", "identity", "gzip", "deflate"}

#: Whoever answers so may say for how long nobody should ask.
SAYS_NO = {429, 503}

#: Seconds before a second try: longer with each, up to `max`, and spread, so that workers do not come back together.
BACK_OFF = wait_random_exponential(multiplier=0.5, min=0.2, max=8)


@dataclass(slots=True)
class Attempt:
    """One request sent: its status or None, how long it took, how many bytes came, and the kind of error if any.

    `allowance` is what the provider said is left; nothing where it said no, and for how long.
    """

    status: int | None = None
    seconds: float = 0.0
    size: int = 0
    problem: str | None = None
    allowance: Allowance | None = None


def _utc_now() -> datetime:
    return datetime.now(UTC)


class Sender:
    """Sends the requests of one account."""

    def __init__(  # noqa: PLR0913  each bounds or hears something else
        self,
        adapter: Adapter[Any],
        account: str,
        *,
        timeout: timedelta = timedelta(seconds=10),
        concurrency: int | None = None,
        max_bytes: int = 32 * 1024 * 1024,
        tries: int = 3,
        patience: timedelta = timedelta(seconds=20),
        permit: Callable[[], Awaitable[Permit | None]] | None = None,
        observe: Callable[[Attempt], None] | None = None,
        clock: Callable[[], datetime] = _utc_now,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        client: httpx.AsyncClient | None = None,
    ) -> None:
        """Send at most `concurrency` requests at once; give up after `tries` tries or `patience`, whichever is first.

        `timeout` bounds each try whole. `permit` is awaited before each try, `observe` called after it. `max_bytes`
        bounds an answer, unpacked.
        """
        at_once = concurrency or adapter.limits.concurrency
        self._adapter = adapter
        self._account = account
        self._timeout = timeout.total_seconds()
        self._at_once = asyncio.Semaphore(at_once)
        self._max_bytes = max_bytes
        self._tries = tries
        self._patience = patience
        self._permit = permit
        self._observe = observe
        self._clock = clock
        self._sleep = sleep
        self._base = httpx.URL(adapter.settings.base_url)
        self._client = client or open_client(self._base, at_once, self._timeout)

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
        async with self._at_once:
            # A new object for each call: one that is shared stops early under concurrency.
            retrying = AsyncRetrying(
                retry=retry_if_exception_type((Unreachable, Throttled)),
                stop=stop_any(stop_after_attempt(self._tries), stop_before_delay(self._patience), _GivesUp()),
                wait=_wait,
                sleep=self._sleep,
                reraise=True,
            )
            return await retrying(self._try, request)

    def _check_place(self, url: httpx.URL) -> None:
        """A next page may not lead our credentials to somebody else, nor bring others."""
        ours = (url.scheme, url.host, url.port) == (self._base.scheme, self._base.host, self._base.port)
        declared = url.scheme == "https" and url.port is None and url.host in self._adapter.hosts
        if not (ours or declared) or url.userinfo:
            raise Refused(f"{self._who}: a page led to another host; nothing was sent there; tell the provider")

    @property
    def _who(self) -> str:
        return f"{self._adapter.name} (account {self._account})"

    async def _try(self, request: httpx.Request) -> httpx.Response:
        permit = None if self._permit is None else await self._permit()
        attempt = Attempt()
        try:
            return await self._attempt(request, attempt, permit)
        finally:
            if permit is not None:
                permit.ended(attempt.allowance)
                if attempt.status in SAYS_NO and attempt.allowance is not None:
                    await permit.warn()

    async def _attempt(self, request: httpx.Request, attempt: Attempt, permit: Permit | None) -> httpx.Response:
        started = time.monotonic()
        try:
            return await self._exchange(request, attempt, permit)
        except AskError as error:
            attempt.problem = error.word
            raise
        finally:
            attempt.seconds = time.monotonic() - started
            if self._observe is not None:
                self._observe(attempt)

    async def _exchange(self, request: httpx.Request, attempt: Attempt, permit: Permit | None) -> httpx.Response:
        """Send once. The causes are not chained: their texts can hold addresses that stood in the query."""
        now = self._clock()
        auth = self._adapter.auth(now, secrets.token_hex(16))
        try:
            async with asyncio.timeout(self._timeout):
                answer = await self._client.send(_copy(request), auth=auth, stream=True, follow_redirects=False)
                try:
                    attempt.status = answer.status_code
                    attempt.allowance = self._allowance(answer, now)
                    self._judge(answer, attempt.allowance, now)
                    read = await self._read(request, answer, attempt)
                    read.extensions[PERMIT] = permit
                    return read
                finally:
                    await answer.aclose()
        except NO_ANSWER as error:
            trouble: AskError = Unreachable(
                f"{self._who} gives no answer: {cause(error, request.url.host)}; it is asked again later"
            )
        except httpx.DecodingError:
            trouble = Unreadable(f"{self._who}: the answer could not be unpacked; tell the provider")
        except ValueError:
            trouble = Refused(
                f"{self._who} was not asked: its credentials hold a character that HTTP cannot carry; correct them in"
                " landed.toml or the environment",
                credentials=True,
            )
        raise trouble

    def _allowance(self, answer: httpx.Response, now: datetime) -> Allowance | None:
        """What the provider says is left; where it says no, nothing for as long as it says."""
        said = self._adapter.allowance(answer, now)
        if answer.status_code not in SAYS_NO:
            return said
        wait = retry_after(answer, now)
        if wait is None and said is not None and not said.left:
            wait = said.wait
        return Allowance(0, wait) if wait else None

    def _judge(self, answer: httpx.Response, allowance: Allowance | None, now: datetime) -> None:
        """Raise what an answer means that is not for the adapter, whatever its body is."""
        status = answer.status_code
        if status in {401, 403}:
            raise Refused(
                f"{self._who} refuses our credentials (status {status}); check them in landed.toml or the environment",
                credentials=True,
            )
        if status == httpx.codes.TOO_MANY_REQUESTS:
            raise Throttled(
                f"{self._who} says that it is asked too often (status 429); it is left alone for a while",
                allowance.wait if allowance else retry_after(answer, now),
            )
        if status // 100 == 3:  # noqa: PLR2004 - any redirection
            raise Refused(f"{self._who} answers with a redirect (status {status}); correct base_url")
        if answer.is_server_error:
            raise Unreachable(
                f"{self._who} is in trouble (status {status}); it is asked again later",
                allowance.wait if allowance and status in SAYS_NO else retry_after(answer, now),
            )

    async def _read(self, request: httpx.Request, answer: httpx.Response, attempt: Attempt) -> httpx.Response:
        """The answer with its body, as long as it keeps within bounds; they hold for what it unpacks to."""
        if answer.headers.get("content-encoding", "").strip().lower() not in PACKED:
            raise Unreadable(f"{self._who}: the answer is packed in a way that was not asked for; tell the provider")
        chunks = []
        async for chunk in answer.aiter_bytes():
            attempt.size += len(chunk)
            if attempt.size > self._max_bytes:
                raise Unreadable(
                    f"{self._who}: the answer is larger than {self._max_bytes // 1024} KiB; ask for less at once"
                )
            chunks.append(chunk)
        return httpx.Response(answer.status_code, headers=_unpacked(answer), content=b"".join(chunks), request=request)


class _GivesUp(stop_base):
    """Stop where whoever asks has no time for the pause and another try as long as those before."""

    def __call__(self, state: RetryCallState) -> bool:
        return not is_patient(state.upcoming_sleep + (state.seconds_since_start or 0.0) / state.attempt_number)


def _wait(state: RetryCallState) -> float:
    """Back-off with jitter, and never less than the provider asks for."""
    error = state.outcome.exception() if state.outcome else None
    asked = error.retry_after if isinstance(error, AskError) else None
    return max(BACK_OFF(state), asked.total_seconds() if asked else 0.0)


def _copy(request: httpx.Request) -> httpx.Request:
    """The request anew for each attempt, because credentials are written into it. As bytes, which nobody decodes."""
    given = request.headers.raw
    names = {name.lower() for name, _ in given}
    headers = [*given, *(header for header in HEADERS if header[0] not in names)]
    return httpx.Request(
        request.method, request.url, headers=headers, content=request.content, extensions=dict(request.extensions)
    )


def _unpacked(answer: httpx.Response) -> list[tuple[bytes, bytes]]:
    """The headers without those that say how the body came."""
    return [header for header in answer.headers.raw if header[0].lower() not in CAME]
