"""The vocabularies that there are: ours, and a team's own."""

from difflib import get_close_matches
from pathlib import Path

from config.settings import Settings
from rules.vocabularies import Vocabulary, read

OURS = Path(__file__).parent / "vocabularies"


class BadVocabulary(Exception):
    """No vocabulary has that name, or it cannot be used. The message says what to do."""


def names(settings: Settings) -> dict[str, Path]:
    """Every vocabulary there is, by name; a team's own comes before ours of the same name. Raises BadVocabulary."""
    own = settings.vocabularies
    if own is not None and not own.is_dir():
        raise BadVocabulary(f"vocabularies: there is no folder {own}; make it, or take the setting out")
    folders = [OURS, *([own] if own else [])]
    return {path.stem: path for folder in folders for path in sorted(folder.glob("*.toml"))}


def files(settings: Settings) -> set[Path]:
    """The files of a team's own vocabularies."""
    return set() if settings.vocabularies is None else set(settings.vocabularies.glob("*.toml"))


def named(settings: Settings, name: str | None) -> Vocabulary:
    """The vocabulary called `name`, or the one that is set. Raises BadVocabulary, with a guess at what was meant."""
    wanted = name or settings.vocabulary
    known = names(settings)
    if wanted not in known:
        near = get_close_matches(wanted, known, n=1)
        hint = f", did you mean {near[0]!r}?" if near else f"; there are {', '.join(sorted(known))}"
        raise BadVocabulary(f"no vocabulary is called {wanted!r}{hint}")
    return _read(known[wanted])


def everyone(settings: Settings) -> dict[str, Vocabulary]:
    """Every vocabulary by name. Raises BadVocabulary that names everything wrong with any of them."""
    named(settings, None)
    found: dict[str, Vocabulary] = {}
    faults = []
    for name, path in names(settings).items():
        try:
            found[name] = _read(path)
        except BadVocabulary as error:
            faults.append(str(error))
    if faults:
        raise BadVocabulary("\n".join(faults))
    return found


def _read(path: Path) -> Vocabulary:
    try:
        return read(path.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise BadVocabulary(f"the vocabulary {path} cannot be used: {error}") from error
