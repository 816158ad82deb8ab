"""Settling times from a file: seconds, a message a line; an empty line is a message that never settled."""

import math
from collections import Counter

import click

from cli.output import count, visible
from rules.settling_times import Observed

#: Bad lines that are named; more are counted.
NAMED = 10


def read(data: bytes, name: str, horizon: float) -> list[Observed]:
    """The times in a file, followed up to `horizon`. Every bad line is named, and then nothing is read.

    The first line may be a header. The line end at the end of the file begins no line.
    """
    lines = _lines(data, name)
    header = 1 if lines and _is_header(lines[0]) else 0
    times: Counter[float] = Counter()
    problems = []
    for number, line in enumerate(lines[header:], 1 + header):
        try:
            times[_seconds(line)] += 1
        except ValueError as error:
            problems.append(f"line {number}: {error}")
    if problems:
        more = [f"and {count(len(problems) - NAMED, 'more bad line')}"] if len(problems) > NAMED else []
        raise click.ClickException(
            f"{name}: " + "; ".join(problems[:NAMED] + more) + ". Mend them; nothing was computed"
        )
    if not times:
        raise click.ClickException(f"{name} has no times: write the seconds that each message took, one a line")
    return [
        Observed(horizon, None, messages) if age > horizon else Observed(age, age, messages)
        for age, messages in sorted(times.items())
    ]


def _lines(data: bytes, name: str) -> list[str]:
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise click.ClickException(f"{name} is UTF-16; save it as UTF-8")
    lines = data.decode("utf-8-sig", "replace").replace("\r\n", "\n").split("\n")
    return lines[:-1] if not lines[-1] else lines


def _is_header(line: str) -> bool:
    """Whether a line is a name: a letter first, and no number."""
    word = line.strip().strip('"').strip()
    return word[:1].isalpha() and not _is_number(word)


def _is_number(word: str) -> bool:
    try:
        float(word)
    except ValueError:
        return False
    return True


def _seconds(line: str) -> float:
    """The age that a line tells, infinite for never. ValueError says what is wrong with it."""
    word = line.strip()
    if word.startswith('"') and word.endswith('"') and len(word) > 1:
        word = word[1:-1].strip()
    if not word:
        return math.inf
    if not _is_number(word) or "_" in word:
        raise ValueError(f"{visible(word[:40])!r} is not a number of seconds, like 12.5")
    age = float(word)
    if not math.isfinite(age):
        raise ValueError(f"{word!r} is no age; leave the line empty for a message that never settled")
    if age < 0:
        raise ValueError(f"{word!r} is below 0, and nothing settles before it is sent")
    return age
