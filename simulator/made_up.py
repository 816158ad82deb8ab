"""Ids, secrets and addresses that are made up."""

import random
import string

from rules.statuses import Channel


def other_recipient(channel: Channel, chance: random.Random) -> str:
    """An address of nobody, on a domain or in a range that is kept free for examples."""
    number = chance.randrange(1000)
    match channel:
        case Channel.EMAIL:
            return f"other{number}@example.net"
        case Channel.PUSH:
            return f"ExponentPushToken[other{number}]"
        case Channel.LETTER:
            return f"{number} Other Street, Exampleton"
        case _:
            return f"+1555010{number:04}"


def token(chance: random.Random, length: int, letters: str = string.ascii_letters + string.digits) -> str:
    """A made-up id or secret."""
    return "".join(chance.choices(letters, k=length))


def hexadecimal(chance: random.Random, length: int) -> str:
    """The same of hexadecimal digits."""
    return token(chance, length, "0123456789abcdef")


def uuid(chance: random.Random) -> str:
    """A made-up UUID, version 4."""
    digits = hexadecimal(chance, 32)
    return f"{digits[:8]}-{digits[8:12]}-4{digits[13:16]}-a{digits[17:20]}-{digits[20:]}"
