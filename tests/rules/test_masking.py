"""A masked recipient can be told from most others and cannot be reached."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rules.hashing import PREFIX
from rules.masking import mask, mask_name, mask_text


@pytest.mark.parametrize(
    ("recipient", "expected"),
    [
        ("ada@example.com", "a***@example.com"),
        ("a@example.com", "***@example.com"),
        ("a@b@example.com", "a***@example.com"),
        ("+447700900123", "+44********23"),
        ("447700900123", "44********23"),
        ("+1234567", "+***"),
        ("12345", "***"),
        ("ExponentPushToken[abcdef]", "Ex***"),
        ("token", "***"),
        ("", ""),
        (PREFIX + "0" * 32, PREFIX + "0" * 32),
    ],
)
def test_a_recipient_is_shown_so(recipient: str, expected: str) -> None:
    assert mask(recipient) == expected


@given(st.from_regex(r"[a-z][a-z0-9._]{2,30}@[a-z]{1,20}\.org|\+?[0-9]{8,15}", fullmatch=True))
def test_most_of_a_recipient_is_hidden(recipient: str) -> None:
    name = recipient.rpartition("@")[0] or recipient.lstrip("+")

    assert name not in mask(recipient)
    assert len(set(mask(recipient)) & {"*"}) == 1


@given(st.text(max_size=60))
def test_masking_twice_shows_no_more(text: str) -> None:
    assert len(mask(mask(text)).replace("*", "")) <= len(mask(text).replace("*", ""))


@pytest.mark.parametrize(
    ("name", "recipient", "expected"),
    [
        ("order-1042", "+447700900123", "order-1042"),
        ("SM00000000000000000000000000000001", "+447700900123", "SM00000000000000000000000000000001"),
        ("20260301123456789", "+447700900123", "20260301123456789"),
        ("reminder for ada@example.com", "+447700900123", "reminder for …"),
        ("447700900123", "+447700900123", "…"),
        ("token-abc", "token-abc", "…"),
        ("order-1042", "", "order-1042"),
    ],
)
def test_a_name_stays_but_for_an_address_in_it(name: str, recipient: str, expected: str) -> None:
    assert mask_name(name, recipient) == expected


def test_a_text_stays_but_for_addresses_in_it() -> None:
    assert mask_text("550 no such user ada@example.com, call +44 7700 900123") == "550 no such user …, call …"
