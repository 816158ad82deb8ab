"""Filling a database with messages: rows as intake writes them, with every index, many at once."""

from datetime import UTC, datetime

from store.connections import Connection

#: When the messages were sent; everything that is said of them is later.
SENT_AT = datetime(2026, 11, 24, 12, tzinfo=UTC)


async def account(connection: Connection, name: str = "bench") -> int:
    """The number of a new account."""
    number: int = await connection.fetchval(
        "insert into landed.account (name, adapter) values ($1, 'twilio') returning id", name
    )
    return number


async def fill(connection: Connection, account: int, count: int, communication: str = "bench") -> list[tuple[int, str]]:
    """`count` open messages of `account`, sent by SMS a millisecond apart, due an hour later; their ids and names.

    They are recorded in one order, as a sender gives them, and named as Twilio names them: 34 letters by chance.
    """
    await connection.execute(FILL, account, count, SENT_AT, communication, timeout=3600)
    rows = await connection.fetch(
        "select id, provider_id from landed.message where account = $1 order by id", account, timeout=3600
    )
    return [(row["id"], row["provider_id"]) for row in rows]


async def settle(connection: Connection) -> None:
    """Make true what is true of a database that has run for a while: it is vacuumed, and its statistics are known.

    No checkpoint follows. After one, the first change of each page puts a picture of the whole page into the log; that
    costs every variant the same and hides what differs.
    """
    await connection.execute("vacuum (freeze, analyze)", timeout=3600)


FILL = """
with c as (
    insert into landed.communication (name) values ($4)
    on conflict (name) do update set name = excluded.name
    returning id
),
i as materialized (
    select nextval('landed.message_id') as id, $3::timestamptz + n * interval '1 millisecond' as sent_at,
        'SM' || md5($1::smallint || ':' || n) as provider_id, 'order-' || $1::smallint || '-' || n as reference,
        '+4477' || lpad((n % 100000000)::text, 8, '0') as recipient
    from generate_series(1, $2::integer) as n
),
m as (
    insert into landed.message (id, heard, account, channel, status, communication, status_at, recorded_at, deadline_at,
        sent_at, provider_id, reference, recipient)
    select i.id, 2, $1, 2, 1, c.id, sent_at, sent_at, sent_at + interval '48 hours', sent_at, provider_id, reference,
        recipient
    from i, c
)
insert into landed.watch (id, account, channel, heard, allowance, sent_at, deadline_at, next_look_at, provider_id,
    reference)
select id, $1, 2, 2, 172800, sent_at, sent_at + interval '48 hours', sent_at + interval '1 hour', provider_id, reference
from i
"""
