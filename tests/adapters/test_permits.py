"""The sender takes a permit for each try, says when it is over, and passes on what the provider says is left."""

from collections.abc import Iterator
from datetime import timedelta

import httpx
import pytest
import respx

from adapters.allowance import Allowance
from adapters.errors import Throttled, Unreachable
from adapters.permit import brought
from tests.adapters.plain import MESSAGES, Told, request, sender

MINUTE = timedelta(minutes=1)


class Kept:
    """A permit that keeps what it is told."""

    def __init__(self) -> None:
        self.taken = 0
        self.ends: list[Allowance | None] = []
        self.warned = 0
        self.records: list[int] = []

    async def permit(self) -> "Kept":
        """What the sender awaits before each try."""
        self.taken += 1
        return self

    def ended(self, allowance: Allowance | None) -> None:
        """Keep it."""
        self.ends.append(allowance)

    async def warn(self) -> None:
        """Count it."""
        self.warned += 1

    def brought(self, records: int) -> None:
        """Keep it."""
        self.records.append(records)


@pytest.fixture
def kept() -> Kept:
    return Kept()


@pytest.fixture
def provider() -> Iterator[respx.Router]:
    with respx.mock(using="httpx", assert_all_called=False) as router:
        yield router


def answer(provider: respx.Router, *answers: httpx.Response | Exception) -> None:
    provider.get(url__startswith=MESSAGES).mock(side_effect=list(answers))


async def test_each_try_takes_a_permit_and_every_permit_ends_whatever_comes(provider: respx.Router, kept: Kept) -> None:
    answer(provider, httpx.ConnectError("no"), httpx.Response(500), httpx.Response(200, json={}))
    async with sender(Told(), permit=kept.permit) as to:
        await to.send(request())

    assert (kept.taken, kept.ends, kept.warned) == (3, [None] * 3, 0)


async def test_what_an_answer_says_is_left_is_passed_on(provider: respx.Router, kept: Kept) -> None:
    left = {"ratelimit-remaining": "5", "ratelimit-reset": "60"}
    answer(provider, httpx.Response(200, headers=left, json={}))
    async with sender(Told(), permit=kept.permit) as to:
        await to.send(request())

    assert (kept.ends, kept.warned) == ([Allowance(5, MINUTE)], 0)


@pytest.mark.parametrize("status", [429, 503])
@pytest.mark.parametrize(
    "headers",
    [
        {"retry-after": "60"},
        {"retry-after": "Tue, 24 Nov 2026 12:01:00 GMT", "date": "Tue, 24 Nov 2026 12:00:00 GMT"},
        {"x-ratelimit-remaining": "0", "x-ratelimit-reset": "1795521720000", "date": "Tue, 24 Nov 2026 12:01:00 GMT"},
    ],
    ids=["seconds", "date", "reset"],
)
async def test_whoever_says_no_and_for_how_long_is_left_alone_by_all_at_once(
    provider: respx.Router, kept: Kept, status: int, headers: dict[str, str]
) -> None:
    """Also where it says so by when its limit is reset, and not by Retry-After."""
    answer(provider, httpx.Response(status, headers=headers))
    async with sender(Told(), permit=kept.permit) as to:
        with pytest.raises(Throttled if status == 429 else Unreachable) as caught:
            await to.send(request())

    assert (kept.ends, kept.warned) == ([Allowance(0, MINUTE)], 1)
    assert caught.value.retry_after == MINUTE


@pytest.mark.parametrize("headers", [{}, {"x-ratelimit-remaining": "3", "x-ratelimit-reset": "60"}])
async def test_a_no_without_a_time_is_only_backed_off_from(
    provider: respx.Router, kept: Kept, headers: dict[str, str]
) -> None:
    """A reset that says that something is left is about another limit."""
    answer(provider, httpx.Response(429, headers=headers), httpx.Response(200, json={}))
    async with sender(Told(), permit=kept.permit) as to:
        await to.send(request())

    assert (kept.ends, kept.warned) == ([None, None], 0)


async def test_an_answer_carries_its_permit_to_whoever_counts_its_records(provider: respx.Router, kept: Kept) -> None:
    answer(provider, httpx.Response(200, json={}))
    async with sender(Told(), permit=kept.permit) as to:
        brought(await to.send(request()), 7)
    brought(httpx.Response(200), 9)

    assert kept.records == [7]
