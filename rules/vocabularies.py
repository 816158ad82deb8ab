"""Vocabularies: a product's words for states, read from TOML. `docs/vocabularies.md` describes the file.

A vocabulary that does not give every state exactly one label is refused, with everything that is wrong with it at once.
"""

import tomllib
from collections.abc import Iterator, Sequence

from rules.labels import CONDITIONS, ICONS, KINDS, Column, Label, Row, Vocabulary, icon_of, label
from rules.soundness import unsound
from rules.statuses import Engagement
from rules.tables import Table

__all__ = ["FIELDS", "ICONS", "Column", "Label", "Vocabulary", "icon_of", "label", "read"]

#: What a column may show. `why` is the reason together with the provider's code.
FIELDS = (
    "status", "status_at", "reason", "code", "why", "attempts", "last_attempt_at", "response", "account", "provider_id",
    "part", "reference", "sent_at", "scheduled_at", "deadline_at", *(kind.word for kind in Engagement),
)  # fmt: skip


def read(text: str) -> Vocabulary:
    """The vocabulary in the text of a TOML file. ValueError says everything that is wrong with it, a line each."""
    try:
        raw = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ValueError(f"it is not TOML: {error}") from error
    problems: list[str] = []
    vocabulary = _vocabulary(Table(raw, "", problems))
    problems += unsound(vocabulary) if vocabulary.rows else []
    if problems:
        raise ValueError("\n".join(problems))
    return vocabulary


def _vocabulary(table: Table) -> Vocabulary:
    table.only("title", "feedback", "blank", "columns", "label")
    feedback = tuple(table.words("feedback", KINDS))
    rows = tuple(row for one in table.tables("label") for row in _rows(one))
    table.problems += _unranked(rows, feedback)
    return Vocabulary(
        title=table.text("title"),
        rows=rows,
        feedback=feedback,
        columns=tuple(_column(one) for one in table.tables("columns", least=0)),
        blank=frozenset(table.words("blank", CONDITIONS["status"], least=0)),
    )


def _column(table: Table) -> Column:
    table.only("title", "field")
    return Column(table.text("title"), table.word("field", FIELDS))


def _rows(table: Table) -> Iterator[Row]:
    text = table.text("text")
    table.place += f" ({text!r})"
    table.only("text", "explanation", "icon", "group", "from")
    group = table.text("group") if "group" in table.raw else text
    shown = Label(text, table.text("explanation"), table.word("icon", ICONS), group)
    yield from (_row(shown, one) for one in table.tables("from"))


def _row(shown: Label, table: Table) -> Row:
    table.only("engagement", *CONDITIONS)
    conditions = {name: frozenset(table.words(name, words)) for name, words in CONDITIONS.items() if name in table.raw}
    engagement = frozenset(table.words("engagement", KINDS)) if "engagement" in table.raw else None
    return Row(shown, conditions, engagement, table.place)


def _unranked(rows: Sequence[Row], feedback: Sequence[int]) -> Iterator[str]:
    """A line for each kind of engagement that a row asks for and `feedback` does not rank, and the other way round."""
    for name, kind in KINDS.items():
        asking = [row.place for row in rows if row.engagement and kind in row.engagement]
        if asking and kind not in feedback:
            yield f"{asking[0]}: {name!r} is not in feedback; put it there, in its place between weaker and stronger"
        if kind in feedback and not asking:
            yield f"feedback: no row asks for {name!r}; leave it out"
