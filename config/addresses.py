"""Addresses of servers: whether they can be read, said without a part of them, which may be a part of a password."""

import re
from urllib.parse import parse_qs, urlsplit

ESCAPES = "with %40 for @, %3A for :, %2F for /, %3F for ? and %23 for # in the password"

POSTGRES = f"must be like postgresql://user:password@host:5432/database, {ESCAPES}"
REDIS = f"must be like redis://:password@host:6379/0, rediss:// for TLS, or unix:///path?db=0, {ESCAPES}"

MOST_PORTS = 65535

#: Postgres may be at several places: `one:5432,two`. A name, an IPv6 address in brackets, or nothing; then the port.
_HOST = re.compile(r"(?:\[[0-9A-Fa-f:.%]+\]|[^\[\]:@/\s]*)(?::(\d{1,5}))?")


def check_postgres(url: str) -> None:
    """Raise ValueError, saying how to write it, unless `url` is an address of Postgres."""
    scheme, sign, rest = url.partition("://")
    hosts = re.split(r"[/?#]", rest, maxsplit=1)[0].rpartition("@")[2]
    if not sign or scheme not in {"postgresql", "postgres"} or not all(map(_is_host, hosts.split(","))):
        raise ValueError(POSTGRES)


def _is_host(text: str) -> bool:
    found = _HOST.fullmatch(text)
    return found is not None and int(found[1] or 1) in range(1, MOST_PORTS + 1)


def check_redis(url: str) -> None:
    """Raise ValueError, saying how to write it, unless `url` is an address of Redis or Valkey."""
    try:
        parts = urlsplit(url)
        port = parts.port  # ValueError if it is none
    except ValueError:
        raise ValueError(REDIS) from None
    is_socket = parts.scheme == "unix"
    place = parts.path if is_socket else parts.netloc
    number = parse_qs(parts.query).get("db", ["0" if is_socket or not parts.path else parts.path[1:]])[0]
    if parts.scheme not in {"redis", "rediss", "unix"} or not place or port == 0 or not number.isdigit():
        raise ValueError(REDIS)
