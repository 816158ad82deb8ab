"""Which cases every provider has recorded, and that each shows what its name says."""

from collections import Counter
from collections.abc import Callable, Mapping

from adapters.base import Page
from rules.statuses import OPEN, Reason, Status
from tests.adapters.recorded import Answer, adapter, answers, every_adapter, every_answer

#: What every provider must have at least one recorded answer of.
CASES = (
    "delivered",
    "failed",
    "still_going",
    "unknown_word",
    "not_found",
    "throttled",
    "refused",
    "trouble",
    "broken_json",
    "wrong_types",
    "huge",
    "empty",
)

ORIGINS = ("real, cleaned", "docs: ", "made by hand from ")


def shows_a_failure(page: Page) -> bool:
    """Whether a report is a failure, and every failure has a reason, so that a person sees the code."""
    failures = {Status.EXPIRED, Status.NOT_SENT, Status.FAILED, Status.HARD_BOUNCED}
    failed = [report for report in page.reports if report.status in failures]
    return bool(failed) and all(report.reason is not Reason.NONE for report in failed)


def shares_an_id(page: Page) -> bool:
    """Whether two reports are about different parts of one id."""
    parts = {(report.provider_id, report.part) for report in page.reports}
    return any(count > 1 for count in Counter(provider_id for provider_id, _ in parts).values())


#: What must be raised in these cases.
RAISED = {"throttled": "Throttled", "refused": "Refused", "trouble": "Unreachable", "broken_json": "Unreadable"}

#: What must be true of the page in these.
SHOWN: Mapping[str, Callable[[Page], bool]] = {
    "failed": shows_a_failure,
    "still_going": lambda page: bool(page.reports) and {report.status for report in page.reports} <= OPEN,
    "unknown_word": lambda page: any(report.unknown and report.status is None for report in page.reports),
    "not_found": lambda page: not page.reports and not page.unreadable,
    "empty": lambda page: not page.reports and not page.unreadable,
    "wrong_types": lambda page: bool(page.unreadable),
    "next_page": lambda page: page.more is not None,
    "several_recipients": shares_an_id,
}


@every_adapter
def test_every_case_is_recorded(name: str) -> None:
    """Each provider shows all that can happen, and says where each answer comes from."""
    limits, words = adapter(name).limits, adapter(name).STATUSES.values()
    expected = set(CASES)
    if OPEN.isdisjoint(words):
        expected.remove("still_going")
    if limits.listing or limits.feed or limits.references:
        expected.add("next_page")
    if limits.parts:
        expected.add("several_recipients")
    found = {answer.case.partition("-")[0] for answer in answers(name)}

    assert sorted(expected - found) == []
    assert [str(answer) for answer in answers(name) if not answer.recorded["origin"].startswith(ORIGINS)] == []


@every_answer
def test_a_case_shows_what_its_name_says(answer: Answer) -> None:
    """So that no file can be there only to be there."""
    kind = answer.case.partition("-")[0]
    if kind in RAISED:
        assert answer.recorded["raises"] == RAISED[kind]
    elif kind in SHOWN and "raises" not in answer.recorded:
        assert SHOWN[kind](answer.read())


@every_adapter
def test_the_best_word_of_a_provider_is_recorded(name: str) -> None:
    words = adapter(name).STATUSES.values()
    best = Status.DELIVERED if Status.DELIVERED in words else Status.UNCONFIRMED
    found = [answer.read().reports for answer in answers(name) if answer.case.startswith("delivered")]

    assert all(best in {report.status for report in reports} for reports in found)


@every_adapter
def test_a_huge_page_has_as_many_reports_as_the_provider_allows(name: str) -> None:
    limits = adapter(name).limits
    most = max(limits.ids, limits.listing, limits.feed, limits.queue, limits.drain)
    huge = [len(answer.read().reports) for answer in answers(name) if answer.case.startswith("huge")]

    assert max(huge) >= most
