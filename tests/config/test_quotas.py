"""Limits as operators write them: read, over those of the adapter, and refused where they cannot be kept."""

from datetime import timedelta

import pytest

from adapters.base import Limits
from rules.quota import Bounds, Most
from tests.adapters.plain import Plain
from tests.config.reading import Place
from tests.config.test_build import PLAIN, account, built, problems
from worker import quotas


class Listed(Plain):
    """A provider that only lists."""

    limits = Limits(listing=100)


HOUR, DAY = timedelta(hours=1), timedelta(days=1)
ONE = PLAIN + 'quota = "shared"\n'
TWICE = ONE + 'requests = "100/10s"\n{}\n' + ONE.replace("main", "other") + "{}\n"


def test_limits_are_written_as_amounts_in_a_time(place: Place) -> None:
    main = account(
        place,
        'rate = 5\nconcurrency = 7\nrequests = ["100/10s", "2500/h"]\nrecords = "9000/d"\n'
        'cost = "1.5/d"\ncost_per_request = 0.25\ntimeout = "3s"',
    )
    most = (
        Most(100, timedelta(seconds=10)), Most(2500, HOUR), Most(9000, DAY, "records"), Most(1.5, DAY, "cost"),
    )  # fmt: skip

    assert quotas.bounds(main) == Bounds(5.0, 7, most, main.limits.largest, 0.25, 3.0)


def test_limits_in_the_environment_are_separated_by_commas(place: Place) -> None:
    main = built(place, PLAIN, ACCOUNTS__MAIN__REQUESTS="100/10s, 5/s")["main"]

    assert main.limits.requests == (Most(100, timedelta(seconds=10)), Most(5, timedelta(seconds=1)))


@pytest.mark.parametrize("written", ["100", "100/", "/d", "many/d", "nan/d", "0/d", "-1/d", "5/500ms", "5/60d", "5/x"])
def test_what_is_no_limit_is_refused(place: Place, written: str) -> None:
    (problem,) = place.problems(PLAIN + f'requests = "{written}"')

    assert problem.startswith("accounts.main.requests: ")


def test_each_account_has_its_own_ledger_unless_it_shares_one(place: Place) -> None:
    assert quotas.ledger(account(place)) == "account main"
    assert quotas.ledger(account(place, 'quota = "main"')) == "main"


def test_accounts_that_share_a_quota_must_agree(place: Place) -> None:
    fine = built(place, TWICE.format("", 'requests = "100/10s"'))
    wrong = problems(place, TWICE.format("rate = 3", "concurrency = 9"))

    assert len({quotas.ledger(one) for one in fine.values()}) == 1
    theirs = fine["main"].limits
    shares = "in accounts.main, which shares the quota 'shared'; set the same in both"
    assert wrong == [
        f"accounts.other.rate: is {theirs.rate}, and 3.0 {shares}",
        f"accounts.other.concurrency: is 9, and {theirs.concurrency} {shares}",
        f"accounts.other.requests: is none, and 100/10s {shares}",
    ]


@pytest.mark.parametrize(
    ("options", "place_", "said"),
    [
        ('cost = "5/d"', "cost", "set cost_per_request too"),
        ('cost = "5/d"\ncost_per_request = 6', "cost", "5/1d is less than one request may take, which is 6"),
        ('requests = "0.5/d"', "requests", "0.5/1d is less than one request may take, which is 1"),
        ('records = "1/d"', "records", "nothing could be asked"),
    ],
)
def test_limits_under_which_nothing_could_be_asked_are_refused(
    place: Place, options: str, place_: str, said: str
) -> None:
    (problem,) = problems(place, PLAIN + options)

    assert problem.startswith(f"accounts.main.{place_}: ")
    assert said in problem


def test_slices_are_for_providers_that_are_asked_by_id(place: Place) -> None:
    listed = '[accounts.a]\nadapter = "tests.config.test_quotas:Listed"\nslices = 2'

    assert account(place, "slices = 4").slices == 4
    assert account(place).slices == 1
    assert problems(place, listed) == [
        "accounts.a.slices: this provider is not asked by id, and slices do nothing else; remove slices"
    ]


def test_a_quota_is_a_name(place: Place) -> None:
    (problem,) = place.problems(PLAIN + 'quota = "Two words"')

    assert problem.startswith("accounts.main.quota: 'Two words' is no name; ")
