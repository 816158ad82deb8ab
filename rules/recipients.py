"""The one spelling in which recipients are stored and compared. `landed.normal_recipient` is the SQL twin."""

import re

_NUMBER = re.compile(r"\+?[0-9(][0-9 ().\-]*")
_FILLING = str.maketrans("", "", " ().-")


def normal(recipient: str) -> str:
    """Addresses in lower case, telephone numbers without filling, anything else (device tokens) as it is."""
    recipient = recipient.strip(" ")
    if "@" in recipient:
        return recipient.lower()
    return recipient.translate(_FILLING) if _NUMBER.fullmatch(recipient) else recipient
