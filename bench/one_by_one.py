"""One report after the other, by hand: what is known is read and locked, compared, written, and committed."""

from collections.abc import Sequence

from bench.saying import NOW, Message
from rules.statuses import Source, Status
from store.connections import Connection
from store.reports import Said


async def write(connection: Connection, account: int, messages: Sequence[Message], said: Sequence[Said]) -> int:
    """Join each report in a transaction of its own; how many changed their message."""
    written = 0
    for message, one in zip(messages, said, strict=True):
        written += await _write(connection, account, message, one)
    return written


async def _write(connection: Connection, account: int, message: Message, one: Said) -> bool:
    word = one.word
    async with connection.transaction():
        known = await connection.fetchrow(
            "select id, status, heard from landed.message where account = $1 and provider_id = $2 and part = ''"
            " for no key update",
            account,
            message.provider_id,
        )
        if known is None or word.top <= known["status"]:
            return False
        await connection.execute(
            "update landed.message set status = $3, heard = $4, status_at = $5, reason = $6, code = $7"
            " where account = $1 and id = $2",
            account,
            known["id"],
            word.top,
            known["heard"] | word.bits,
            word.at,
            word.reason,
            word.code,
        )
        for kind in kinds(word.bits):
            await connection.execute(
                "insert into landed.event (seen_at, message, account, kind, applied, from_status, source, occurred_at,"
                " reason, code) values ($1, $2, $3, $4, true, $5, $6, $7, $8, $9)",
                NOW,
                known["id"],
                account,
                kind,
                known["status"],
                Source.POLL,
                word.at,
                word.reason,
                word.code,
            )
        if word.top >= Status.TIMED_OUT:
            await connection.execute("delete from landed.watch where account = $1 and id = $2", account, known["id"])
        else:
            await connection.execute(
                "update landed.watch set heard = $3 where account = $1 and id = $2",
                account,
                known["id"],
                known["heard"] | word.bits,
            )
    return True


def kinds(bits: int) -> list[int]:
    """The things said, one event each."""
    return [kind for kind in range(bits.bit_length()) if bits >> kind & 1]
