"""Recipients have one spelling, whoever wrote them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rules.recipients import normal
from tests.rules.saying import thoroughly


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("Ann@Example.ORG", "ann@example.org"),
        ("  ann@example.org ", "ann@example.org"),
        ("Jürgen@Example.org", "jürgen@example.org"),
        ("ÉMILE@Example.org", "Émile@example.org"),
        ("+44 7700 900123", "+447700900123"),
        ("+44 (0)7700-900.123", "+4407700900123"),
        ("(020) 7946 0123", "02079460123"),
        ("447700900123", "447700900123"),
        ("ExponentPushToken[xY-z 1.2]", "ExponentPushToken[xY-z 1.2]"),
        ("740f4707 bebcf74f", "740f4707 bebcf74f"),
        ("Landed Ltd.", "Landed Ltd."),
        ("", ""),
    ],
)
def test_addresses_lose_capitals_and_numbers_their_filling(written: str, expected: str) -> None:
    assert normal(written) == expected


LIKELY = st.text(st.sampled_from("+()-. 019aZ@ßİΣ\t\n"), max_size=12)


@thoroughly
@given(written=LIKELY | st.text(max_size=20))
def test_the_normal_spelling_is_its_own(written: str) -> None:
    assert normal(normal(written)) == normal(written)


@thoroughly
@given(digits=st.text("0123456789", min_size=1, max_size=15), filling=st.lists(st.sampled_from(" .-()"), max_size=15))
def test_filling_makes_no_other_number(digits: str, filling: list[str]) -> None:
    gaps = [*filling, *[""] * len(digits)]
    written = "+" + "".join(digit + gap for digit, gap in zip(digits, gaps, strict=False))

    assert normal(written) == f"+{digits}"
