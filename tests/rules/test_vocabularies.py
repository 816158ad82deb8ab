"""A vocabulary is a file that a team can write; what is wrong with it is said whole, with place and guess."""

import pytest

from rules.labels import best
from rules.soundness import classes, unsound
from rules.statuses import Channel, Status
from rules.vocabularies import FIELDS, Column, Vocabulary, label, read
from tests.rules.label_table import FOLDER, OURS, told
from tests.rules.saying import joined, word

#: The smallest vocabulary there can be: everything is called the same.
SMALLEST = """
title = "Mine"

[[label]]
text = "Out"
icon = "sent"
explanation = "It left the house."
from = [{}]
"""

#: A row more, for what was delivered.
ARRIVED = """
[[label]]
text = "In"
icon = "delivered"
explanation = "It arrived."
from = [{ status = "delivered" }]
"""


def faults(text: str) -> list[str]:
    """Everything that is said to be wrong with a vocabulary."""
    with pytest.raises(ValueError) as caught:  # noqa: PT011 - the caller says what it must be
        read(text)

    return str(caught.value).splitlines()


def called(vocabulary: Vocabulary, story: str, channel: Channel = Channel.SMS) -> str:
    return label(vocabulary, channel, told(story)).text


def test_the_smallest_vocabulary_calls_everything_the_same() -> None:
    words = read(SMALLEST)

    assert words.title == "Mine"
    assert {label(words, channel, joined(word(status))).text for channel in Channel for status in Status} == {"Out"}


def test_the_more_specific_row_wins_wherever_it_stands() -> None:
    for text in (SMALLEST + ARRIVED, 'title = "Mine"' + ARRIVED + SMALLEST.replace('title = "Mine"', "")):
        assert (called(read(text), "sent, delivered"), called(read(text), "sent")) == ("In", "Out")


@pytest.mark.parametrize(
    ("weaker", "stronger"),
    [
        ('channel = "sms"', 'status = "timed_out"'),
        ('channel = "sms", status = "timed_out"', 'status = "timed_out", settled_by = "sweep"'),
        ('status = "timed_out", settled_by = "sweep"', 'status = "timed_out", settled_from = "sent"'),
        ('channel = "sms", status = "timed_out", settled_from = "sent", settled_by = "sweep"', 'reason = "none"'),
    ],
)
def test_conditions_weigh_in_their_order(weaker: str, stronger: str) -> None:
    """Reason, then what it was settled from, then by whom, then status, then channel; more conditions break ties."""
    rows = [
        ARRIVED.replace('status = "delivered"', row).replace('"In"', f'"{n}"')
        for n, row in enumerate((weaker, stronger))
    ]

    assert called(read(SMALLEST + "".join(rows)), "sent, settle") == "1"


def test_engagement_outweighs_every_condition_and_the_strongest_shows() -> None:
    rows = [
        ARRIVED.replace('status = "delivered"', 'engagement = "read"').replace('"In"', '"Read"'),
        ARRIVED.replace('status = "delivered"', 'engagement = "responded"').replace('"In"', '"Answered"'),
        ARRIVED.replace('status = "delivered"', 'status = "delivered", reason = "none", channel = "sms"'),
    ]
    words = read('feedback = ["read", "responded"]\n' + SMALLEST + "".join(rows))

    assert called(words, "sent, delivered") == "In"
    assert called(words, "delivered, read") == "Read"
    assert called(words, "responded, read") == "Answered"


def test_a_row_may_have_several_from_and_each_condition_several_words() -> None:
    words = read(
        SMALLEST
        + ARRIVED.replace(
            '[{ status = "delivered" }]',
            '[{ status = ["failed", "hard_bounced"], reason = ["spam", "policy"] }, { status = "delivered" }]',
        )
    )
    expected = {
        "sent, delivered": "In",
        "sent, failed spam": "In",
        "sent, hard_bounced policy": "In",
        "sent, failed": "Out",
        "sent, failed unknown": "Out",
    }

    assert {story: called(words, story) for story in expected} == expected


def test_a_status_whose_text_is_left_blank_keeps_its_explanation() -> None:
    words = read('blank = ["unconfirmed"]\n' + SMALLEST)
    shown = label(words, Channel.SMS, told("sent, unconfirmed"))

    assert (shown.text, shown.group, shown.symbol) == ("", "", "")
    assert shown.explanation == "It left the house."
    assert called(words, "sent") == "Out"


