"""Priority: last looks in time wherever that can be, then what is likeliest to have changed, and nobody starves."""

from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from rules.priority import Waiting, by_age, by_curve, order
from rules.settling_times import Observed, curve
from tests.rules.saying import minute, thoroughly

NOW = minute(0)


def waiting(number: int, *, sent: float, looked: float | None = None, last: float = 1e6, late: float = 2e6) -> Waiting:
    """A message with times in minutes from now."""
    return Waiting(number, minute(sent), None if looked is None else minute(looked), minute(last), minute(late))


def numbers(found: Sequence[Waiting]) -> list[int]:
    return [one.id for one in found]


def test_last_looks_come_first_and_of_them_the_one_that_is_soonest_too_late() -> None:
    due = [
        waiting(1, sent=-1),
        waiting(2, sent=-99, last=-5, late=60),
        waiting(3, sent=-99, last=0, late=5),
        waiting(4, sent=-99, last=1, late=2),
    ]

    assert numbers(order(due, NOW)) == [3, 2, 1, 4]


def test_a_last_look_that_is_too_late_already_takes_nobodys_place() -> None:
    due = [waiting(1, sent=-99, last=-50, late=-1), waiting(2, sent=-9, last=-5, late=60)]

    assert numbers(order(due, NOW)) == [2, 1]


def test_before_anything_is_recorded_the_share_of_the_age_not_looked_at_counts() -> None:
    """A minute after its last look, a young message is likelier to have changed than an old one."""
    due = [
        waiting(1, sent=-600, looked=-1),
        waiting(2, sent=-2, looked=-1),
        waiting(3, sent=-600, looked=-400),
        waiting(4, sent=-3),
    ]

    assert numbers(order(due, NOW)) == [4, 3, 2, 1]


def test_of_those_never_looked_at_the_youngest_comes_first() -> None:
    assert numbers(order([waiting(1, sent=-9), waiting(2, sent=-1), waiting(3, sent=-5)], NOW)) == [2, 3, 1]


def test_a_message_from_the_future_by_its_senders_clock_is_no_error() -> None:
    assert numbers(order([waiting(1, sent=5, looked=-1)], NOW)) == [1]


def test_recorded_times_say_what_is_likely() -> None:
    """Half settle at once, all others between one hour and two: nothing happens in between."""
    times = [Observed(30, 30, 50), *(Observed(at, at) for at in range(3600, 7200, 72))]
    likelihood = by_curve(curve(times, 172_800))

    assert (likelihood(0, 60), likelihood(60, 3000), likelihood(3000, 7200)) == (0.5, 0.0, 1.0)
    assert likelihood(7200, 9000) == 0.0


def test_each_is_as_likely_as_its_own_times_say() -> None:
    due = [
        Waiting(1, minute(-9), None, minute(99), minute(999), lambda _looked, _age: 0.1),
        Waiting(2, minute(-9), None, minute(99), minute(999), lambda _looked, age: age / 600),
    ]

    assert numbers(order(due, NOW)) == [2, 1]


def test_without_an_age_a_message_is_as_likely_as_can_be() -> None:
    assert by_age(0, 0) == 1.0


#: Jobs of a simulation: when a message is sent, how long until its last look, and how long that can be made.
JOBS = st.lists(st.tuples(st.integers(0, 40), st.integers(1, 30), st.integers(1, 12)), min_size=1, max_size=40)


def can_be_done(jobs: Sequence[tuple[int, int, int]], quota: int) -> bool:
    """Whether any order makes every last look in time: no stretch of time holds more of them than the quota."""
    spans = [(sent + until, sent + until + lasts) for sent, until, lasts in jobs]
    for first in {start for start, _ in spans}:
        for last in {end for _, end in spans}:
            inside = sum(first <= start and end <= last for start, end in spans)
            if inside > quota * max(last - first, 0):
                return False
    return True


@thoroughly
@given(jobs=JOBS, quota=st.integers(1, 4), every=st.integers(1, 5))
def test_every_last_look_is_made_in_time_if_the_quota_allows_that_at_all(
    jobs: list[tuple[int, int, int]], quota: int, every: int
) -> None:
    """Whatever the order in which messages come, while each wants to be looked at every few minutes besides."""
    while jobs and not can_be_done(jobs, quota):
        jobs = jobs[:-1]
    open_jobs = dict(enumerate(jobs))
    looked: dict[int, int] = {}
    too_late: list[int] = []
    for now in range(100):
        due = []
        for number, (sent, until, lasts) in open_jobs.items():
            seen = looked.get(number)
            if now >= sent and (seen is None or now >= min(seen + every, sent + until)):
                due.append(
                    waiting(
                        number,
                        sent=sent,
                        looked=None if seen is None else float(seen),
                        last=sent + until,
                        late=sent + until + lasts,
                    )
                )
        for one in order(due, minute(now))[:quota]:
            if minute(now) >= one.last_look_at:
                if minute(now) >= one.too_late_at:
                    too_late.append(one.id)
                del open_jobs[one.id]
            else:
                looked[one.id] = now

    assert too_late == []
    assert open_jobs == {}


@thoroughly
@given(jobs=JOBS, quota=st.integers(1, 2))
def test_also_where_the_quota_does_not_suffice_everyone_gets_a_last_look(
    jobs: list[tuple[int, int, int]], quota: int
) -> None:
    """Late, and then as many in time as if nothing else were asked."""
    arriving = sorted((sent + until, number) for number, (sent, until, _) in enumerate(jobs))
    made: list[int] = []
    for now in range(200):
        due = [
            waiting(number, sent=0, last=ready, late=ready + jobs[number][2])
            for ready, number in arriving
            if ready <= now and number not in made
        ]
        made += numbers(order(due, minute(now)))[:quota]

    assert sorted(made) == list(range(len(jobs)))


def test_an_order_is_the_same_however_the_messages_come() -> None:
    due = [
        waiting(number, sent=-number % 7 - 1.0, last=number % 3 - 1.0, late=number % 5 + 1.0) for number in range(50)
    ]

    assert order(due, NOW) == order(due[::-1], NOW)
