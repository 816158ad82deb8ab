"""The one spelling in which recipients are stored and compared. `landed.normal_recipient` is the SQL twin."""

import re
from string import ascii_lowercase, ascii_uppercase

_NUMBER = re.compile(r"\+?[0-9(][0-9 ().\-]*")
_FILLING = str.maketrans("", "", " ().-")

#: Only these: Python and every Postgres have their own idea of the other letters, and the two spellings must be one.
_SMALL = str.maketrans(ascii_uppercase, ascii_lowercase)


def normal(recipient: str) -> str:
    """Addresses with A to Z made small, telephone numbers without filling, anything else (device tokens) as it is."""
    recipient = recipient.strip(" ")
    if "@" in recipient:
        return recipient.translate(_SMALL)
    return recipient.translate(_FILLING) if _NUMBER.fullmatch(recipient) else recipient