def test_history_leaves_the_unconfirmed_blank_where_so_configured() -> None:
    text = (FOLDER / "history.toml").read_text("utf-8")
    words = read(text.replace("\nblank = []", '\nblank = ["unconfirmed"]'))

    assert called(words, "sent, unconfirmed") == called(words, "sent, settle unreceipted") == ""
    assert called(read(text), "sent, unconfirmed") == called(words, "sent") == "Sent"


def test_a_copy_of_ours_with_a_teams_own_words_works() -> None:
    text = (FOLDER / "crisis.toml").read_text("utf-8")
    mine = read(
        text.replace('text = "Not Sent"', 'text = "Held back"')
        .replace('"Delivery report of emergency communications"', '"Flood wardens"')
        .replace('title = "Response"\nfield = "response"', 'title = "Why"\nfield = "why"')
    )

    assert mine.title == "Flood wardens"
    assert mine.columns == (Column("Why", "why"),)
    assert called(mine, "pending, not_sent") == called(mine, "duplicate") == "Held back"
    assert called(mine, "sent") == "Sent"


def test_a_group_of_its_own_is_a_line_of_the_totals() -> None:
    words = read(SMALLEST + ARRIVED.replace('text = "In"', 'text = "In"\ngroup = "Well"'))

    assert label(words, Channel.SMS, told("delivered")).group == "Well"
    assert label(words, Channel.SMS, told("sent")).group == "Out"


#: What is changed in the smallest vocabulary with one row more, and the fault that is then named.
FAULTS = [
    ('title = "Mine"', "", "title is missing"),
    ('title = "Mine"', "title = 3", "title must be text"),
    ('title = "Mine"', 'titel = "Mine"\ntitle = "Mine"', "unknown key 'titel'; did you mean 'title'?"),
    ('title = "Mine"', 'title = "Mine"\nx = 1', "unknown key 'x'; known are title, feedback, blank, columns, label"),
    ("explanation", "explanaton", "label 1 ('Out'): unknown key 'explanaton'; did you mean 'explanation'?"),
    ("explanation", "explanaton", "label 1 ('Out'): explanation is missing"),
    ('text = "In"', "", "label 2: text is missing"),
    ('text = "In"', 'text = "In"\ngroup = 7', "label 2 ('In'): group must be text"),
    ('"delivered"\nexpl', '"delivred"\nexpl', "label 2 ('In'): unknown icon 'delivred'; did you mean 'delivered'?"),
    ("from = [{}]", "", "label 1 ('Out'): from is missing"),
    ("from = [{}]", "from = []", "label 1 ('Out'): from is missing"),
    ("from = [{}]", "from = {}", "label 1 ('Out'): from must be a list of tables"),
    ("{ status", "{ statuss", "label 2 ('In'), from 1: unknown key 'statuss'; did you mean 'status'?"),
    ('delivered" }', 'delivred" }', "label 2 ('In'), from 1: unknown status 'delivred'; did you mean 'delivered'?"),
    (
        'status = "d',
        'reason = "spamm", status = "d',
        "label 2 ('In'), from 1: unknown reason 'spamm'; did you mean 'spam'?",
    ),
    (
        'status = "d',
        'channel = "push", status = "d',
        "label 2 ('In'), from 1: unknown channel 'push'; known are email, sms",
    ),
    (
        'status = "d',
        'settled_from = "failed", status = "d',
        "label 2 ('In'), from 1: unknown settled_from 'failed'; known are pending, sent, deferred, soft_bounced",
    ),
    (
        'status = "d',
        'settled_by = "person", status = "d',
        "label 2 ('In'), from 1: unknown settled_by 'person'; known are provider, sweep",
    ),
    (
        'status = "delivered"',
        'engagement = "red"',
        "label 2 ('In'), from 1: unknown engagement 'red'; did you mean 'read'?",
    ),
    ('"delivered" }', "1 }", "label 2 ('In'), from 1: status must be a word or a list of words"),
    ('"delivered" }', "[1] }", "label 2 ('In'), from 1: status must be a word or a list of words"),
    (
        '"delivered" }',
        "[] }",
        "label 2 ('In'), from 1: status is empty, so nothing meets it; leave it out if it does not matter",
    ),
    (
        'status = "delivered"',
        'engagement = "read"',
        "label 2 ('In'), from 1: 'read' is not in feedback; put it there, in its place between weaker and stronger",
    ),
    ('title = "Mine"', 'title = "Mine"\nfeedback = ["read"]', "feedback: no row asks for 'read'; leave it out"),
    ('title = "Mine"', 'title = "Mine"\nfeedback = "rad"', "unknown feedback 'rad'; did you mean 'read'?"),
    (
        'title = "Mine"',
        'title = "Mine"\nblank = "unconfirmd"',
        "unknown blank 'unconfirmd'; did you mean 'unconfirmed'?",
    ),
    ('title = "Mine"', 'title = "Mine"\ncolumns = [{}]', "columns 1: title is missing"),
    ('title = "Mine"', 'title = "Mine"\ncolumns = 1', "columns must be a list of tables"),
    (
        'title = "Mine"',
        'title = "Mine"\ncolumns = [{ title = "A", field = "attempt" }]',
        "columns 1: unknown field 'attempt'; did you mean 'attempts'?",
    ),
]


