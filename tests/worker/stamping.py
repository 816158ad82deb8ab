"""An adapter for whole workers that says with each request when its permit was given, and by which process it is sent.

What the quota promises counts from that moment: a busy machine may stop a process anywhere after it.
"""

import os
from collections.abc import Generator
from contextvars import ContextVar
from dataclasses import replace
from datetime import datetime

import httpx

from adapters.twilio import Twilio
from worker import pace

GIVEN_AT, PROCESS = "x-given-at", "x-process"

_given_at: ContextVar[float] = ContextVar("given_at")


class Noted(pace.Permit):
    """A permit whose moment the request that it is for can find out."""

    def __init__(self, of: pace.Pace, sent_at: float) -> None:
        super().__init__(of, sent_at)
        _given_at.set(sent_at)


pace.Permit = Noted  # type: ignore[assignment,misc]


class Stamped(Twilio):
    """Twilio, asked by id only."""

    limits = replace(Twilio.limits, listing=0)

    def auth(self, now: datetime, nonce: str) -> httpx.Auth:
        """Its credentials, and the moment of the permit; this is called for each of them."""
        return Stamp(super().auth(now, nonce), _given_at.get())


class Stamp(httpx.Auth):
    """Writes a moment and the process into the headers."""

    def __init__(self, within: httpx.Auth, moment: float) -> None:
        self._within = within
        self._moment = moment

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        """Put them there."""
        request.headers[GIVEN_AT] = repr(self._moment)
        request.headers[PROCESS] = str(os.getpid())
        yield from self._within.auth_flow(request)
