"""The pages about statuses and vocabularies say everything that there is, and say it right."""

import re
from itertools import chain
from pathlib import Path

import pytest

from rules import durations
from rules.deadlines import ALLOWANCES, HARD_LIMIT
from rules.labels import CONDITIONS, KINDS
from rules.statuses import OPEN, Channel, Engagement, Mark, Reason, Status
from rules.suppression import OPTIONAL, OUR_SIDE
from rules.suppression import REASONS as REFUSING
from rules.vocabularies import FIELDS, ICONS, label, read
from tests.rules.label_table import COLUMNS, OURS, ours, told
from tests.rules.saying import joined, word

DOCS = Path(__file__).resolve().parents[2] / "docs"

STATUSES = (DOCS / "statuses.md").read_text("utf-8")
VOCABULARIES = (DOCS / "vocabularies.md").read_text("utf-8")

pytestmark = pytest.mark.once


def section(page: str, title: str) -> str:
    """What stands below a heading, up to the next heading of its level or above."""
    level, rest = re.search(rf"^(#+) {re.escape(title)}\n(.*)", page, re.MULTILINE | re.DOTALL).groups()  # type: ignore[union-attr]

    return re.split(rf"^#{{1,{len(level)}}} ", rest, maxsplit=1, flags=re.MULTILINE)[0]


def tables(text: str) -> list[list[list[str]]]:
    """The cells of every table in `text`, without its heading."""
    found = re.findall(r"(?:^\|.*\|\n)+", text, re.MULTILINE)
    lines = [table.splitlines()[2:] for table in found]
    return [[[cell.strip() for cell in line[1:-1].split("|")] for line in table] for table in lines]


def rows(text: str) -> list[list[str]]:
    """The rows of every table in `text`."""
    return list(chain.from_iterable(tables(text)))


def quoted(text: str) -> list[str]:
    """The words in backquotes."""
    return re.findall(r"`(\w+)`", text)


def first_words(text: str) -> list[str]:
    """What is in backquotes in the first cell of each row."""
    return list(chain.from_iterable(quoted(row[0]) for row in rows(text)))


def test_the_statuses_are_listed_with_their_ranks() -> None:
    expected = [
        [str(status.rank), f"`{status.word}`", "open" if status in OPEN else "settled"] for status in sorted(Status)
    ]

    assert [row[:3] for row in rows(section(STATUSES, "The statuses"))] == expected


def test_reasons_and_engagement_are_listed_in_their_order() -> None:
    assert first_words(section(STATUSES, "Reasons")) == [reason.word for reason in sorted(Reason) if reason]
    assert first_words(section(STATUSES, "Engagement")) == [kind.word for kind in sorted(Engagement)]


def test_deadlines_what_becomes_of_open_messages_and_marks_are_listed() -> None:
    deadlines, guesses, marks = tables(section(STATUSES, "Deadlines and the last look"))
    expected = {
        "pending": {"timed_out"},
        "sent": {"timed_out", "unconfirmed"},
        "deferred": {"expired_ours"},
        "soft_bounced": {"expired_ours"},
    }
    words = {status.word for status in Status}

    assert {quoted(row[0])[0]: durations.parse(row[1]) for row in deadlines} == {
        channel.word: ALLOWANCES[channel] for channel in Channel
    }
    assert {one: words & set(quoted(row[1])) for row in guesses for one in quoted(row[0])} == expected
    assert [quoted(row[0])[0] for row in marks] == [mark.word for mark in sorted(Mark)]


def test_how_long_the_sweep_waits_is_said() -> None:
    (said,) = re.findall(r"`hard_limit` \((\w+)\)", STATUSES)

    assert durations.parse(said) == HARD_LIMIT


def test_what_blocks_an_address_is_said() -> None:
    text = section(STATUSES, "Blocked addresses")

    assert {reason.word for reason in (*OPTIONAL, *OUR_SIDE, *REFUSING)} <= set(quoted(text))


@pytest.mark.parametrize("page", ["statuses.md", "vocabularies.md"])
def test_links_lead_somewhere(page: str) -> None:
    for name, anchor in re.findall(r"\]\(([\w./-]*)(?:#([\w-]+))?\)", (DOCS / page).read_text("utf-8")):
        target = DOCS / (name or page)
        anchors = {re.sub(r"[^\w -]", "", head.lower()).replace(" ", "-") for head in _headings(target)}

        assert not anchor or anchor in anchors, f"{name}#{anchor}"


def _headings(page: Path) -> list[str]:
    return re.findall(r"^#+ (.*)$", page.read_text("utf-8"), re.MULTILINE)


def test_every_vocabulary_is_listed() -> None:
    assert first_words(section(VOCABULARIES, "Choosing one")) == ["crisis", "history", "log", "engage"]
    assert sorted(OURS) == sorted(first_words(section(VOCABULARIES, "Choosing one")))


def test_the_table_of_statuses_says_what_each_vocabulary_calls_them() -> None:
    expected = []
    for status in sorted(Status):
        state = joined(word(status)) if status is Status.PENDING else joined(word(Status.SENT), word(status))
        texts = [label(ours(name), channel or Channel.SMS, state).text for name, channel in COLUMNS]
        expected.append([f"`{status.word}`", *texts])
    table = rows(section(VOCABULARIES, "What they call a status"))

    assert table == expected


@pytest.mark.parametrize("name", OURS)
def test_every_label_of_a_vocabulary_is_on_the_page(name: str) -> None:
    column = {
        row[1 + at] for row in rows(VOCABULARIES) if len(row) == 7 for at, (one, _) in enumerate(COLUMNS) if one == name
    }
    explained = set(re.findall(r"\*\*(.+?)\*\*", section(VOCABULARIES, name)))

    assert {row.label.text for row in ours(name).rows} <= column | explained
    assert explained <= {row.label.text for row in ours(name).rows}


def test_the_example_is_a_whole_vocabulary() -> None:
    (example,) = re.findall(r"<!-- example -->\n```toml\n(.*?)```", VOCABULARIES, re.DOTALL)
    words = read(example)
    expected = {
        "sent": "Not yet",
        "sent, settle": "Not fine",
        "sent, failed": "Not fine",
        "sent, delivered": "Fine",
        "sent, read": "Fine",
    }

    assert {story: label(words, Channel.EMAIL, told(story)).text for story in expected} == expected


def test_every_key_of_the_file_is_explained() -> None:
    writing = section(VOCABULARIES, "Writing your own")

    assert first_words(section(writing, "The file")) == ["title", "feedback", "blank", "columns", "label"]
    assert first_words(section(writing, "A row")) == ["engagement", *CONDITIONS]
    assert {"text", "explanation", "icon", "group", "from"} <= set(first_words(section(writing, "A label")))


def test_every_word_that_a_condition_may_have_is_named() -> None:
    words = {row[0].strip("`"): set(quoted(row[1])) for row in rows(section(VOCABULARIES, "A row"))}

    assert words["engagement"] == set(KINDS)
    assert words["channel"] == set(CONDITIONS["channel"])
    assert words["settled_from"] == set(CONDITIONS["settled_from"])
    assert words["settled_by"] == set(CONDITIONS["settled_by"])


def test_every_icon_is_shown_with_its_symbol() -> None:
    pairs: dict[str, str] = {}
    for row in rows(section(VOCABULARIES, "A label")):
        if len(row) == 6:
            pairs |= dict(zip((name.strip("`") for name in row[::2]), row[1::2], strict=True))

    assert pairs == ICONS


def test_every_field_of_a_column_is_named() -> None:
    assert sorted(first_words(section(VOCABULARIES, "Columns"))) == sorted(FIELDS)
