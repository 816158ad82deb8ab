"""The ledger: never over, in any window, whatever processes do; and nearly all of it used where there is work."""

import random
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from rules.ledger import exchange
from rules.quota import LATE, Bounds, Most, Report, State, Told, Used, steady
from tests.rules.playing import START, Process, World, most_in_any_window

#: It does not depend on the interpreter.
pytestmark = pytest.mark.once

FIVE = timedelta(seconds=5)


def play(bounds: Bounds, seed: int, seconds: float, lateness: float = 0.005, travel: float = 0.005) -> World:
    """Four processes at work for so long; one is stopped for two seconds, one killed."""
    world = World(bounds, random.Random(seed))  # noqa: S311 - a game of chance that can be played again
    never = float("inf")
    for number, (at, stopped) in enumerate([(never, 0.0), (never, 0.0), (seconds * 0.3, 2.0), (seconds * 0.5, never)]):
        process = Process(world, f"p{number}", lateness, travel, at, stopped)
        world.begin(process.run(), world.dice.uniform(0, 0.3))
    world.run(seconds)
    return world


@settings(max_examples=60, deadline=None)
@given(
    seed=some.integers(0, 10**6),
    rate=some.sampled_from([0.3, 1.0, 2.5, 10.0, 40.0, 333.3]),
    amount=some.integers(1, 300),
    window=some.sampled_from([0.7, 2.0, 5.0, 20.0]),
    lateness=some.sampled_from([0.0, 0.02, 0.4]),
)
def test_in_no_window_do_more_requests_arrive_than_its_limit(
    seed: int, rate: float, amount: int, window: float, lateness: float
) -> None:
    """Of processes that come late, are stopped, go on and are killed; each request is on its way for `LATE` at most."""
    bounds = Bounds(rate, 50, (Most(amount, timedelta(seconds=window)),))
    shortest = min(window, steady(rate).window.total_seconds())

    world = play(bounds, seed, 30, lateness=lateness, travel=LATE * shortest)

    moments = [(at, 1.0) for at, _ in world.arrived]
    for most in bounds.all_most:
        assert most_in_any_window(moments, most.window.total_seconds()) <= most.amount


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize(
    ("rate", "most"),
    [(40.0, ()), (2.0, ()), (0.4, ()), (500.0, (Most(200, FIVE),)), (100.0, (Most(300, FIVE), Most(2000, FIVE * 12)))],
)
def test_where_there_is_work_nearly_all_of_the_quota_is_used(rate: float, most: tuple[Most, ...], seed: int) -> None:
    """Though one process is stopped and another killed, with permits in their hands."""
    bounds = Bounds(rate, 50, most)
    seconds = 120.0

    world = play(bounds, seed, seconds)

    allowed = min(one.amount / one.window.total_seconds() for one in bounds.all_most)
    assert len(world.arrived) >= 0.95 * allowed * (seconds - 0.3)


@pytest.mark.parametrize("seed", range(4))
def test_records_and_costs_are_never_over_either(seed: int) -> None:
    most = (Most(400, FIVE, "records"), Most(0.5, FIVE * 2, "cost"))
    bounds = Bounds(100.0, 10, most, records=20, cost=0.01)

    world = play(bounds, seed, 40)

    assert most_in_any_window([(at, float(records)) for at, records in world.arrived], 5) <= 400
    assert most_in_any_window([(at, 0.01) for at, _ in world.arrived], 10) <= 0.5 + 1e-9
    assert len(world.arrived) > 100


@pytest.mark.parametrize("seed", range(4))
def test_in_flight_are_never_more_than_allowed_over_all_processes_and_each_gets_some(seed: int) -> None:
    bounds = Bounds(1000.0, 6, timeout=2.0)

    world = play(bounds, seed, 20, travel=0.3)

    changes = sorted([(at, 1) for at, _ in world.served] + [(end, -1) for _, end in world.served])
    in_flight, most = 0, 0
    for _, change in changes:
        in_flight += change
        most = max(most, in_flight)
    assert most == 6
    assert all(f"p{number}" in world.state.holders for number in range(3))


def test_a_killed_processs_slots_come_back_once_its_requests_are_over() -> None:
    bounds, state = Bounds(10.0, 4, timeout=5.0), State()
    killed = exchange(state, bounds, START, "killed", Report(), permits=4, slots=4)
    early = exchange(state, bounds, START + 5.0, "new", Report(), permits=4, slots=4)
    late = exchange(state, bounds, START + 5.6, "new", Report(), permits=4, slots=4)

    assert (killed.slots, early.slots, late.slots) == (4, 0, 4)
    assert (early.runs, bool(late.runs)) == ((), True)