@pytest.mark.parametrize(("old", "new", "expected"), FAULTS)
def test_a_fault_is_named_with_its_place_and_a_guess(old: str, new: str, expected: str) -> None:
    text = SMALLEST + ARRIVED
    found = faults(text.replace(old, new))

    assert text.count(old) in {1, 2}
    assert expected in found


def test_every_fault_is_named_at_once() -> None:
    text = (SMALLEST + ARRIVED).replace("title", "titel").replace("icon", "icno")
    expected = [
        "unknown key 'titel'; did you mean 'title'?",
        "label 1 ('Out'): unknown key 'icno'; did you mean 'icon'?",
        "label 1 ('Out'): icon is missing",
        "label 2 ('In'): unknown key 'icno'; did you mean 'icon'?",
        "label 2 ('In'): icon is missing",
        "title is missing",
    ]

    assert faults(text) == expected


def test_what_is_not_toml_is_refused() -> None:
    (fault,) = faults("title = ")

    assert fault.startswith("it is not TOML: ")


def test_an_empty_file_is_refused_without_a_fault_for_every_state() -> None:
    assert faults("") == ["label is missing", "title is missing"]


def test_states_without_a_label_are_named() -> None:
    found = faults(SMALLEST.replace("{}", '{ status = ["pending", "sent", "delivered"] }, { channel = "sms" }'))

    assert len(found) == 13
    assert found[0] == "no row is for email deferred"
    assert "no row is for email timed_out settled from pending and 3 more like it" in found


def test_a_gap_for_one_reason_only_is_named_with_it() -> None:
    statuses = ", ".join(f'"{status.word}"' for status in Status if status is not Status.FAILED)
    text = SMALLEST.replace("{}", f'{{ status = [{statuses}] }}, {{ status = "failed", reason = ["none", "spam"] }}')
    text += ARRIVED.replace('status = "delivered"', 'channel = "sms", status = "failed"')

    assert faults(text) == [
        "no row is for email failed settled from pending with reason invalid_address and 3 more like it"
    ]


def test_rows_that_contend_are_named_together() -> None:
    found = faults(
        SMALLEST + ARRIVED + ARRIVED.replace('"In"', '"Here"').replace('"delivered" }', '["delivered", "failed"] }')
    )
    expected = (
        "label 2 ('In'), from 1 and label 3 ('Here'), from 1 are equally specific for email delivered "
        "settled from pending; make one of them more specific"
    )

    assert found == [expected]


def test_rows_that_contend_for_engagement_are_named_too() -> None:
    row = ARRIVED.replace('status = "delivered"', 'engagement = "read"')
    found = faults('feedback = "read"\n' + SMALLEST + row + row.replace('"In"', '"Here"'))
    expected = (
        "label 2 ('In'), from 1 and label 3 ('Here'), from 1 are equally specific for email delivered "
        "settled from pending and read; make one of them more specific"
    )

    assert found == [expected]


@pytest.mark.parametrize("name", OURS)
def test_ours_without_any_one_row_are_refused_or_call_its_states_otherwise(name: str) -> None:
    """Each row is needed: without it a state has no label, or another explanation."""
    words = read((FOLDER / f"{name}.toml").read_text("utf-8"))
    for gone in words.rows:
        rows = tuple(row for row in words.rows if row is not gone)
        rest = Vocabulary(words.title, rows, words.feedback)

        assert unsound(rest) or any(_differs(words, rest)), gone.place


def _differs(one: Vocabulary, other: Vocabulary) -> list[bool]:
    found = []
    for known, heard in classes(one):
        ours, theirs = (best(words, known, heard)[0].label for words in (one, other))
        found.append(ours != theirs)
    return found


@pytest.mark.parametrize("field", FIELDS)
def test_every_field_may_be_a_column(field: str) -> None:
    words = read(SMALLEST + f'[[columns]]\ntitle = "Mine"\nfield = "{field}"')

    assert words.columns == (Column("Mine", field),)
