"""Every state has exactly one label in each of our vocabularies, and it is the one that the product uses."""

from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rules.labels import KEPT, best, facts
from rules.reports import Word
from rules.state import State
from rules.statuses import ENGAGEMENT_BITS, OPEN, STATUS_BITS, Channel, Engagement, Mark, Reason, Status
from rules.vocabularies import ICONS, icon_of, label, read
from tests.rules.label_table import CASES, FOLDER, OURS, Case, ours, told
from tests.rules.saying import WORDS, joined, minute, thoroughly

every_vocabulary = pytest.mark.parametrize("name", OURS)


def test_there_are_four_vocabularies() -> None:
    assert sorted(path.stem for path in FOLDER.glob("*.toml")) == sorted(OURS)


@every_vocabulary
@pytest.mark.parametrize("channel", Channel)
def test_the_end_of_a_story_has_the_label_that_the_product_gives_it(name: str, channel: Channel) -> None:
    """Whatever is not email shows as SMS."""
    stories = of(name, channel)
    expected = {case.story: case.label for case in stories}

    assert {case.story: label(ours(name), channel, case.state).text for case in stories} == expected


def of(name: str, channel: Channel) -> list[Case]:
    """Every case of a vocabulary on a channel."""
    shown = Channel.EMAIL if channel is Channel.EMAIL else Channel.SMS
    return [case for case in CASES if case.vocabulary == name and case.channel in {None, shown}]


@every_vocabulary
def test_every_row_is_reached_by_a_story(name: str) -> None:
    """So that no row is there only to be there."""
    words = ours(name)
    reached = {
        best(words, facts(channel, case.state), case.state.heard)[0].place
        for channel in (Channel.EMAIL, Channel.SMS)
        for case in of(name, channel)
    }

    assert {row.place for row in words.rows} - reached == set()


@every_vocabulary
def test_every_state_has_exactly_one_label(name: str) -> None:
    """All there are: what is heard, how it was settled, the reason, anything that recipients did together."""
    words = ours(name)
    several = [
        (channel, state)
        for channel in (Channel.EMAIL, Channel.SMS)
        for state in every_state()
        if len(best(words, facts(channel, state), state.heard)) != 1
    ]

    assert several == []


def every_state() -> Iterator[State]:
    """A state of every kind that a vocabulary could tell apart."""
    for heard in every_heard():
        for reason in Reason:
            yield State(heard, cause=(minute(0), reason, "") if reason else None)


def every_heard() -> Iterator[int]:
    """Each status alone and with each open one below it, as said by the provider and as guessed by the sweep."""
    swept = (0, Mark.LOOKED.bit, Mark.LOOKED.bit | Status.TIMED_OUT.bit)
    for status in Status:
        below = [0, *(one.bit for one in sorted(OPEN) if one < status)]
        guesses = swept if status >= Status.TIMED_OUT else (0,)
        heard = {status.bit | one | guess for one in below for guess in guesses if guess & STATUS_BITS <= status.bit}
        yield from heard
    for many in range(1, len(Engagement) + 1):
        for kinds in combinations(Engagement, many):
            yield Status.DELIVERED.bit | Status.SENT.bit | sum(kind.bit for kind in kinds)


@thoroughly
@given(said=st.lists(WORDS, max_size=6), channel=st.sampled_from(Channel))
def test_no_set_of_words_is_without_its_one_label(said: list[Word], channel: Channel) -> None:
    state = joined(*said)
    for name in OURS:
        rows = best(ours(name), facts(channel, state), state.heard)

        assert [row.label for row in rows] == [label(ours(name), channel, state)]


#: From the weakest to the strongest: what is shown on email and on SMS of someone who did this.
CRISIS = (
    ({Engagement.MACHINE_OPENED}, "Delivered", "Delivered"),
    ({Engagement.READ, Engagement.CLICKED}, "Read", "Delivered"),
    ({Engagement.COMPLAINED}, "Failed", "Failed"),
    ({Engagement.ACKNOWLEDGED}, "Acknowledged", "Acknowledged"),
    ({Engagement.RESPONDED}, "Responded", "Responded"),
    ({Engagement.OPTED_OUT}, "Opted-out", "Opted-out"),
)


def test_in_crisis_feedback_outranks_delivery_and_the_strongest_shows() -> None:
    """Whatever a recipient did together: 127 combinations."""
    for heard in every_heard():
        if heard & ENGAGEMENT_BITS:
            kinds = {kind for kind in Engagement if heard & kind.bit}
            email, sms = [texts for group, *texts in CRISIS if kinds & group][-1]
            state = State(heard)

            assert label(ours("crisis"), Channel.EMAIL, state).text == email
            assert label(ours("crisis"), Channel.SMS, state).text == sms


@every_vocabulary
def test_a_label_tells_the_providers_verdict_from_our_time_out(name: str) -> None:
    """A day-old failure must not say that it was tried for 72 hours (alphagov/notifications-node-client#106)."""
    for case in of(name, Channel.EMAIL) + of(name, Channel.SMS):
        said = label(ours(name), case.channel or Channel.EMAIL, case.state).explanation
        guessed = case.state.settled_by_sweep

        assert ("our deadline" in said) is guessed, case.story
        assert not (guessed and "This is the provider's verdict" in said), case.story
        if guessed and case.state.status is not Status.UNCONFIRMED:
            assert "This is our time-out and not the provider's verdict." in said, case.story


@every_vocabulary
def test_every_label_is_explained_in_sentences_and_has_an_icon(name: str) -> None:
    for row in ours(name).rows:
        assert row.label.explanation.endswith("."), row.place
        assert (row.label.icon == "none") is (row.label.text == ""), row.place


def test_an_icon_has_a_symbol_of_its_own() -> None:
    assert len(set(ICONS.values())) == len(ICONS)
    assert all(len(symbol) == 1 for name, symbol in ICONS.items() if name != "none")
    assert label(ours("crisis"), Channel.SMS, told("sent, delivered")).symbol == "✓"


def test_totals_group_as_the_product_does() -> None:
    """In engage all soft bounces are one line, those called Blocked included; nothing else is put together."""
    for name in OURS:
        expected = {"Blocked": "Soft bounce"} if name == "engage" else {}
        grouped = {row.label.text: row.label.group for row in ours(name).rows}

        assert {text: group for text, group in grouped.items() if text != group} == expected


def test_a_line_of_totals_has_the_icon_of_its_first_label() -> None:
    assert icon_of(ours("engage"), "Soft bounce") == "bounced"
    assert icon_of(ours("crisis"), "Sent") == "sent"
    assert icon_of(ours("history"), "") == "none"
    assert icon_of(ours("history"), "No such line") == "none"


def test_columns_are_those_of_the_products() -> None:
    expected = {
        "crisis": ["Response"],
        "engage": ["Reason"],
        "history": ["Reason"],
        "log": ["Attempts", "Last Attempt", "Delivery Results"],
    }

    assert {name: [column.title for column in ours(name).columns] for name in OURS} == expected


def test_the_labels_kept_at_hand_stay_few_and_right() -> None:
    """A label is found once for all messages that stand alike, however many senseless sets of words there are."""
    words = read((FOLDER / "crisis.toml").read_text("utf-8"))
    words.found.update(dict.fromkeys(((1, heard, 0) for heard in range(1, KEPT + 1)), words.rows[0].label))
    at = datetime(2026, 1, 1, tzinfo=UTC)
    state = State(1 << 26, cause=(at, Reason.SPAM, "1"))

    assert label(words, Channel.PUSH, state).text == "Pending"
    assert list(words.found) == [(Channel.PUSH, 1 << 26, Reason.SPAM)]
