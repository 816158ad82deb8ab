"""What people changed, kept for whoever asks later. Texts and addresses are never part of it."""

import json
from dataclasses import dataclass
from datetime import datetime

import asyncpg

from store.connections import Connection
from store.queries import Queries

QUERIES = Queries("changes")


@dataclass(frozen=True, slots=True)
class By:
    """Who changes something, by which way (`cli`, or how the page or the API knows them), and when."""

    name: str
    way: str
    at: datetime


async def add(connection: Connection, by: By, what: str, subject: str = "", **detail: object) -> None:
    """Write down that someone changed something. Do it in the transaction of the change.

    `what` is a table and a verb, like `token_created`. `subject` names which, and is never an address.
    """
    await connection.execute(QUERIES.add, by.at, by.name, by.way, what, subject, json.dumps(detail))


async def page(connection: Connection, before: int, limit: int) -> list[asyncpg.Record]:
    """Changes from the newest on, before the change `before`: id, at, by, way, what, subject, detail (JSON)."""
    return await connection.fetch(QUERIES.page, before, limit)
