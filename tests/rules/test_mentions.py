"""An address is found in texts however it is written there, and nobody else's is."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rules.mentions import Mentions, masked

ANN = Mentions(["Ann@Example.org"])
NUMBER = Mentions(["+44 7700 900123"])


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("<ann@example.org>: no such user", "<…>: no such user"),
        ("ANN@EXAMPLE.ORG.", "…."),
        ("mailto:ann@example.org?subject=hello", "mailto:…?subject=hello"),
        ("to ann@example.org-1, and ann@example.org", "to …-1, and …"),
        ("https://example.com/?to=ann%40example.org", "https://example.com/?to=…"),
    ],
)
def test_an_address_is_struck_out(text: str, left: str) -> None:
    assert ANN.struck(text) == left


@pytest.mark.parametrize(
    "text",
    ["joann@example.org", "x.ann@example.org", "ann@example.org.uk", "ann@example.org-x.com", "ann@example.orgs", ""],
)
def test_a_longer_address_is_somebody_elses(text: str) -> None:
    assert not ANN.are_in(text)
    assert ANN.struck(text) == text


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("447700900123", "…"),
        ("to +447700900123.", "to …."),
        ("tel:+44-7700-900-123", "tel:…"),
        ("(44) 7700 900123 is off", "(… is off"),
        ("whatsapp:+447700900123", "whatsapp:…"),
    ],
)
def test_a_number_is_struck_out_with_anything_between_its_digits(text: str, left: str) -> None:
    assert NUMBER.struck(text) == left


@pytest.mark.parametrize("text", ["1447700900123", "4477009001234", "0.447700900123", "SM447700", "+44770090012"])
def test_a_longer_number_is_somebody_elses(text: str) -> None:
    assert not NUMBER.are_in(text)


def test_a_token_is_found_as_it_is() -> None:
    assert Mentions(["ExponentPushToken[abc]"]).struck("ExponentPushToken[abc] is gone") == "… is gone"


def test_nobody_is_in_no_text() -> None:
    assert not Mentions([]).are_in("anything")
    assert not Mentions([""]).are_in("anything")
    assert not ANN.are_in(None)


def test_of_a_list_only_what_mentions_the_person_is_left_out() -> None:
    """However deep the address is, and wherever the list is."""
    others = [{"to": "ben@example.org", "n": 1.5}, {"to": None}]
    said = {"page": {"items": [{"to": {"address": ["ANN@example.org"]}, "text": "hello"}, *others]}, "more": True}
    left = ANN.pruned(json.dumps(said).encode())

    assert left is not None
    assert json.loads(left) == {"page": {"items": others}, "more": True}


@pytest.mark.parametrize(
    "body",
    [
        b'{"to": "ann@example.org", "status": "sent"}',
        b'{"ann@example.org": {"status": "sent"}}',
        b'{"a": {"b": "ann@example.org"}, "c": [1]}',
        b"<to>ann@example.org</to>",
        b"to=ann%40example.org&status=sent",
        b'{"to": "ann\\u0040example.org"',
        b'{"to": "ann@example.org", "to": "ben@example.org"}',
        b"[" * 100_000 + b'"ann@example.org"',
        b"\xff ann@example.org",
    ],
)
def test_an_answer_about_one_person_is_left_out_whole(body: bytes) -> None:
    assert ANN.pruned(body) is None


@pytest.mark.parametrize("body", [b"", b"{}", b'{"to": "ben@example.org"}', b"nonsense", b"\xff\x00", b"[1e999, NaN]"])
def test_an_answer_about_others_stays_as_it_is(body: bytes) -> None:
    assert ANN.pruned(body) == body


def test_a_number_is_found_as_a_number() -> None:
    assert NUMBER.pruned(b'[{"to": 447700900123}, {"to": 447700900124}]') == b'[{"to": 447700900124}]'


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text() | st.just("to ann@example.org"),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


@given(said=VALUES)
def test_whatever_is_left_mentions_nobody_and_can_be_read(said: object) -> None:
    left = ANN.pruned(json.dumps(said).encode())

    assert left is None or not ANN.are_in(left.decode())
    assert (left == json.dumps(said).encode()) == ("ann@example.org" not in json.dumps(said))


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("550 5.1.1 <ann@example.org>: Recipient rejected", "550 5.1.1 <…>: Recipient rejected"),
        ("to +44 7700 900123 at 2026-11-24 10:00:00", "to … at 2026-11-24 10:00:00"),
        ("447700900123: no route, code 30003", "…: no route, code 30003"),
        ("452 4.2.2 mailbox full, try 2 of 5", "452 4.2.2 mailbox full, try 2 of 5"),
        ("id SM00000000000000000000000000000001", "id SM00000000000000000000000000000001"),
        ("see https://example.com/ann", "see https://example.com/ann"),
        ("", ""),
    ],
)
def test_whatever_looks_like_an_address_is_masked_and_nothing_else(text: str, left: str) -> None:
    assert masked(text) == left


@given(text=st.text(), address=st.emails())
def test_no_address_stays_whatever_is_around_it(text: str, address: str) -> None:
    assert address not in masked(f"{text} <{address}> {text}")
