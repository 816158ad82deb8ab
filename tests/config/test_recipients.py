"""The key with which recipients are hashed, and whether all are."""

from rules.hashing import PLAIN, Hashing
from tests.config.reading import Place

KEY = "0123456789abcdef0123456789abcdef"


def test_without_a_key_recipients_are_kept_as_they_are(place: Place) -> None:
    assert place.load("").hashing() == PLAIN


def test_a_key_alone_hashes_only_who_is_erased(place: Place) -> None:
    assert place.load(f'recipient_key = "{KEY}"').hashing() == Hashing(KEY)


def test_a_key_may_lie_in_a_file(place: Place) -> None:
    place.write("key", f"{KEY}\n")
    settings = place.load('recipient_key_file = "key"\nstore_recipients = "hashed"')

    assert settings.hashing() == Hashing(KEY, everyone=True)


def test_a_short_key_is_refused_and_not_shown(place: Place) -> None:
    said = place.problems(f'recipient_key = "{KEY[1:]}"\nstore_recipients = "hashed"')

    assert said == ["recipient_key: must have at least 32 characters; `openssl rand -hex 32` makes one"]


def test_hashing_without_a_key_is_refused(place: Place) -> None:
    assert place.problems('store_recipients = "hashed"') == [
        "store_recipients: 'hashed' needs a key; set LANDED_RECIPIENT_KEY, or LANDED_RECIPIENT_KEY_FILE"
    ]


def test_there_are_two_ways_to_keep_recipients(place: Place) -> None:
    assert place.problems('store_recipients = "encrypted"') == ["store_recipients: must be 'plain' or 'hashed'"]


def test_the_key_is_not_shown(place: Place) -> None:
    assert KEY not in repr(place.load(f'recipient_key = "{KEY}"'))
