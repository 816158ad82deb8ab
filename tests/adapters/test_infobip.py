"""Infobip's requests to the letter, and what its statuses and errors come to in every combination."""

from datetime import UTC, datetime, timedelta, timezone
from itertools import product
from typing import Any
from uuid import UUID

import httpx
import pytest

from adapters.base import Ids, References, Take, Window
from rules.reports import Report
from rules.statuses import OPEN, Reason, Status
from tests.adapters.recorded import NOW, adapter, imagined
from worker.plan import chunks

ASKS = adapter("infobip")

#: Each word with each error that is known, none, and one that is not known.
PAIRS = list(product(ASKS.STATUSES, [0, *(int(code) for code in ASKS.REASONS if code.isdigit()), 987_654]))

#: Words that are not the last about a message.
INTERMEDIATE = {word for word, status in ASKS.STATUSES.items() if status is Status.SENT}


def said(word: str, error: dict[str, Any] | None) -> tuple[Report, ...]:
    """What is read of a log with this word and this error."""
    entry = {"messageId": "m1", "status": {"name": word}, "error": error, "sentAt": "2026-11-24T10:00:00.000+0000"}
    return ASKS.read(Ids(("m1",)), httpx.Response(200, json={"results": [entry]})).reports


def statuses(reports: tuple[Report, ...]) -> set[Status | None]:
    return {report.status for report in reports}


def test_reports_are_asked_for_by_the_thousand_and_in_json() -> None:
    """Without a limit 50 come, and XML is spoken as well."""
    request = ASKS.ask(Take())

    assert (request.method, str(request.url)) == ("GET", "https://api.infobip.com/sms/3/reports?limit=1000")
    assert request.headers["accept"] == "application/json"


def test_ids_are_asked_for_together_and_none_is_left_out_by_a_limit() -> None:
    request = ASKS.ask(Ids((" 00aB ", "c&limit=1")))

    assert request.url.path == "/sms/3/logs"
    assert request.url.params.multi_items() == [("messageId", "00aB,c&limit=1"), ("limit", "1000")]


@pytest.mark.parametrize(("make", "expected"), [("{:022}", 89), (None, 55), ("{:01}", 90), ("{:0200}", 10)])
def test_a_lookup_has_as_many_ids_as_fit_into_2048_characters(make: str | None, expected: int) -> None:
    """Of the numbers that Infobip makes, of UUIDs, and of the shortest and longest that a sender may choose."""
    names = [make.format(number) if make else str(UUID(int=number)) for number in range(300)]
    runs = list(chunks(names, ASKS.limits.ids, ASKS.limits.id_characters))

    assert len(runs[0]) == expected
    assert [name for run in runs for name in run] == names
    assert all(len(ASKS.ask(Ids(run)).url.params["messageId"]) <= 2048 for run in runs)


def test_a_window_reaches_a_millisecond_beyond_both_ends() -> None:
    """Infobip leaves both ends out, counts in milliseconds, and writes zones without a colon."""
    since = datetime(2026, 11, 24, 10, 0, 0, 999_999, tzinfo=UTC)
    until = datetime(2026, 11, 24, 12, 30, 0, 1, tzinfo=timezone(timedelta(hours=1)))
    request = ASKS.ask(Window(since, until))
    expected = {
        "sentSince": "2026-11-24T10:00:00.998+0000",
        "sentUntil": "2026-11-24T11:30:00.001+0000",
        "limit": "1000",
        "useCursor": "true",
    }

    assert dict(request.url.params) == expected
    assert "%2B0000" in str(request.url)


def test_the_next_page_asks_the_same_from_the_cursor_on() -> None:
    window = Window(NOW - timedelta(hours=1), NOW)
    answer = {"results": [None], "cursor": {"nextCursor": "next&limit=1"}}
    more = ASKS.read(window, httpx.Response(200, json=answer)).more

    assert more is not None
    assert dict(more.url.params) == {**ASKS.ask(window).url.params, "cursor": "next&limit=1"}


