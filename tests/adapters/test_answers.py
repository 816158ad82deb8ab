"""What adapters read from recorded answers, through the sender as in earnest."""

from contextlib import nullcontext
from datetime import timedelta
from typing import Any

import httpx
import msgspec
import pytest

import adapters.errors
from adapters.base import Page
from adapters.http import Sender
from tests.adapters.recorded import NOW, Answer, answers, body, every_answer, every_page, planted

#: What a recorded answer may hold. A slip of the pen would be a check that is never made.
KNOWN = {
    "origin", "settings", "what", "response", "reports", "count", "references", "unknown", "more", "position",
    "latest_at", "confirm", "unreadable", "raises",
}  # fmt: skip


def sender(answer: Answer) -> Sender:
    """A sender to whom everything is answered with `answer`."""
    client = httpx.AsyncClient(transport=httpx.MockTransport(lambda _: answer.response()))
    return Sender(answer.adapter(), "main", tries=1, patience=timedelta(0), client=client, clock=lambda: NOW)


async def asked(answer: Answer) -> Page:
    """The page that comes of asking and being given `answer`."""
    async with sender(answer) as to:
        response = await to.send(answer.adapter().ask(answer.what()))
    return answer.adapter().read(answer.what(), response)


@every_answer
async def test_an_answer_is_read_as_it_is_meant(answer: Answer) -> None:
    """Reports, unknown words, the next page, the position, and the errors are those that the file states."""
    expected = answer.recorded
    assert set(expected) <= KNOWN

    if "raises" in expected:
        with pytest.raises(getattr(adapters.errors, expected["raises"])) as caught:
            await asked(answer)
        assert not any(secret in str(caught.value) for secret in planted(answer.name))
        return
    page = await asked(answer)

    assert stated(page, expected) == {
        "count": expected.get("count", len(expected.get("reports", []))),
        "reports": expected.get("reports", []),
        "references": expected.get("references", []),
        "unknown": expected.get("unknown", []),
        "more": expected.get("more"),
        "position": expected.get("position"),
        "latest_at": expected.get("latest_at"),
        "confirm": expected.get("confirm"),
        "unreadable": expected.get("unreadable", 0),
    }


def stated(page: Page, expected: dict[str, Any] | Any) -> dict[str, Any]:
    """`page` in the words of a recorded answer. Reports are left out where only their number is stated."""
    plain = [msgspec.to_builtins(report.plain()) for report in page.reports]
    references = [report.reference for report in page.reports if report.reference]
    return {
        "count": len(plain),
        "reports": [] if "count" in expected and "reports" not in expected else plain,
        "references": [] if "count" in expected and "references" not in expected else references,
        "unknown": [report.unknown for report in page.reports if report.unknown],
        "more": request(page.more, expected.get("more")),
        "position": page.position,
        "latest_at": page.latest_at.isoformat() if page.latest_at else None,
        "confirm": request(page.confirm, expected.get("confirm")),
        "unreadable": len(page.unreadable),
    }


def request(found: httpx.Request | None, expected: dict[str, Any] | None) -> dict[str, Any] | None:
    """A request as method, address and JSON body, of which only what is stated is compared."""
    if found is None:
        return None
    content = msgspec.json.decode(found.content) if found.content else None
    plain = {"method": found.method, "url": str(found.url), "body": content}
    return {name: plain[name] for name in plain if expected is None or name in expected}


@every_page
def test_reading_is_pure(answer: Answer) -> None:
    """The same answer read twice, by two adapters, gives the same page."""
    one, other = answer.read(), answer.read()

    assert stated(one, {}) == stated(other, {})
    assert one.reports == other.reports


@every_page
def test_every_time_is_aware_and_every_id_in_its_one_spelling(answer: Answer) -> None:
    asks = answer.adapter()

    for report in answer.read().reports:
        times = [report.occurred_at, report.attempt_at, *(at for _, at in report.engagement)]
        assert all(at.tzinfo for at in times if at)
        assert report.provider_id == asks.normal_id(report.provider_id)
        assert report.part == (asks.normal_part(report.part) if report.part else "")
        assert report.provider_id or report.reference


@pytest.mark.parametrize("answer", [one for one in answers() if one.recorded.get("more")], ids=str)
async def test_a_next_page_is_sent_to_the_account_or_nowhere(answer: Answer) -> None:
    """An adapter may follow what the provider says; the sender keeps our credentials from others."""
    sent: list[str] = []

    def note(request: httpx.Request) -> httpx.Response:
        sent.append(request.url.host)
        return answer.response()

    more, own = answer.read().more, httpx.URL(answer.adapter().settings.base_url).host
    assert more is not None
    client = httpx.AsyncClient(transport=httpx.MockTransport(note))
    async with Sender(answer.adapter(), "main", tries=1, client=client) as to:
        with nullcontext() if more.url.host == own else pytest.raises(adapters.errors.Refused):
            await to.send(more)

    assert sent == ([own] if more.url.host == own else [])


def test_repeated_items_are_numbered() -> None:
    """What stands for a long list in a file becomes one."""
    page = {"json": {"items": {"repeat": {"id": "m{n}"}, "times": 2}}}
    of_names = {"json": {"repeat": ["m{n}", 0], "times": 2, "as": "object"}}

    assert msgspec.json.decode(body(page)) == {"items": [{"id": "m0"}, {"id": "m1"}]}
    assert msgspec.json.decode(body(of_names)) == {"m0": 0, "m1": 0}
