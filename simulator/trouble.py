"""Trouble on the way: answers that say no, that come cut, or that do not come. It is bounded, so progress is made."""

import asyncio
from collections import Counter

from aiohttp import web

from simulator.account import Account, Handler, Route

#: The same request goes wrong at most this many times in a row.
MOST = 2

#: So many requests that went wrong are remembered; clients that do not ask again must not fill the memory.
REMEMBERED = 10_000

#: Seconds that a provider asks to be left alone.
RETRY_AFTER = "1"

#: What may go wrong before a request is looked at.
BEFORE = ("throttled", "throttled_silently", "server_error", "timeout")

SERVER_ERRORS = (500, 502, 503)


class Trouble:
    """Answers the requests to one account, or lets something go wrong."""

    def __init__(self, account: Account, stopping: asyncio.Event) -> None:
        """A request that gets no answer is let go when `stopping` is set."""
        self._account = account
        self._stopping = stopping
        #: How many times in a row each request has gone wrong.
        self._failed: Counter[tuple[str, str, bytes]] = Counter()

    def around(self, route: Route) -> Handler:
        """What answers requests to `route`."""

        async def answer(request: web.Request) -> web.Response:
            account = self._account
            account.world.requests[account.name] += 1
            account.world.notice(account.name, request)
            refusal = account.refusal(request)
            if refusal is not None:
                return refusal
            return await (route.handler(request) if route.is_calm else self._answer(route, request))

        return answer

    async def _answer(self, route: Route, request: web.Request) -> web.Response:
        key = (request.method, request.path_qs, await request.read())
        may_fail = self._failed[key] < MOST
        fault = self._before(on=may_fail)
        if len(self._failed) > REMEMBERED:
            self._failed.clear()
        if fault is not None:
            self._failed[key] += 1
            return await self._fail(request, fault)
        response = await route.handler(request)
        if self._spoil(route, request, response, on=may_fail):
            self._failed[key] += 1
        else:
            del self._failed[key]
        return response

    def _before(self, *, on: bool) -> str | None:
        """What goes wrong before the request is looked at. Each draws from chance, so that none hides another."""
        drawn = [fault for fault in BEFORE if self._account.chance.draws(fault, on=on)]
        if drawn:
            self._account.chance.count(drawn[0])
        return drawn[0] if drawn else None

    async def _fail(self, request: web.Request, fault: str) -> web.Response:
        if fault == "throttled":
            response = self._account.error(429)
            response.headers["Retry-After"] = RETRY_AFTER
            return response
        if fault == "throttled_silently":
            return self._account.error(429)
        if fault == "server_error":
            return self._account.error(SERVER_ERRORS[self._account.chance.pick(len(SERVER_ERRORS))])
        return await self._be_silent(request)

    async def _be_silent(self, request: web.Request) -> web.Response:
        try:
            async with asyncio.timeout(self._account.world.scenario.silence.total_seconds()):
                await self._stopping.wait()
        except TimeoutError:
            pass
        return _broken(request, web.Response())

    def _spoil(self, route: Route, request: web.Request, response: web.Response, *, on: bool) -> bool:
        """Cut an answer, or break the connection before what is given only once has arrived; whether it was done."""
        whole = response.body
        if response.status != web.HTTPOk.status_code or not isinstance(whole, bytes) or len(whole) < 2:  # noqa: PLR2004
            return False
        if route.empty is None:
            if not self._account.chance.happens("truncated", on=on):
                return False
        elif not self._account.chance.happens("lost", on=on and whole != route.empty):
            return False
        elif self._account.chance.pick(2):
            _broken(request, response)
            return True
        response.body = whole[: 1 + self._account.chance.pick(len(whole) - 1)]
        return True


def _broken(request: web.Request, response: web.Response) -> web.Response:
    """Break the connection; `response` goes nowhere."""
    if request.transport is not None:
        request.transport.abort()
    return response
