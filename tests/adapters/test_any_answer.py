"""Whatever a provider answers ends in a page or in an error that says who acts next."""

import json
from collections.abc import Iterator
from datetime import UTC, timedelta
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from adapters.base import Adapter, Ids, Page, What
from adapters.errors import Refused, Throttled, Unreadable
from rules.reports import Report
from tests.adapters.questions import offered
from tests.adapters.recorded import Answer, adapter, answers, body, every_adapter, imagined, planted
from worker.plain import plain_ids

#: It does not depend on the interpreter.
pytestmark = pytest.mark.once

#: What a sender passes on: any status but 3xx, 401, 403, 429 and 5xx.
STATUSES = st.sampled_from((200, 200, 200, 201, 204, 400, 404, 409, 410, 422))

#: Values that have broken programs before, among any others.
ODD: list[Any] = [
    None, True, -1, 0, 1e308, 10**400, "", "\0", "x" * 1000, "9999-12-31T23:59:59-12:00", "0001-01-01T00:00:00+14:00",
    "2026-11-24T12:00:00", "Fri, 31 Dec 9999 23:59:59 -1200", "https://[", "//elsewhere.example/x", [], {}, [[]],
    [None],
]  # fmt: skip
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=30) | st.sampled_from(ODD),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=10), inner, max_size=4),
    max_leaves=12,
)

thoroughly = settings(deadline=None, max_examples=150, suppress_health_check=[HealthCheck.too_slow])


def check(asks: Adapter[Any], what: What, response: httpx.Response) -> None:
    """Read `response`; whatever comes of it can be stored and shows no secret."""
    outcome = read(asks, what, response)
    if isinstance(outcome, Page):
        check_page(asks, outcome)
    else:
        assert not any(secret in outcome for secret in planted(asks.name))


def read(asks: Adapter[Any], what: What, response: httpx.Response) -> Page | str:
    """The page, or the text of an error that an adapter may raise."""
    try:
        return asks.read(what, response)
    except (Refused, Throttled, Unreadable) as error:
        return str(error)


def check_page(asks: Adapter[Any], page: Page) -> None:
    for report in page.reports:
        check_report(asks, report)
    for request in (page.more, page.confirm):
        assert request is None or request.url.scheme in {"http", "https"}
    assert page.latest_at is None or page.latest_at.tzinfo is UTC
    assert all(len(line) < 500 for line in page.unreadable)


def check_report(asks: Adapter[Any], report: Report) -> None:
    times = [report.occurred_at, report.attempt_at, *(at for _, at in report.engagement)]
    texts = [report.provider_id, report.part, report.reference, report.code, report.detail, report.unknown]
    assert all(at.utcoffset() == timedelta() for at in times if at)
    assert not any("\0" in text for text in texts)
    assert report.provider_id or report.reference
    assert report.provider_id == asks.normal_id(report.provider_id)
    assert report.status is None or not report.unknown
    assert 0 <= report.attempts < 2**15
    json.dumps(report.plain())


@every_adapter
@thoroughly
@given(status=STATUSES, value=VALUES, pick=st.integers(0, 99))
def test_any_json_ends_in_a_page_or_an_error(name: str, status: int, value: Any, pick: int) -> None:
    asks = adapter(name)
    questions = offered(asks)

    check(asks, questions[pick % len(questions)], httpx.Response(status, content=json.dumps(value).encode()))


@every_adapter
@thoroughly
@given(status=STATUSES, content=st.binary(max_size=200), pick=st.integers(0, 99))
def test_any_bytes_end_in_a_page_or_an_error(name: str, status: int, content: bytes, pick: int) -> None:
    asks = adapter(name)
    questions = offered(asks)

    check(asks, questions[pick % len(questions)], httpx.Response(status, content=content))


def readable(name: str) -> list[Answer]:
    """The adapter's answers that are read and small enough to be changed many times."""
    return [
        one for one in answers(name) if "raises" not in one.recorded and len(body(one.recorded["response"])) < 20_000
    ]


@every_adapter
@thoroughly
@given(data=st.data())
def test_a_recorded_answer_with_a_change_ends_in_a_page_or_an_error(name: str, data: st.DataObject) -> None:
    """Any value anywhere in it becomes another, or goes."""
    answer = data.draw(st.sampled_from(readable(name)))
    tree = json.loads(body(answer.recorded["response"]) or b"null")
    places = list(inside(tree))
    for _ in range(data.draw(st.integers(1, 3))):
        if places:
            container, key = data.draw(st.sampled_from(places))
            change(container, key, data)

    check(
        answer.adapter(),
        answer.what(),
        httpx.Response(answer.response().status_code, content=json.dumps(tree).encode()),
    )


@every_adapter
@thoroughly
@given(data=st.data())
def test_a_recorded_answer_cut_off_ends_in_a_page_or_an_error(name: str, data: st.DataObject) -> None:
    answer = data.draw(st.sampled_from(readable(name)))
    content = answer.response().content
    cut = content[: data.draw(st.integers(0, len(content)))]

    check(answer.adapter(), answer.what(), httpx.Response(answer.response().status_code, content=cut))


def inside(tree: Any) -> Iterator[tuple[Any, Any]]:
    """Every place in a JSON value, as container and key."""
    keys = list(tree) if isinstance(tree, dict) else range(len(tree)) if isinstance(tree, list) else ()
    for key in keys:
        yield tree, key
        yield from inside(tree[key])


def change(container: Any, key: Any, data: st.DataObject) -> None:
    """Put something else in this place, or nothing."""
    if isinstance(container, dict) and data.draw(st.booleans()):
        container.pop(key, None)
    elif isinstance(container, dict) or key < len(container):
        container[key] = data.draw(VALUES)


@every_adapter
@pytest.mark.parametrize("depth", [1000, 100_000])
def test_an_answer_of_brackets_only_is_unreadable_or_refused(name: str, depth: int) -> None:
    """Deep nesting ends a naive reader."""
    asks = adapter(name)

    for what in offered(asks):
        with pytest.raises((Unreadable, Refused)):
            asks.read(what, httpx.Response(200, content=b"[" * depth + b"]" * depth))


@every_adapter
@thoroughly
@given(data=st.data())
def test_a_plain_id_is_left_as_it_is(name: str, data: st.DataObject) -> None:
    """Postgres records messages with such ids without asking us."""
    asks = adapter(name, **imagined(name))
    text = data.draw(st.from_regex(plain_ids(asks), fullmatch=True))

    assert asks.normal_id(text) == text


@every_adapter
@thoroughly
@given(text=st.text(max_size=60))
def test_any_id_can_be_asked_about_and_stays_in_its_place(name: str, text: str) -> None:
    """An id is data: whatever it holds, it leads to no other host and adds nothing to the question."""
    asks = adapter(name, **imagined(name))
    normal = asks.normal_id(text)
    if not asks.limits.ids:
        return
    usual, request = asks.ask(Ids(("usual",))), asks.ask(Ids((text,)))

    assert normal == asks.normal_id(normal)
    assert (request.url.scheme, request.url.netloc) == (usual.url.scheme, usual.url.netloc)
    assert set(request.url.params) == set(usual.url.params)
    assert request.url.path.split("/")[:2] == usual.url.path.split("/")[:2]
