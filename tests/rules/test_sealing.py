"""A sealed text can be opened by who sealed it, for what it was sealed for, and by nobody else."""

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rules.sealing import Seal, Unsealed

ONE, OTHER = Seal(b"1" * 32), Seal(b"2" * 32)

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=200)


@given(TEXTS)
def test_what_was_sealed_is_opened_as_it_was(text: str) -> None:
    sealed = ONE.close("a", text)

    assert ONE.open("a", sealed) == text
    assert set(sealed) <= set(string.ascii_letters + string.digits + "-_")
    assert ONE.close("a", text) == sealed


@given(TEXTS)
def test_another_key_or_another_purpose_does_not_open_it(text: str) -> None:
    sealed = ONE.close("a", text)

    for seal, purpose in ((OTHER, "a"), (ONE, "b")):
        with pytest.raises(Unsealed):
            seal.open(purpose, sealed)


@given(TEXTS, st.integers(0, 10_000), st.sampled_from(string.ascii_letters + string.digits + "-_"))
def test_a_changed_letter_is_noticed_unless_it_means_the_same_bytes(text: str, place: int, letter: str) -> None:
    """The last letter of base64 has bits that mean nothing."""
    sealed = ONE.close("a", text)
    at = place % (len(sealed) - 1)
    changed = sealed[:at] + letter + sealed[at + 1 :]

    if changed != sealed:
        with pytest.raises(Unsealed):
            ONE.open("a", changed)


@given(st.text(max_size=100))
def test_whatever_is_given_is_opened_or_refused(text: str) -> None:
    with pytest.raises(Unsealed):
        ONE.open("a", text)


def test_nothing_of_a_text_shows() -> None:
    """Two texts that begin the same differ from the first letter on."""
    first, second = ONE.close("a", "planted@example.org"), ONE.close("a", "planted@example.com")

    assert first[:8] != second[:8]
    assert first[24:32] != second[24:32]


def test_a_word_is_for_one_text_and_one_purpose() -> None:
    words = {seal.sign(purpose, text) for seal in (ONE, OTHER) for purpose in "ab" for text in "xy"}

    assert len(words) == 8
    assert ONE.sign("a", "x") in words


def test_the_key_is_in_no_text_about_it() -> None:
    assert "1111" not in repr(ONE)
