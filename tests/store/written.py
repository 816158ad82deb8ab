"""Messages written for tests, and how they stand."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta

from rules.reports import Word
from rules.state import State
from rules.statuses import Channel, Status
from store import inbox, messages
from store.connections import Connection
from store.inbox import Recorded, Recording

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
SENT = Word(Status.SENT.bit, NOW)


async def account(connection: Connection, name: str = "acme") -> int:
    """The number of an account, which is made if there is none."""
    return int(
        await connection.fetchval(
            "insert into landed.account (name, adapter) values ($1, 'acme')"
            " on conflict (name) do update set name = excluded.name returning id",
            name,
        )
    )


def recording(number: int, name: str | None, **given: object) -> Recording:
    """A message of an account, sent just now, due now."""
    fields: dict[str, object] = {
        "row": 1,
        "account": number,
        "channel": Channel.SMS,
        "recipient": "",
        "provider_id": name,
        "part": "",
        "reference": None,
        "communication": None,
        "schedule": None,
        "sent_at": NOW,
        "scheduled_at": None,
        "deadline_at": NOW + timedelta(hours=48),
        "named_deadline": None,
        "allowance": 48 * 3600,
        "next_look_at": NOW,
        "since": NOW,
        "words": (SENT,),
        **given,
    }
    words: tuple[Word, ...] = fields["words"]  # type: ignore[assignment]
    return Recording(**{"blocks": (0,) * len(words), **fields})  # type: ignore[arg-type]


async def record(connection: Connection, recordings: Sequence[Recording], now: datetime = NOW) -> Recorded:
    """Record as intake does, a batch at a time."""
    done = Recorded(0, 0, ())
    for start in range(0, len(recordings), 1000):
        async with connection.transaction():
            one = await inbox.record(connection, now, recordings[start : start + 1000])
        done += one
    return done


async def recorded(connection: Connection, names: Iterable[str], **given: object) -> dict[str, int]:
    """Messages recorded in the account `acme`: their numbers by provider id."""
    number = await account(connection)
    await record(connection, [recording(number, name, **given) for name in names])
    rows = await connection.fetch("select provider_id, id from landed.message where account = $1 order by id", number)
    return {row["provider_id"]: row["id"] for row in rows}


async def states(connection: Connection) -> dict[str, State]:
    """The state of every message by its provider id."""
    rows = await connection.fetch("select * from landed.message order by id")
    return {row["provider_id"]: messages.state(row) for row in rows}
