"""The breaker at work: what opens it, how it is tried, and that a provider which comes back is not stormed."""

import asyncio
from collections.abc import Callable
from datetime import timedelta

import httpx
import pytest
import structlog

from adapters.errors import Refused, Throttled, Unreachable
from adapters.patience import is_patient
from rules.breaker import IN_A_ROW
from store import accounts
from store.connections import Pool
from tests.worker.office import later, standing
from tests.worker.pretend import Provider, account, budget, desk, raising, record, statuses
from worker.poll import poll

#: It does not depend on the interpreter.
pytestmark = pytest.mark.once

DOWN = raising(Unreachable("pretend: no answer"))


def fine(_what: dict[str, object]) -> None:
    """No trouble."""


def failing(when: Callable[[int, str], bool]) -> Callable[[dict[str, object]], None]:
    """Trouble with some requests, by their number from 1 on and what they ask."""
    count = 0

    def trouble(what: dict[str, object]) -> None:
        nonlocal count
        count += 1
        if when(count, str(what)):
            raise Unreachable("pretend: no answer")

    return trouble


def names(count: int) -> list[str]:
    return [f"m{number}" for number in range(count)]


class InFlight:
    """How many requests are on their way at once, and how many there were in each round of them."""

    def __init__(self, provider: Provider) -> None:
        self.now = 0
        self.most: list[int] = []
        self._answer = provider.send
        provider.send = self.send  # type: ignore[method-assign]

    async def send(self, request: httpx.Request) -> httpx.Response:
        """Answer after all others that are ready to be sent have been."""
        self.now += 1
        self.most.append(self.now)
        for _ in range(20):
            await asyncio.sleep(0)
        try:
            return await self._answer(request)
        finally:
            self.now -= 1


async def test_a_provider_that_fails_every_second_request_is_asked_on_until_all_is_known(
    pool: Pool, provider: Provider
) -> None:
    at = await desk(pool, provider, account(ids=1, concurrency=1))
    await record(at, names(12))
    provider.known = dict.fromkeys(names(12), "delivered")
    provider.trouble = failing(lambda number, _: number % 2 == 0)

    for _ in range(3):
        await poll(at, "w", budget())
        assert (await standing(pool, "pretend"))["trouble"] is None
        # What failed twice in a poll is put off.
        await later(pool)

    assert set((await statuses(pool)).values()) == {"delivered"}


async def test_failures_in_a_row_open_the_breaker_also_after_answers(pool: Pool, provider: Provider) -> None:
    at = await desk(pool, provider, account(ids=1, concurrency=1))
    await record(at, names(20))
    provider.trouble = failing(lambda number, _: number > 3)

    await poll(at, "w", budget())

    row = await standing(pool, "pretend")
    assert (len(provider.asked), row["failures"], row["trouble"]) == (3 + IN_A_ROW, 1, "unreachable")
    assert await pool.fetchval("select sum(looks) from landed.watch") == 3


async def test_one_message_that_brings_down_its_request_each_time_is_put_off_and_stops_nobody(
    pool: Pool, provider: Provider
) -> None:
    at = await desk(pool, provider, account(ids=4, concurrency=1))
    await record(at, names(16))
    provider.known = dict.fromkeys(names(16), "delivered")
    provider.trouble = failing(lambda _, asked: "'m5'" in asked)

    with structlog.testing.capture_logs() as told:
        await poll(at, "w", budget())

    row = await standing(pool, "pretend")
    looks = await pool.fetchrow("select looks, next_look_at > clock_timestamp() as later from landed.watch")
    assert await statuses(pool) == dict.fromkeys(names(16), "delivered") | {"m5": "sent"}
    assert (row["failures"], dict(looks or {})) == (0, {"looks": 0, "later": True})
    assert [one["event"] for one in told if one["event"] == "look_put_off"] == ["look_put_off"]


async def test_a_message_that_brings_down_its_request_is_not_the_only_one_ever_tried(
    pool: Pool, provider: Provider
) -> None:
    """Half-open, one thing is asked. Were it always the same one, the account would never be asked again."""
    at = await desk(pool, provider, account(ids=1, concurrency=1))
    await record(at, names(4))
    provider.known = dict.fromkeys(names(4), "delivered")
    await pool.execute("update landed.account set failures = 1, trouble = 'unreachable'")
    await pool.execute(
        "update landed.watch set next_look_at = next_look_at - interval '1 hour' where provider_id = 'm2'"
    )
    provider.trouble = failing(lambda _, asked: "'m2'" in asked)
    for _ in range(3):
        await pool.execute("update landed.account set ask_after = null")
        await poll(at, "w", budget())

    found = await statuses(pool)
    assert found == dict.fromkeys(names(4), "delivered") | {"m2": "sent"}


async def test_one_that_asks_to_be_left_alone_is_at_once(pool: Pool, provider: Provider) -> None:
    """Whatever it has answered before: 503 with Retry-After, or 429 without."""
    for error in (Unreachable("pretend: not now", timedelta(minutes=1)), Throttled("pretend: too fast")):
        at = await desk(pool, provider, account(ids=1, concurrency=1))
        await record(at, [f"{type(error).__name__}{number}" for number in range(5)])
        provider.asked.clear()
        await later(pool)

        def trouble(_what: dict[str, object], error: Exception = error) -> None:
            if len(provider.asked) > 2:
                raise error

        provider.trouble = trouble
        await poll(at, "w", budget())

        assert len(provider.asked) == 3
        assert (await standing(pool, "pretend"))["trouble"] == type(error).__name__.lower()
        await pool.execute("update landed.account set failures = 0, easing = null")


