"""What a provider says in the headers of an answer about how many requests are left.

`RateLimit-Remaining` and `RateLimit-Reset` are those of draft-ietf-httpapi-ratelimit-headers before number 8, in
seconds; `RateLimit: "name";r=5;t=30` is what later ones have. `X-RateLimit-...` and `X-Rate-Limit-...` are older and
never had a standard: their reset is a time in seconds or milliseconds since 1970, or seconds from now, as its size
tells.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

import httpx

from adapters.retry_after import LONGEST, answered_at

#: The names of two headers: what is left, and when it is more again.
PAIRS = (
    ("ratelimit-remaining", "ratelimit-reset"),
    ("x-ratelimit-remaining", "x-ratelimit-reset"),
    ("x-rate-limit-remaining", "x-rate-limit-reset"),
)

#: Larger numbers are milliseconds since 1970, or seconds since then. Nobody means 300 years from now.
MILLISECONDS, SECONDS = 1e11, 1e8

_NUMBER = re.compile(r"\d{1,15}(\.\d{1,9})?", re.ASCII)
_PARAMETER = re.compile(r";\s*([rt])=(\d{1,15})(?=\s*(;|$))", re.ASCII)


@dataclass(frozen=True, slots=True)
class Allowance:
    """So many requests are left for so long; then there are more again."""

    left: int
    wait: timedelta


def read_allowance(response: httpx.Response, now: datetime) -> Allowance | None:
    """The narrowest allowance that the headers name, or None if they name none, or none that can be understood.

    A time counts from the answer's own `Date` where it has one, because the provider's clock may differ from ours.
    """
    found = [*_pairs(response, now), *_structured(response)]
    return min(found, key=lambda one: (one.left, -one.wait), default=None)


def _pairs(response: httpx.Response, now: datetime) -> Iterator[Allowance]:
    for left, reset in PAIRS:
        texts = [response.headers.get(name, "").strip() for name in (left, reset)]
        if all(map(_NUMBER.fullmatch, texts)):
            yield Allowance(int(float(texts[0])), _wait(float(texts[1]), response, now))


def _wait(reset: float, response: httpx.Response, now: datetime) -> timedelta:
    seconds = reset
    if reset > SECONDS:
        at = reset / 1000 if reset > MILLISECONDS else reset
        seconds = at - (answered_at(response) or now).timestamp()
    return timedelta(seconds=min(max(seconds, 0.0), LONGEST.total_seconds()))


def _structured(response: httpx.Response) -> Iterator[Allowance]:
    for one in response.headers.get("ratelimit", "").split(","):
        values = {name: int(value) for name, value, _ in _PARAMETER.findall(one)}
        if values.keys() == {"r", "t"}:
            yield Allowance(values["r"], min(timedelta(seconds=min(values["t"], 1e9)), LONGEST))
