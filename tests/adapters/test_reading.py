"""Reading answers: one bad item spoils no page, and errors say where and never what."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta, timezone

import httpx
import msgspec
import pytest

from adapters import reading
from adapters.errors import Refused, Unreadable
from rules.reports import Report
from rules.statuses import Status
from tests.adapters.plain import plain


class Item(msgspec.Struct):
    """One message of an imagined answer."""

    id: str
    number: int = 0


class Many(msgspec.Struct):
    """An imagined answer."""

    items: list[msgspec.Raw]


def report(item: Item) -> Iterable[Report]:
    if item.number < 0:
        raise ValueError("planted")
    return [Report(item.id, status=Status.SENT)]


def answer(text: str | bytes) -> httpx.Response:
    return httpx.Response(200, content=text)


def test_a_good_answer_is_read() -> None:
    expected = Item("m1", 7)

    assert reading.decode(answer('{"id": "m1", "number": 7, "more": [1]}'), Item, "plain") == expected


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "it is not JSON"),
        ("<html>planted</html>", "it is not JSON"),
        ('{"id": "planted', "it is not JSON"),
        (b'{"id": "\xff"}', "it is not JSON|a value has the wrong form"),
        ("[" * 100_000, "wrong type at the top"),
        ('{"id": 5}', r"wrong type at `\$.id`"),
        ('{"id": "planted", "number": "planted"}', r"wrong type at `\$.number`"),
        ('["planted"]', "wrong type at the top"),
    ],
)
def test_what_is_wrong_is_told_by_its_place_and_never_by_its_content(text: str | bytes, said: str) -> None:
    with pytest.raises(Unreadable, match=said) as caught:
        reading.decode(answer(text), Item, "plain")

    assert str(caught.value).startswith("plain: the answer could not be read: ")
    assert str(caught.value).endswith("; it is kept in the journal")
    assert "planted" not in str(caught.value)


def test_one_bad_item_spoils_no_page() -> None:
    """The good ones are used; each bad one is told by its number."""
    items = [
        '{"id": "m1"}',
        '{"id": 2}',
        "3",
        '{"id": "m4", "number": -1}',
        '{"id": ""}',
        '{"id": "a\\u0000b"}',
        '{"id": "m7"}',
    ]
    text = f'{{"items": [{", ".join(items)}]}}'
    page = reading.decode(answer(text), Many, "plain")
    reports, unreadable = reading.items(page.items, Item, report)

    assert [one.provider_id for one in reports] == ["m1", "m7"]
    assert [line.partition(":")[0] for line in unreadable] == ["item 2", "item 3", "item 4", "item 5", "item 6"]
    assert "planted" not in "".join(unreadable)


@pytest.mark.parametrize("text", ['{"id": "m1", "number": -1}', '{"id": ""}', '{"id": "a\\u0000b"}', "{}"])
def test_an_answer_about_one_message_is_read_whole_or_not(text: str) -> None:
    with pytest.raises(Unreadable) as caught:
        reading.one(answer(text), Item, "plain", report)

    assert "planted" not in str(caught.value)


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("/messages?page=2", "https://api.plain.example/messages?page=2"),
        ("https://api.plain.example/messages?page=2", "https://api.plain.example/messages?page=2"),
        ("https://elsewhere.example/", "https://elsewhere.example/"),
    ],
)
def test_a_next_page_is_at_the_account_unless_its_address_is_whole(address: str, expected: str) -> None:
    assert str(reading.next_page(plain(), address).url) == expected


@pytest.mark.parametrize("address", ["", "messages?page=2", "ftp://api.plain.example/", "http://a:b/"])
def test_what_is_no_address_of_a_page_is_unreadable(address: str) -> None:
    with pytest.raises(Unreadable, match="the next page has no address"):
        reading.next_page(plain(), address)


def test_times_become_utc() -> None:
    noon = datetime(2026, 7, 1, 12, tzinfo=UTC)

    assert reading.utc(None) is None
    assert reading.utc(noon.replace(tzinfo=None)) == noon
    assert reading.utc(noon.astimezone(timezone(timedelta(hours=5, minutes=45)))) == noon


def test_another_status_than_expected_is_refused() -> None:
    reading.expect(httpx.Response(404), "plain", 200, 404)

    with pytest.raises(Refused, match="plain refused the request with status 418; check the account's settings"):
        reading.expect(httpx.Response(418), "plain", 200, 404)


def test_one_report_may_say_several_words() -> None:
    expected = [Status.SOFT_BOUNCED, Status.EXPIRED]

    assert [one.status for one in reading.each(Report("m1"), reading.GIVEN_UP)] == expected
