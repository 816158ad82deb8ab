"""The vocabulary in whose words a report is written: one of ours, or a team's own."""

from pathlib import Path

import click

import config
from cli.output import guess
from config import Settings
from rules.vocabularies import Vocabulary, read

OURS = Path(config.__file__).parent / "vocabularies"


def names(settings: Settings) -> dict[str, Path]:
    """Every vocabulary there is, by name; a team's own comes before ours of the same name. Trouble without a folder."""
    own = settings.vocabularies
    if own is not None and not own.is_dir():
        raise click.ClickException(f"vocabularies: there is no folder {own}; make it, or take the setting out")
    folders = [OURS, *([own] if own else [])]
    return {path.stem: path for folder in folders for path in sorted(folder.glob("*.toml"))}


def named(settings: Settings, name: str | None) -> Vocabulary:
    """The vocabulary called `name`, or the one that is set; trouble with a guess if there is none."""
    wanted = name or settings.vocabulary
    known = names(settings)
    if wanted not in known:
        hint = guess(wanted, known) or f"; there are {', '.join(sorted(known))}"
        raise click.ClickException(f"no vocabulary is called {wanted!r}{hint}")
    return _read(known[wanted])


def check(settings: Settings) -> None:
    """Trouble that names everything wrong with the vocabulary that is set, and with any of a team's own."""
    named(settings, None)
    faults = []
    for path in names(settings).values():
        try:
            _read(path)
        except click.ClickException as error:
            faults.append(error.message)
    if faults:
        raise click.ClickException("\n".join(faults))


def _read(path: Path) -> Vocabulary:
    try:
        return read(path.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise click.ClickException(f"the vocabulary {path} cannot be used: {error}") from error
