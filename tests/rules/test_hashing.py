"""The hash of a recipient: the same for every spelling, another for every other recipient and key."""

import hashlib
import hmac

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rules.hashing import DIGITS, PLAIN, PREFIX, Hashing, is_hash
from rules.recipients import normal

KEY = "a key of the tests that is never written down"
HASHING = Hashing(KEY)


def test_it_is_the_beginning_of_hmac_sha256_behind_a_prefix() -> None:
    digest = hmac.new(KEY.encode(), b"ann@example.org", hashlib.sha256).hexdigest()

    assert HASHING.of("Ann@Example.org") == f"hashed:{digest[:32]}"


@pytest.mark.parametrize(
    ("one", "other"),
    [("Ann@Example.org ", "ann@example.org"), ("+44 (7700) 900-123", "+447700900123"), ("token", "token")],
)
def test_every_spelling_of_a_recipient_has_one_hash(one: str, other: str) -> None:
    assert HASHING.of(one) == HASHING.of(other)


@given(recipient=st.text(max_size=40))
def test_a_hash_is_told_from_an_address_and_hashing_it_again_changes_nothing(recipient: str) -> None:
    hashed = HASHING.of(recipient)

    assert is_hash(hashed)
    assert HASHING.of(hashed) == HASHING.hash(hashed) == hashed
    assert normal(hashed) == hashed
    assert len(hashed) == len(PREFIX) + DIGITS


@pytest.mark.parametrize(
    "text", ["", "hashed:", "hashed:12", f"hashed:{'G' * 32}", f"hashed:{'0' * 33}", "ann@hashed:"]
)
def test_what_only_begins_like_a_hash_is_none(text: str) -> None:
    assert not is_hash(text)


@given(one=st.text(max_size=20), other=st.text(max_size=20))
def test_two_recipients_or_two_keys_have_two_hashes(one: str, other: str) -> None:
    assert (HASHING.of(one) == HASHING.of(other)) == (normal(one) == normal(other))
    assert Hashing(KEY + "x").of(one) != HASHING.of(one)


def test_the_proof_of_a_key_is_another_for_another_key_and_nobodys_hash() -> None:
    assert HASHING.proof == Hashing(KEY, everyone=True).proof
    assert HASHING.proof != Hashing(KEY + "x").proof
    assert HASHING.proof != HASHING.of("")


def test_a_name_that_is_hashed_whole_is_never_the_same_as_another() -> None:
    """Not even as one that is a hash already."""
    hashed = HASHING.any_text("ann@example.org-1")

    assert len({hashed, HASHING.any_text(hashed), HASHING.any_text("ann@example.org-2")}) == 3


def test_without_a_key_nothing_is_hashed() -> None:
    with pytest.raises(ValueError, match="no key"):
        PLAIN.of("ann@example.org")


def test_the_key_is_not_shown() -> None:
    assert KEY not in repr(HASHING)
