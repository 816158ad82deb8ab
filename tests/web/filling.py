"""What tests of the page and the API find in the database."""

from datetime import timedelta
from typing import Any

import asyncpg

from rules.reports import Word
from rules.statuses import Channel, Reason, Source, Status
from store import reports
from store.reports import Said
from tests.store.written import NOW, account, record, recording

#: Planted where an address may be, to look for where it must not be.
EMAIL, NUMBER = "planted.person@example.org", "+447700900123"


async def communication(db: asyncpg.Connection, name: str = "Flood warning 7") -> int:
    """The number of a communication, which is made if there is none."""
    return int(
        await db.fetchval(
            "insert into landed.communication (name) values ($1)"
            " on conflict (name) do update set name = excluded.name returning id",
            name,
        )
    )


async def messages(db: asyncpg.Connection, count: int, name: str = "Flood warning 7", **given: Any) -> list[int]:
    """Messages of a communication, sent just now; their numbers, in the order of recording."""
    acme, number = await account(db), await communication(db, name)
    known = int(await db.fetchval("select count(*) from landed.message"))
    fields = {"communication": name, "recipient": NUMBER, **given}
    made = [recording(acme, f"SM{known + n:06}", **{"reference": f"order-{known + n}", **fields}) for n in range(count)]
    await record(db, made)
    rows = await db.fetch("select id from landed.message where communication = $1 order by id", number)
    return [row["id"] for row in rows][-count:]


async def one_of_each(db: asyncpg.Connection) -> dict[str, int]:
    """A delivered text, a bounced mail, and one that is still open; their numbers."""
    (delivered,) = await messages(db, 1)
    (bounced,) = await messages(db, 1, channel=Channel.EMAIL, recipient=EMAIL)
    (waiting,) = await messages(db, 1)
    later = NOW + timedelta(minutes=1)
    acme = await account(db)
    await say(db, acme, delivered, Word(Status.DELIVERED.bit, later, detail=f"given to {NUMBER}"))
    bounce = Word(Status.HARD_BOUNCED.bit, later, Reason.INVALID_ADDRESS, "5.1.1", detail=f"550 no such user {EMAIL}")
    await say(db, acme, bounced, bounce, blocks=1 << Channel.EMAIL)
    return {"delivered": delivered, "bounced": bounced, "open": waiting}


async def say(db: asyncpg.Connection, number: int, message: int, word: Word, blocks: int = 0) -> None:
    """Let a provider say something of a message."""
    await reports.apply(db, number, Source.POLL, word.at, [Said(word, "", id=message, blocks=blocks)])
