"""Places: whoever waits for long makes room, and those who answer find some."""

import pytest

from worker.places import Places

#: It does not depend on the interpreter.
pytestmark = pytest.mark.once


def taken(places: Places, *names: str) -> list[str]:
    return [name for name in names if places.take(name)]


def test_there_are_so_many_places_and_nobody_has_two() -> None:
    places = Places(2)

    assert taken(places, "a", "a", "b", "c") == ["a", "b"]
    places.leave("a", was_slow=False)
    assert taken(places, "c") == ["c"]


def test_whoever_is_slow_makes_room_as_long_as_there_are_slow_places() -> None:
    places = Places(2)
    found = []
    for name in "abcdef":
        found += taken(places, name)
        places.slow(name)

    assert found == ["a", "b", "c", "d"]
    assert "a" in places


def test_whoever_was_slow_begins_in_a_slow_place_and_takes_nobody_elses() -> None:
    places = Places(1)
    taken(places, "slow")
    places.slow("slow")
    places.leave("slow", was_slow=True)

    assert taken(places, "slow", "quick") == ["slow", "quick"]


def test_whoever_was_slow_waits_for_a_slow_place_even_if_others_are_free() -> None:
    places = Places(1)
    for name in ("a", "b"):
        taken(places, name)
        places.slow(name)
        places.leave(name, was_slow=True)

    assert taken(places, "a", "b") == ["a"]


def test_whoever_was_not_slow_this_time_is_like_everyone_again() -> None:
    places = Places(1)
    for was_slow in (True, False):
        taken(places, "a")
        if was_slow:
            places.slow("a")
        places.leave("a", was_slow=was_slow)
    taken(places, "a")

    assert taken(places, "b") == []
