"""Tables of a TOML file, read with care: every fault is noted with its place and a guess at what was meant."""

from collections.abc import Collection, Iterable, Mapping
from difflib import get_close_matches


class Table:
    """One table of a file. What is wrong with it is added to `problems`, a line each."""

    def __init__(self, raw: Mapping[str, object], place: str, problems: list[str]) -> None:
        self.raw = raw
        self.place = place
        self.problems = problems

    def only(self, *known: str) -> None:
        """Note every key that is not among `known`."""
        self._note(f"unknown key {key!r}{guess(key, known)}" for key in self.raw if key not in known)

    def text(self, key: str) -> str:
        """The text under `key`; empty if it is missing or something else."""
        value = self.raw.get(key)
        if isinstance(value, str):
            return value
        self._note([f"{key} is missing" if value is None else f"{key} must be text"])
        return ""

    def word(self, key: str, known: Collection[str]) -> str:
        """The text under `key`, which must be among `known`."""
        word = self.text(key)
        if isinstance(self.raw.get(key), str) and word not in known:
            self._note([f"unknown {key} {word!r}{guess(word, known)}"])
        return word

    def words(self, key: str, known: Mapping[str, int], *, least: int = 1) -> list[int]:
        """What one word, or each of a list of words, under `key` means in `known`; nothing if `key` is missing."""
        value = self.raw.get(key, [])
        words = [value] if isinstance(value, str) else value
        if not isinstance(words, list) or not all(isinstance(word, str) for word in words):
            self._note([f"{key} must be a word or a list of words"])
            return []
        if key in self.raw and len(words) < least:
            self._note([f"{key} is empty, so nothing meets it; leave it out if it does not matter"])
        self._note(f"unknown {key} {word!r}{guess(word, known)}" for word in words if word not in known)
        return [known[word] for word in words if word in known]

    def tables(self, key: str, *, least: int = 1) -> list["Table"]:
        """Every table of the list under `key`."""
        value = self.raw.get(key, [])
        if not isinstance(value, list) or not all(isinstance(table, dict) for table in value):
            self._note([f"{key} must be a list of tables"])
            return []
        if len(value) < least:
            self._note([f"{key} is missing"])
        within = f"{self.place}, " if self.place else ""
        return [Table(raw, f"{within}{key} {number}", self.problems) for number, raw in enumerate(value, 1)]

    def _note(self, faults: Iterable[str]) -> None:
        self.problems += [f"{self.place}: {fault}" if self.place else fault for fault in faults]


def guess(word: str, known: Iterable[str]) -> str:
    """What was meant by an unknown word, as the end of a sentence."""
    choices = list(known)
    near = get_close_matches(word, choices, n=1)
    return f"; did you mean {near[0]!r}?" if near else f"; known are {', '.join(choices)}"