async def test_too_often_without_a_time_rests_longer_each_time(pool: Pool, provider: Provider) -> None:
    at = await desk(pool, provider)
    await record(at, ["a"])
    provider.trouble = raising(Throttled("pretend: too fast"))
    rests = []
    for _ in range(3):
        now = await later(pool)
        await poll(at, "w", budget())
        rests.append(((await standing(pool, "pretend"))["ask_after"] - now).total_seconds())

    assert [0.75 < rest / planned < 1.25 for rest, planned in zip(rests, (5, 10, 20), strict=True)] == [True] * 3


async def test_a_provider_that_comes_back_is_asked_twice_as_much_each_round_and_never_stormed(
    pool: Pool, provider: Provider
) -> None:
    """After an outage of a day everything is due at once."""
    at = await desk(pool, provider, account(ids=1, concurrency=8))
    await record(at, names(100))
    provider.known = dict.fromkeys(names(100), "delivered")
    provider.trouble = DOWN
    await poll(at, "w", budget())
    provider.trouble = fine
    provider.asked.clear()
    await later(pool)
    flying = InFlight(provider)

    await poll(at, "w", budget())

    assert set((await statuses(pool)).values()) == {"delivered"}
    assert (max(flying.most[:1]), max(flying.most[1:3]), max(flying.most[3:7]), max(flying.most)) == (1, 2, 4, 8)
    row = await standing(pool, "pretend")
    assert (row["failures"], row["easing"]) == (0, None)


async def test_it_goes_on_from_there_in_the_next_poll(pool: Pool, provider: Provider) -> None:
    """A poll ends with its time, and another worker may take the next one."""
    at = await desk(pool, provider, account(ids=1, concurrency=8))
    await record(at, names(50))
    await pool.execute("update landed.account set failures = 3, trouble = 'unreachable'")
    counts = []
    for stop in (1, 3, 7):
        await poll(at, "w", budget(stopping=lambda stop=stop: len(provider.asked) >= stop))
        counts.append((len(provider.asked), (await standing(pool, "pretend"))["easing"]))

    assert counts == [(1, 2), (3, 2), (7, 4)]


async def test_a_failure_on_the_way_back_opens_it_again_and_begins_anew(pool: Pool, provider: Provider) -> None:
    at = await desk(pool, provider, account(ids=1, concurrency=1))
    await record(at, names(50))
    await pool.execute("update landed.account set failures = 3, trouble = 'unreachable'")
    provider.trouble = failing(lambda number, _: number > 4)

    await poll(at, "w", budget())

    row = await standing(pool, "pretend")
    assert (len(provider.asked), row["failures"], row["easing"]) == (5, 1, None)


async def test_whether_a_provider_is_well_is_tried_with_one_request_that_is_not_repeated(
    pool: Pool, provider: Provider
) -> None:
    """The sender repeats what fails, unless whoever asks says that it is not worth it."""
    at = await desk(pool, provider)
    await record(at, ["a"])
    patient: list[bool] = []

    def trouble(_what: dict[str, object]) -> None:
        patient.append(is_patient(0.0))
        raise Unreachable("pretend: no answer")

    provider.trouble = trouble
    await poll(at, "w", budget())
    await later(pool)
    await poll(at, "w", budget())

    assert patient == [True, False]


async def test_nothing_is_begun_or_repeated_that_would_outlast_the_poll(pool: Pool, provider: Provider) -> None:
    """A slow provider, each answer just under the time-out, would hold the account longer and longer."""
    at = await desk(pool, provider, account(ids=1, concurrency=1))
    await record(at, names(5))
    time = budget(60)
    patient: list[bool] = []

    def trouble(_what: dict[str, object]) -> None:
        # The answer took 35 of 60 seconds.
        patient.extend(is_patient(seconds) for seconds in (1.0, 61.0))
        time.took(35)

    provider.trouble = trouble
    await poll(at, "w", time)

    assert (len(provider.asked), patient) == (5, [True, False] * 5)
    provider.asked.clear()
    await later(pool)
    provider.trouble = lambda _what: time.took(60)
    await poll(at, "w", time)

    row = await standing(pool, "pretend")
    assert (len(provider.asked), row["lease_until"], row["failures"]) == (1, None, 0)


async def test_refused_credentials_open_it_at_once_among_good_answers(pool: Pool, provider: Provider) -> None:
    at = await desk(pool, provider, account(ids=1, concurrency=1))
    await record(at, names(5))

    def trouble(_what: dict[str, object]) -> None:
        if len(provider.asked) == 2:
            raise Refused("pretend: wrong key", credentials=True)

    provider.trouble = trouble

    await poll(at, "w", budget())

    row = await standing(pool, "pretend")
    assert (len(provider.asked), row["trouble"], row["refused_settings"]) == (2, "refused", "first")
    assert row["trouble_since"] is not None


@pytest.mark.parametrize("paused", [True, False])
async def test_after_a_pause_or_a_refusal_it_begins_with_one_request(
    pool: Pool, provider: Provider, *, paused: bool
) -> None:
    """Much has become due meanwhile."""
    at = await desk(pool, provider, account(ids=1, concurrency=8))
    await record(at, names(40))
    if paused:
        await pool.execute("update landed.account set paused_at = now()")
    else:
        await pool.execute("update landed.account set failures = 9, refused_settings = 'first', trouble = 'refused'")
    async with pool.acquire() as connection:
        await accounts.resume(connection, "pretend")
    flying = InFlight(provider)

    await poll(at, "w", budget())

    assert (flying.most[0], max(flying.most[:3]), max(flying.most)) == (1, 2, 8)
