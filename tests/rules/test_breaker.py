"""The breaker: a provider in trouble is left alone, asked one thing, and then more and more."""

from datetime import datetime, timedelta

import pytest

from rules.breaker import (
    FIRST_ROUND,
    IN_A_ROW,
    IN_A_ROW_AGAIN,
    LONGEST_REST,
    SHORTEST_REST,
    Run,
    Stand,
    eased,
    rest,
    stand,
)
from tests.rules.saying import minute

NOW = minute(0)


@pytest.mark.parametrize(
    ("expected", "failures", "ask_after", "easing", "is_refused"),
    [
        (Stand.CLOSED, 0, None, None, False),
        (Stand.CLOSED, 0, minute(-1), None, False),
        (Stand.CLOSED, 0, minute(1), None, False),
        (Stand.OPEN, 1, minute(1), None, False),
        (Stand.HALF_OPEN, 1, NOW, None, False),
        (Stand.HALF_OPEN, 3, None, None, False),
        (Stand.RECOVERING, 0, None, 4, False),
        (Stand.STOPPED, 1, minute(1), None, True),
    ],
)
def test_a_breaker_stands_in_one_way(
    expected: Stand, failures: int, ask_after: datetime | None, easing: int | None, *, is_refused: bool
) -> None:
    """Refused credentials outlast every rest. Where nothing failed, an account only waits for its quota."""
    found = stand(NOW, failures=failures, ask_after=ask_after, easing=easing, is_refused=is_refused)

    assert found == expected


def test_rests_double_up_to_a_limit() -> None:
    expected = [min(SHORTEST_REST * 2**failures, LONGEST_REST) for failures in range(40)]

    assert [rest(failures, 0.5) for failures in range(40)] == expected


def test_accounts_that_failed_together_do_not_come_back_together() -> None:
    assert [rest(0, chance) for chance in (0, 1)] == [SHORTEST_REST * 0.8, SHORTEST_REST * 1.2]


def test_after_a_recovery_each_round_has_twice_as_many_requests_until_it_has_all() -> None:
    rounds: list[int | None] = [FIRST_ROUND]
    while (last := rounds[-1]) is not None:
        rounds.append(eased(last, 50))

    assert rounds == [2, 4, 8, 16, 32, None]


def test_a_provider_that_answered_nothing_is_left_alone_at_the_first_failure() -> None:
    """The sender has tried it several times already."""
    assert Run().failed()


def test_one_that_answers_others_is_left_alone_after_some_failures_in_a_row() -> None:
    """A single message may bring down the request about it, and must not stop the account."""
    run = Run()
    run.well()

    assert [run.failed() for _ in range(IN_A_ROW)] == [False] * (IN_A_ROW - 1) + [True]


def test_what_failed_before_may_be_to_blame_itself() -> None:
    """Finding one among a thousand messages takes ten halvings, each of which may fail first at the half with it."""
    run = Run()
    run.well()

    assert [run.failed(again=True) for _ in range(IN_A_ROW_AGAIN)] == [False] * (IN_A_ROW_AGAIN - 1) + [True]
    assert 2 ** (IN_A_ROW_AGAIN - 2) > 1000


def test_one_that_fails_every_second_request_is_asked_on() -> None:
    run = Run()
    opened = []
    for _ in range(50):
        run.well()
        opened.append(run.failed())

    assert not any(opened)


def test_while_it_recovers_one_failure_is_enough() -> None:
    run = Run(is_careful=True)
    run.well()

    assert run.failed()


def test_a_rest_is_never_longer_than_people_wait() -> None:
    assert rest(10_000, 1) <= timedelta(minutes=6)
