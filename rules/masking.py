"""Recipients for those who may not see them: enough to tell two apart, too little to write to one."""

import re

from rules.hashing import is_hash
from rules.mentions import Mentions, masked

#: What stands for letters left out. It does not tell how many they were.
STARS = "***"

#: Digits of a telephone number that are shown: its country, mostly, and its end.
FIRST, LAST = 2, 2

#: Shorter numbers and names are hidden whole.
FEWEST = 8

_NUMBER = re.compile(r"\+?[0-9]+")


def mask(recipient: str) -> str:
    """`a***@example.com`, `+44********12`, `to***`. A hash stays as it is: nobody can be reached by it."""
    if not recipient or is_hash(recipient):
        return recipient
    name, at, domain = recipient.rpartition("@")
    if at:
        return f"{name[:1] if len(name) > 1 else ''}{STARS}@{domain}"
    if _NUMBER.fullmatch(recipient):
        plus, digits = recipient[: recipient.startswith("+")], recipient.lstrip("+")
        if len(digits) < FEWEST:
            return plus + STARS
        return plus + digits[:FIRST] + "*" * (len(digits) - FIRST - LAST) + digits[-LAST:]
    return (recipient[:FIRST] if len(recipient) >= FEWEST else "") + STARS


def mask_name(name: str, recipient: str) -> str:
    """A message's name without an address in it: any of email, and that of its own recipient.

    Other digits stay, because most names are made of them.
    """
    if "@" in name:
        return masked(name)
    digits = recipient.lstrip("+")
    return Mentions([recipient]).struck(name) if digits and digits in name else name


def mask_text(text: str) -> str:
    """What a person or a provider wrote, without whatever looks like an address."""
    return masked(text)
