"""An adapter for whole workers that says with each request when it was sent, and by which process."""

import os
from collections.abc import Generator
from dataclasses import replace
from datetime import datetime

import httpx

from adapters.twilio import Twilio
from worker.pace import boottime

SENT_AT, PROCESS = "x-sent-at", "x-process"


class Stamped(Twilio):
    """Twilio, asked by id only."""

    limits = replace(Twilio.limits, listing=0)

    def auth(self, now: datetime, nonce: str) -> httpx.Auth:
        """Its credentials, and the moment: this is called at each attempt, right after its permit was given."""
        return Stamp(super().auth(now, nonce), boottime())


class Stamp(httpx.Auth):
    """Writes a moment and the process into the headers."""

    def __init__(self, within: httpx.Auth, moment: float) -> None:
        self._within = within
        self._moment = moment

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        """Put them there."""
        request.headers[SENT_AT] = repr(self._moment)
        request.headers[PROCESS] = str(os.getpid())
        yield from self._within.auth_flow(request)
