"""Adaptive schedules: one worker judges, all go by what was found, and a pin holds."""

import random
from dataclasses import replace
from datetime import datetime, timedelta

import pytest
import structlog

from config.settings import Settings
from rules.adapting import Adaptive, ages_of, words
from rules.checking import judge
from rules.schedules import DEFAULTS, Schedule
from rules.settling_times import curve
from rules.statuses import Channel
from store import adapted, settlings
from store.connections import Pool
from store.settlings import Group
from tests.worker.office import Office, office
from tests.worker.pretend import account
from worker.accounts import Account
from worker.adapting import in_force, judge_all
from worker.live import FOLLOW_EVERY, Live
from worker.measured import horizon

#: It does not depend on the interpreter.
pytestmark = pytest.mark.once

SMS = DEFAULTS[Channel.SMS]
KEEP = timedelta(days=14)
HOUR = timedelta(hours=1)
HORIZON = timedelta(hours=48).total_seconds()


def adaptive(name: str = "pretend", **limits: timedelta) -> Account:
    known = account(name)
    return replace(known, schedules={Channel.SMS: SMS}, adaptive={Channel.SMS: Adaptive(SMS, **limits)})  # type: ignore[arg-type]


async def settle(pool: Pool, count: int = 1500, kind: int = 1, number: int = 1) -> None:
    """So many messages settled, a hundred of them never, as `apply` writes it."""
    chance = random.Random(5)  # noqa: S311 - times of a test
    ages = [chance.lognormvariate(2.3, 0.8) if n % 4 else chance.lognormvariate(7, 1) for n in range(count)]
    await pool.execute(
        "insert into landed.settling (at, account, channel, kind, messages, looks, missed, froms, untils)"
        " values (now(), $1, 2, $2, $3, $3, 0, $4, $5), (now(), $1, 2, 3, 100, 900, 0, $6, null)",
        number,
        kind,
        count,
        ages,
        [age + 5 for age in ages],
        [HORIZON] * 100,
    )


async def now(pool: Pool) -> datetime:
    at: datetime = await pool.fetchval("select clock_timestamp()")
    return at


async def judged(pool: Pool, known: Account, at: datetime) -> int:
    return await judge_all(pool, {known.name: known}, {known.name: 1}, at, KEEP)


async def stands(pool: Pool) -> adapted.Adapted:
    async with pool.acquire() as connection:
        return (await adapted.everything(connection))[1, Channel.SMS]


async def force(pool: Pool, known: Account) -> Schedule:
    """The schedule that is in force."""
    async with pool.acquire() as connection:
        stand = await adapted.everything(connection)
    return in_force({known.name: known}, {known.name: 1}, stand)[known.name].schedule(Channel.SMS, None)


@pytest.fixture
async def program(pool: Pool) -> Office:
    return await office(pool, adaptive())


async def changed(pool: Pool, known: Account) -> datetime:
    """Let it change once; when."""
    await settle(pool)
    at = await now(pool)
    for _ in range(20):
        if await judged(pool, known, at):
            return at
        at += HOUR
    msg = "it never changed"
    raise AssertionError(msg)


async def test_what_changes_has_less_delay_at_no_more_cost_and_is_told(pool: Pool, program: Office) -> None:
    known = program.accounts["pretend"]
    with structlog.testing.capture_logs() as logs:
        await changed(pool, known)
    new = await force(pool, known)

    (told,) = [one for one in logs if one["event"] == "schedule_adapted"]
    async with pool.acquire() as connection:
        observed = await settlings.observed(connection, Group(1, Channel.SMS), await now(pool) - KEEP)
    times = curve(observed, horizon(known, Channel.SMS).total_seconds())
    before, after = (judge(times, ages_of(one, times.horizon)) for one in (SMS, new))
    assert new != SMS
    assert before.mean_delay is not None
    assert after.mean_delay is not None
    assert after.mean_delay < before.mean_delay
    assert after.looks_per_message <= before.looks_per_message * 1.000_001
    assert (told["account"], told["channel"], told["mean_delay"]) == ("pretend", "sms", pytest.approx(after.mean_delay))
    assert told["looks"] != told["looks_before"]


async def test_it_is_judged_once_in_its_time_whoever_comes(pool: Pool, program: Office) -> None:
    known = program.accounts["pretend"]
    await settle(pool)
    at = await now(pool)
    first = await judged(pool, known, at)
    was = await stands(pool)
    again = [await judged(pool, known, at + HOUR * part) for part in (0, 0.5, 0.99)]

    assert first <= 1
    assert again == [0, 0, 0]
    assert await stands(pool) == was
    assert was.judged_at == at


