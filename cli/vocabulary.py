"""The vocabulary in whose words a report is written: one of ours, or a team's own."""

from pathlib import Path

import click

import config
from cli.output import guess
from config import Settings
from rules.vocabularies import Vocabulary, read

OURS = Path(config.__file__).parent / "vocabularies"


def names(settings: Settings) -> dict[str, Path]:
    """Every vocabulary there is, by name; a team's own comes before ours of the same name."""
    folders = [OURS, *([settings.vocabularies] if settings.vocabularies else [])]
    return {path.stem: path for folder in folders for path in sorted(folder.glob("*.toml"))}


def named(settings: Settings, name: str | None) -> Vocabulary:
    """The vocabulary called `name`, or the one that is set; trouble with a guess if there is none."""
    wanted = name or settings.vocabulary
    known = names(settings)
    if wanted not in known:
        hint = guess(wanted, known) or f"; there are {', '.join(sorted(known))}"
        raise click.ClickException(f"no vocabulary is called {wanted!r}{hint}")
    try:
        return read(known[wanted].read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise click.ClickException(f"the vocabulary {known[wanted]} cannot be used: {error}") from error