def test_a_cursor_leads_on_from_a_listing_only() -> None:
    """A lookup holds all that it asked for; asking on would be a request for nothing."""
    answer = {"results": [None], "cursor": {"nextCursor": "next"}}
    ids, take = (ASKS.read(what, httpx.Response(200, json=answer)) for what in (Ids(("m1",)), Take()))

    assert ids.more is None
    assert take.more is None


def test_the_key_is_sent_in_infobips_own_way() -> None:
    request = next(ASKS.auth(NOW, "n").sync_auth_flow(httpx.Request("GET", "https://example.com")))

    assert request.headers["authorization"] == f"App {imagined('infobip')['api_key']}"


def test_the_base_address_may_be_the_accounts_own() -> None:
    request = adapter("infobip", base_url="https://example.api.infobip.com/").ask(Take())

    assert str(request.url) == "https://example.api.infobip.com/sms/3/reports?limit=1000"


def test_infobip_cannot_be_asked_by_a_reference() -> None:
    with pytest.raises(ValueError, match="infobip cannot be asked by references"):
        ASKS.ask(References(("order-1",)))


@pytest.mark.parametrize("permanent", [None, True, False])
def test_only_the_handset_confirms_whatever_the_error(permanent: bool | None) -> None:  # noqa: FBT001  a case
    """The group DELIVERED has a word that is no delivery."""
    delivered = {
        word for word, code in PAIRS if Status.DELIVERED in statuses(said(word, {"id": code, "permanent": permanent}))
    }

    assert delivered == {"DELIVERED_TO_HANDSET"}


@pytest.mark.parametrize("permanent", [None, True, False])
def test_a_last_word_settles_and_any_other_does_not(permanent: bool | None) -> None:  # noqa: FBT001  a case
    settling = {word for word, code in PAIRS if not statuses(said(word, {"id": code, "permanent": permanent})) <= OPEN}
    staying = {word for word, code in PAIRS if statuses(said(word, {"id": code, "permanent": permanent})) <= OPEN}

    assert staying == INTERMEDIATE
    assert settling == set(ASKS.STATUSES) - INTERMEDIATE


def test_every_failure_has_a_reason_and_a_code() -> None:
    """The code is that of the error; where there is none it is the word."""
    fine = {Status.DELIVERED, Status.UNCONFIRMED, Status.SENT}
    failures = {(word, code): said(word, {"id": code, "permanent": True}) for word, code in PAIRS}
    shown = {pair: reports for pair, reports in failures.items() if not statuses(reports) <= fine}

    assert len(shown) > 1000
    for (word, code), reports in shown.items():
        assert all(report.reason is not Reason.NONE for report in reports)
        assert {report.code for report in reports} == {str(code) if code else word}


def test_an_error_that_is_called_permanent_is_no_hard_bounce_for_that() -> None:
    """It says that the same message would fail again, not that the number is bad; a hard bounce blocks a person."""
    reports = said("UNDELIVERABLE_NOT_DELIVERED", {"id": 987_654, "permanent": True})

    assert [(report.status, report.reason) for report in reports] == [(Status.FAILED, Reason.UNKNOWN)]


@pytest.mark.parametrize("error", [None, {}, {"id": None}, {"id": 0, "permanent": False}, {"id": "0"}])
def test_no_error_is_none_in_every_spelling(error: dict[str, Any] | None) -> None:
    (report,) = said("UNDELIVERABLE_NOT_DELIVERED", error)

    assert (report.status, report.code) == (Status.FAILED, "UNDELIVERABLE_NOT_DELIVERED")


def test_an_id_is_cut_where_infobip_cuts_it() -> None:
    """Else a message whose sender chose a longer one would never be found."""
    expected = "a" * 200

    assert ASKS.normal_id("  " + "a" * 230) == expected
    assert ASKS.normal_id("a" * 199 + " " + "b") == "a" * 199
