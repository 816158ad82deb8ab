"""Addresses in texts: finding one person's, striking it out, and masking whatever looks like an address."""

import json
import re
from collections.abc import Iterable
from typing import Any
from urllib.parse import unquote

from rules.recipients import normal

#: What stands where an address was.
STRUCK = "…"

#: What may stand between the digits of a telephone number.
_FILLING = r"[ ().\-/\u00a0]*"

#: Shorter numbers are found in too much that is none.
FEWEST_DIGITS = 7

_NUMBER = re.compile(r"\+?[0-9]+")

_ADDRESS = r"[^\s@<>()\[\]\",;:]+@[^\s@<>()\[\]{}\"',;:=|/]+\w"
_WITH_PLUS = rf"(?<![\w.])\+[0-9](?:{_FILLING}[0-9]){{6,}}"
_WITHOUT = rf"(?<![\w.+])(?!\d{{4}}-\d\d-\d\d)[0-9](?:{_FILLING}[0-9]){{8,}}(?!\w)"
_MASKED = re.compile(f"{_ADDRESS}|{_WITH_PLUS}|{_WITHOUT}")


def masked(text: str) -> str:
    """`text` without whatever looks like an address of email or a telephone number."""
    return _MASKED.sub(STRUCK, text) if text else text


class Mentions:
    """Finds one person's address in texts, however it is written there.

    Capitals do not matter. A number is found with anything between its digits, and without its plus. What is part of a
    longer address or number is another one's.
    """

    def __init__(self, addresses: Iterable[str]) -> None:
        """Look for any of `addresses`."""
        patterns = sorted({_pattern(address) for address in addresses if address}, key=len, reverse=True)
        self._found = re.compile("|".join(patterns) or r"(?!)", re.IGNORECASE)

    def are_in(self, text: str | None) -> bool:
        """Whether `text` mentions the person, also where it is part of an address of the web."""
        if not text:
            return False
        return self._found.search(text) is not None or self._found.search(unquote(text)) is not None

    def struck(self, text: str) -> str:
        """`text` without the address."""
        if not self.are_in(text):
            return text
        without = self._found.sub(STRUCK, text)
        # Written as in an address of the web, it is nowhere by itself.
        return self._found.sub(STRUCK, unquote(without)) if self.are_in(without) else without

    def pruned(self, body: bytes) -> bytes | None:
        """An answer without what it says of the person; None if nothing of it can be kept.

        Of a list in JSON those elements are left out that mention the person. `body` itself comes back if none does.
        """
        text = body.decode("utf-8", "replace")
        try:
            said = json.loads(text)
            if self._mentioned(said):
                left = self._left(said)
                return None if left is None else json.dumps(left).encode()
        except (ValueError, RecursionError):
            pass  # not JSON, or nothing that one should take apart
        # Also where JSON leaves something out, such as the first of two values under one name.
        return None if self.are_in(text) or self.are_in(_unescaped(text)) else body

    def _mentioned(self, said: Any) -> bool:
        match said:
            case dict():
                return any(self.are_in(str(name)) or self._mentioned(value) for name, value in said.items())
            case list():
                return any(self._mentioned(value) for value in said)
            case bool() | None:
                return False
            case _:
                return self.are_in(str(said))

    def _left(self, said: Any) -> Any:
        """What is left of a value that mentions the person; None if it is not in a list."""
        if isinstance(said, list):
            return [value for value in said if not self._mentioned(value)]
        if not isinstance(said, dict) or any(self.are_in(str(name)) for name in said):
            return None
        left = {name: self._left(value) if self._mentioned(value) else value for name, value in said.items()}
        return None if None in [left[name] for name, value in said.items() if value is not None] else left


def _pattern(address: str) -> str:
    recipient = normal(address)
    if _NUMBER.fullmatch(recipient) and len(recipient.lstrip("+")) >= FEWEST_DIGITS:
        digits = _FILLING.join(recipient.lstrip("+"))
        return rf"(?:(?<![0-9])\+|(?<![0-9.+])){digits}(?![0-9])"
    return rf"(?<![\w.+%\-]){re.escape(recipient)}(?![^\W_]|\.\w|-[\w\-]*\.\w)"


def _unescaped(text: str) -> str:
    """What JSON or a log may have escaped."""
    return re.sub(r"\\u([0-9a-fA-F]{4})", lambda found: chr(int(found[1], 16)), text).replace("\\/", "/")
