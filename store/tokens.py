"""Tokens for the page and the API, the sessions that begin with them, and how often one may try.

A token is `landed_KEY_SECRET`. It is shown once, and kept as its hash. It has so much chance in it that a plain SHA-256
keeps it safe: https://cheatsheetseries.owasp.org/cheatsheets/Cryptographic_Storage_Cheat_Sheet.html
"""

import hashlib
import hmac
import re
import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

import asyncpg

from rules.sealing import KEY, Seal
from rules.viewers import Scope, Viewer, Way
from store import changes
from store.changes import By
from store.connections import Connection
from store.queries import Queries

QUERIES = Queries("tokens")

_TOKEN = re.compile(r"landed_([a-z2-7]{12})_([A-Za-z0-9_-]{43})")
_LETTERS = "abcdefghijklmnopqrstuvwxyz234567"

#: How often one place may try to log in within a time, and all places together.
WITHIN = timedelta(minutes=10)
TRIES, TRIES_OF_ALL = 10, 3000


@dataclass(frozen=True, slots=True)
class Token:
    """What a new token is for."""

    name: str
    scopes: frozenset[Scope]
    masked: bool = False
    expires_at: datetime | None = None


class TooOften(Exception):
    """Too many tries to log in. `seconds` says for how long to wait."""

    def __init__(self, seconds: int) -> None:
        """Say so."""
        super().__init__(f"too many tries to log in; try again in {seconds} seconds")
        self.seconds = seconds


async def create(connection: Connection, token: Token, by: By) -> str | None:
    """Make a token; its text, which is not kept. None if a valid token of that name is there."""
    key = "".join(secrets.choice(_LETTERS) for _ in range(12))
    text = f"landed_{key}_{secrets.token_urlsafe(32)}"
    words = sorted(token.scopes)
    async with connection.transaction():
        made = await connection.fetchval(
            QUERIES.create, token.name, key, _hash(text), words, token.masked, by.at, by.name, token.expires_at
        )
        if made is None:
            return None
        await changes.add(connection, by, "token_created", token.name, scopes=words, masked=token.masked)
    return text


async def revoke(connection: Connection, name: str, by: By) -> bool:
    """End a token and its sessions; false if no valid one has that name."""
    async with connection.transaction():
        if await connection.fetchval(QUERIES.revoke, name, by.at, by.name) is None:
            return False
        await changes.add(connection, by, "token_revoked", name)
    return True


async def everyone(connection: Connection) -> list[asyncpg.Record]:
    """Every token without its hash, the valid ones first."""
    return await connection.fetch(QUERIES.all)


def state(row: asyncpg.Record, now: datetime) -> str:
    """What became of a token of `everyone`: `valid`, `expired` or `revoked`."""
    if row["revoked_at"] is not None:
        return "revoked"
    return "expired" if row["expires_at"] is not None and row["expires_at"] <= now else "valid"


async def holder(connection: Connection, text: str, now: datetime) -> Viewer | None:
    """Who holds a token; None if it is not valid."""
    row = await _valid(connection, text, now)
    if row is None:
        return None
    await connection.execute(QUERIES.used, row["id"], now)
    return _viewer(row, Way.TOKEN, f"token:{row['id']}")


async def log_in(connection: Connection, text: str, place: str, now: datetime, until: datetime) -> str | None:
    """Begin a session with a token; its secret, for a cookie. None if the token is not valid. Raises TooOften.

    `place` is where the try comes from. Every try counts, over all processes, until one is right.
    """
    where = _hash(place)
    for one, most in ((where, TRIES), (b"", TRIES_OF_ALL)):
        row = await connection.fetchrow(QUERIES.try_log_in, one, now, WITHIN)
        if row is not None and row["tries"] > most:
            raise TooOften(max(1, int((row["since"] + WITHIN - now).total_seconds())))
    found = await _valid(connection, text, now)
    if found is None:
        return None
    secret = secrets.token_urlsafe(32)
    async with connection.transaction():
        await connection.execute(QUERIES.forget_tries, where)
        await connection.execute(QUERIES.begin_session, _hash(secret), found["id"], now, until)
        await connection.execute(QUERIES.used, found["id"], now)
    return secret


async def session(connection: Connection, secret: str, now: datetime) -> Viewer | None:
    """Whose session it is; None if it is over."""
    row = await connection.fetchrow(QUERIES.session, _hash(secret), now)
    return None if row is None else _viewer(row, Way.SESSION, f"session:{_hash(secret).hex()}")


async def log_out(connection: Connection, secret: str) -> None:
    """End a session."""
    await connection.execute(QUERIES.end_session, _hash(secret))


async def seal(connection: Connection) -> Seal:
    """The seal that all processes share; it is made when it is wanted for the first time."""
    key: bytes | None = await connection.fetchval(QUERIES.key)
    if key is None:
        await connection.execute(QUERIES.keep_key, secrets.token_bytes(KEY))
        key = await connection.fetchval(QUERIES.key)
    assert key is not None  # noqa: S101 - it was kept just now
    return Seal(key)


async def _valid(connection: Connection, text: str, now: datetime) -> asyncpg.Record | None:
    written = _TOKEN.fullmatch(text)
    if written is None:
        return None
    row = await connection.fetchrow(QUERIES.with_key, written[1], now)
    return row if row is not None and hmac.compare_digest(row["hash"], _hash(text)) else None


def _viewer(row: asyncpg.Record, way: Way, key: str) -> Viewer:
    return Viewer(row["name"], way, _scopes(row["scopes"]), row["masked"], key)


def _scopes(words: Iterable[str]) -> frozenset[Scope]:
    return frozenset(map(Scope, words))


def _hash(text: str) -> bytes:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()