def test_what_was_not_used_is_for_others_and_what_was_is_counted_until_a_window_after_its_answer() -> None:
    bounds, state = Bounds(1000.0, 10, (Most(10, FIVE),)), State()
    one = exchange(state, bounds, START, "one", Report(), permits=10, slots=10)
    exchange(state, bounds, START, "two", Report(), permits=10, slots=10)
    nothing = exchange(state, bounds, START + 0.02, "two", Report(), permits=10, slots=5)
    told = Report(one.block, (Used(START, START + 0.01, 4, 1),))
    exchange(state, bounds, START + 0.1, "one", told, permits=0, slots=0)
    rest = exchange(state, bounds, START + 0.1, "two", Report(), permits=10, slots=10)

    assert sum(run.count for run in one.runs) == 10
    assert nothing.runs == ()
    assert sum(run.count for run in rest.runs) == 6
    assert state.used(bounds.most[0], START + 5.0) == 10
    exchange(state, bounds, START + 5.2, "two", Report(rest.block), permits=0, slots=0)
    assert state.used(bounds.most[0], START + 5.2) == 0


def test_a_word_about_a_block_that_counts_already_changes_nothing() -> None:
    """A process stopped for long: what it has was counted whole, at the end of its block."""
    bounds, state = Bounds(1000.0, 10, (Most(10, FIVE),)), State()
    late = exchange(state, bounds, START, "late", Report(), permits=4, slots=5)
    exchange(state, bounds, START + 1, "other", Report(), permits=0, slots=5)
    exchange(state, bounds, START + 2, "late", Report(late.block, (Used(START, START, 1, 1),)), permits=0, slots=0)

    assert state.used(bounds.most[0], START + 2) == 4


def test_a_provider_that_wants_a_rest_is_left_alone_by_all() -> None:
    bounds, state = Bounds(100.0, 10), State()
    exchange(state, bounds, START, "one", Report(told=Told(0, START + 60)), permits=0, slots=1)
    other = exchange(state, bounds, START + 1, "two", Report(), permits=4, slots=4)
    after = exchange(state, bounds, START + 60, "two", Report(), permits=4, slots=4)

    assert (other.runs, other.again_at) == ((), START + 60)
    assert after.runs


def test_no_more_goes_out_than_the_provider_says_is_left_until_its_window_ends() -> None:
    bounds, state = Bounds(1000.0, 10), State()
    one = exchange(state, bounds, START, "one", Report(), permits=4, slots=5)
    told = Report(told=Told(7, START + 30))
    two = exchange(state, bounds, START, "two", told, permits=10, slots=5)
    used = Report(two.block, (Used(START, START, 3, 1),))
    nothing = exchange(state, bounds, START + 0.4, "two", used, permits=10, slots=5)
    after = exchange(state, bounds, START + 30, "two", Report(), permits=10, slots=5)

    assert sum(run.count for run in one.runs) == 4
    assert sum(run.count for run in two.runs) == 3
    assert (nothing.runs, nothing.again_at) == ((), START + 30)
    assert sum(run.count for run in after.runs) == 10


def test_of_two_words_about_one_window_the_lower_counts_and_a_later_window_begins_anew() -> None:
    bounds, state = Bounds(1000.0, 10), State()
    for left, until in ((5, 30), (9, 30.5), (50, 90)):
        exchange(state, bounds, START, "one", Report(told=Told(left, START + until)), permits=0, slots=1)
        kept = (state.left, state.left_until - START)

        assert kept == {5: (5, 30), 9: (5, 30), 50: (50, 90)}[left]


def test_a_rate_is_spread_evenly_and_an_idle_account_saves_nothing_up() -> None:
    bounds, state = Bounds(10.0, 10), State()
    first = exchange(state, bounds, START, "one", Report(), permits=10, slots=5)
    exchange(state, bounds, START, "one", Report(first.block), permits=0, slots=0)
    later = exchange(state, bounds, START + 600, "one", Report(), permits=10, slots=5)

    for at, grant in ((START, first), (START + 600, later)):
        moments = [run.start + n * run.step - at for run in grant.runs for n in range(run.count)]
        assert moments == pytest.approx([0.0, 0.1, 0.2])


def test_whoever_changes_an_amount_goes_on_with_what_was_used() -> None:
    state = State()
    before, after = (Bounds(100.0, 10, (Most(amount, FIVE),)) for amount in (20, 10))
    grant = exchange(state, before, START, "one", Report(), permits=10, slots=10)
    used = Report(grant.block, (Used(START, START, 10, 1),))
    lowered = exchange(state, after, START + 0.5, "one", used, permits=10, slots=10)

    assert lowered.runs == ()
    assert lowered.again_at == pytest.approx(START + 5, abs=0.1)


def test_a_ledger_stays_small_and_is_read_as_it_was_written() -> None:
    bounds = Bounds(500.0, 50, (Most(2000, timedelta(minutes=1)), Most(10**6, timedelta(days=1))))

    world = play(bounds, 1, 60)

    assert max(map(len, world.state.counted.values())) <= 103
    assert State.parse(world.state.plain()) == world.state


@pytest.mark.parametrize(("rate", "expected"), [(10.0, (10, 1.0)), (2.5, (2, 0.8)), (0.5, (1, 2.0)), (1.0, (1, 1.0))])
def test_a_rate_is_a_limit_of_whole_requests(rate: float, expected: tuple[int, float]) -> None:
    assert (steady(rate).amount, steady(rate).window.total_seconds()) == expected