@pytest.mark.parametrize(
    ("count", "kind", "expected"),
    [(300, 1, "300 settled messages are recorded; it follows 500 or more"), (600, 2, "it would follow its own looks")],
)
async def test_it_does_not_follow_too_little(pool: Pool, program: Office, count: int, kind: int, expected: str) -> None:
    known = program.accounts["pretend"]
    await settle(pool, count, kind)

    assert await judged(pool, known, await now(pool)) == 0
    assert expected in (await stands(pool)).found
    assert await force(pool, known) == SMS


async def test_a_pin_keeps_it_as_it_is_until_it_is_taken_out(pool: Pool, program: Office) -> None:
    known = program.accounts["pretend"]
    at = await changed(pool, known)
    present = await force(pool, known)
    async with pool.acquire() as connection:
        await adapted.pin(connection, 1, {Channel.SMS: words(SMS)}, at, "ann")
    kept = [await judged(pool, known, at + HOUR * n) for n in range(1, 4)]

    assert kept == [0, 0, 0]
    assert await force(pool, known) == present
    was = await stands(pool)
    assert (was.pinned_by, was.judged_at) == ("ann", at)

    async with pool.acquire() as connection:
        assert await adapted.unpin(connection, 1, [Channel.SMS]) == 1
    await judged(pool, known, at + 5 * HOUR)

    assert (await stands(pool)).judged_at == at + 5 * HOUR


async def test_who_pins_while_it_is_judged_wins(pool: Pool, program: Office) -> None:
    at = await now(pool)
    async with pool.acquire() as connection:
        turn = await adapted.begin(connection, 1, Channel.SMS, words(SMS), at, at - HOUR)
        await adapted.pin(connection, 1, {Channel.SMS: words(SMS)}, at, "ann")
        written = await adapted.judged(connection, 1, Channel.SMS, at, "less delay", Schedule((HOUR,)))

    assert turn is not None
    assert not written
    assert await force(pool, program.accounts["pretend"]) == SMS


async def test_a_schedule_that_is_set_anew_goes_before_what_was_adapted(pool: Pool, program: Office) -> None:
    known = program.accounts["pretend"]
    at = await changed(pool, known)
    new = Schedule((timedelta(seconds=20), timedelta(minutes=4)), timedelta(hours=3))
    set_anew = replace(known, schedules={Channel.SMS: new}, adaptive={Channel.SMS: Adaptive(new)})

    assert await force(pool, set_anew) == new

    await judged(pool, set_anew, at + timedelta(minutes=1))

    assert (await stands(pool)).judged_at == at + timedelta(minutes=1)
    assert (await stands(pool)).changes <= 1


async def test_an_account_in_which_nothing_changes_stays_the_same_object(pool: Pool, program: Office) -> None:
    known = program.accounts["pretend"]
    still = in_force({"pretend": known}, {"pretend": 1}, {})
    await changed(pool, known)
    async with pool.acquire() as connection:
        stand = await adapted.everything(connection)
    changing = in_force({"pretend": known}, {"pretend": 1}, stand)

    assert still["pretend"] is known
    assert changing["pretend"] is not known
    assert in_force(changing, {"pretend": 1}, stand)["pretend"] is changing["pretend"]


async def test_every_worker_goes_by_it_within_seconds_and_after_a_start(pool: Pool, program: Office) -> None:
    clock = [1000.0]
    other = await office(pool, adaptive())
    workers = [Live(one, Settings(), time=lambda: clock[0]) for one in (program, other)]
    for worker in workers:
        await worker.begin()
        await worker.follow()
    await changed(pool, adaptive())
    new = await force(pool, adaptive())
    for worker in workers:
        await worker.follow()
    assert [worker.program.accounts["pretend"].schedule(Channel.SMS, None) for worker in workers] == [SMS, SMS]

    clock[0] += FOLLOW_EVERY
    for worker in workers:
        await worker.follow()

    assert [worker.program.accounts["pretend"].schedule(Channel.SMS, None) for worker in workers] == [new, new]
    assert program.configured.upkeep.accounts is program.configured.accounts
    later = Live(await office(pool, adaptive()), Settings())
    await later.begin()
    assert later.program.accounts["pretend"].schedule(Channel.SMS, None) == new


async def test_open_messages_are_retimed_when_it_changes(pool: Pool, program: Office) -> None:
    worker = Live(program, Settings(), time=lambda: 1000.0)
    await worker.begin()
    await changed(pool, adaptive())
    await worker.follow()

    assert await pool.fetchval("select changed from landed.retiming where account = 1") == '["sms"]'


async def test_upkeep_judges(pool: Pool, program: Office) -> None:
    await settle(pool)
    done = await program.configured.upkeep.run()

    assert done["schedules_adapted"] in {0, 1}
    assert (await stands(pool)).found


async def test_upkeep_of_a_worker_that_starts_does_not_judge(pool: Pool, program: Office) -> None:
    await settle(pool)

    assert "schedules_adapted" not in await program.configured.upkeep.run(starting=True)
