"""Cells of a CSV file that a spreadsheet may open: what looks like a formula is marked as text.

A cell that begins with `= + - @`, a tab or a carriage return gets a leading apostrophe, because a spreadsheet would
run it (https://owasp.org/www-community/attacks/CSV_Injection). Numbers and telephone numbers stay as they are:
nothing in `-1.5` or `+447700900123` can be run.
"""

import csv
import io
import re
from collections.abc import Iterable
from datetime import datetime

from rules.times import iso

_DANGEROUS = ("=", "+", "-", "@", "\t", "\r")
_NUMBER = re.compile(r"[+-]?[0-9]+(\.[0-9]+)?")


def safe(value: object) -> str:
    """`value` as the text of a cell."""
    text = iso(value) if isinstance(value, datetime) else "" if value is None else str(value)
    if text.startswith(_DANGEROUS) and not _NUMBER.fullmatch(text):
        return f"'{text}"
    return text


def meant(text: str) -> str:
    """What a cell that `safe` wrote stood for."""
    return text[1:] if text.startswith("'") and safe(text[1:]) == text else text


def row(values: Iterable[object]) -> str:
    """A line of a CSV file, with its end."""
    line = io.StringIO()
    # Python quotes a cell with a carriage return only where that ends a line.
    csv.writer(line, lineterminator="\r\n").writerow([safe(value) for value in values])
    return line.getvalue().removesuffix("\r\n") + "\n"
