"""Recorded settling times: how long messages took, and how much later than the provider we knew.

`apply` writes them, a row for each batch. Named schedules have times of their own, because a one-time code is not a
newsletter; a message that names a schedule nobody knows counts for its channel.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from rules.settling_times import Observed
from rules.statuses import Channel
from store.connections import Connection
from store.queries import Queries

QUERIES = Queries("settlings")

#: Messages that are read at most for one answer; of more a sample is.
MOST = 500_000

#: Up to so many messages every age is exact; of more, ages are rounded to this share of them.
EXACT_UP_TO = 5_000
GRAIN = 0.01

COUNTS = ("told", "between", "never", "looks", "missed")


@dataclass(frozen=True, slots=True)
class Group:
    """Messages of one account and channel that have one schedule: those that name it, or (None) the channel's.

    `named` are all schedules that the account knows by name.
    """

    account: int
    channel: Channel
    schedule: str | None = None
    named: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Total:
    """How many messages of a group settled since a time, in which way, and how often they were asked about.

    `told` settled at a time that the provider gave, `between` at one that is known only to lie between two looks, and
    `never` were settled by the sweep. `missed` are those told that an earlier look should have shown and did not.
    """

    told: int = 0
    between: int = 0
    never: int = 0
    looks: int = 0
    missed: int = 0
    #: When the first of them was written down.
    first_at: datetime | None = None

    @property
    def messages(self) -> int:
        """All of them."""
        return self.told + self.between + self.never

    def __add__(self, other: "Total") -> "Total":
        """Both together."""
        return Total(
            self.told + other.told,
            self.between + other.between,
            self.never + other.never,
            self.looks + other.looks,
            self.missed + other.missed,
            min((at for at in (self.first_at, other.first_at) if at), default=None),
        )


@dataclass(frozen=True, slots=True)
class Delays:
    """How long after the provider's time we knew, in seconds, over messages of which it gave one."""

    mean: float
    p50: float
    p95: float
    p99: float


async def observed(connection: Connection, group: Group, since: datetime, *, grain: float = 0.0) -> list[Observed]:
    """What is known of the ages at which messages of `group` settled that were sent since a time; open ones too.

    Of more than `MOST` messages a sample is read, and what it shows counts for all.
    """
    rows = await connection.fetch(QUERIES.observed, *_which(group), since, MOST, grain)
    return [Observed(after, until, count) for after, until, count in rows]


def grain(messages: int) -> float:
    """To which share ages are rounded where there are so many messages, so that a few thousand rows tell all."""
    return 0.0 if messages <= EXACT_UP_TO else GRAIN


async def delays(connection: Connection, group: Group, since: datetime) -> Delays | None:
    """How much later than the provider we knew since a time; None if it gave no time."""
    row = await connection.fetchrow(QUERIES.delays, *_which(group), since, MOST)
    if row is None or not row["messages"]:
        return None
    return Delays(row["mean"], row["p50"], row["p95"], row["p99"])


@dataclass(frozen=True, slots=True)
class Lately:
    """How long after the provider's time we knew lately, in seconds; of so many messages, from `since` on."""

    p50: float
    p95: float
    messages: int
    since: datetime


#: Rows that are read of an account for what is so lately; each tells of up to a thousand messages.
NEWEST = 50


async def lately(connection: Connection, since: datetime) -> dict[str, Lately]:
    """The delay of every account's newest messages since a time, by name; an account without any is not there."""
    rows = await connection.fetch(QUERIES.lately, since, NEWEST)
    return {row["name"]: Lately(row["p50"], row["p95"], row["messages"], row["since"]) for row in rows}


def _which(group: Group) -> tuple[object, ...]:
    return group.account, group.channel, group.schedule, list(group.named)


async def totals(
    connection: Connection, account: int, since: datetime, named: Collection[str] = ()
) -> dict[tuple[Channel, str | None], Total]:
    """How many messages of an account settled since a time, by channel and schedule, of which `named` are known."""
    found: dict[tuple[Channel, str | None], Total] = {}
    for row in await connection.fetch(QUERIES.totals, account, since):
        key = Channel(row["channel"]), row["schedule"] if row["schedule"] in named else None
        told, between, never, looks, missed = map(int, (row[name] for name in COUNTS))
        found[key] = found.get(key, Total()) + Total(told, between, never, looks, missed, row["first_at"])
    return found


async def open_now(
    connection: Connection, account: int, named: Collection[str] = ()
) -> dict[tuple[Channel, str | None], int]:
    """How many messages of an account are open, by channel and schedule."""
    found: dict[tuple[Channel, str | None], int] = {}
    for channel, schedule, count in await connection.fetch(QUERIES.open, account):
        key = Channel(channel), schedule if schedule in named else None
        found[key] = found.get(key, 0) + count
    return found


async def forget(connection: Connection, before: datetime) -> int:
    """Drop what is older; how many rows."""
    return int((await connection.execute(QUERIES.forget, before)).split()[-1])
