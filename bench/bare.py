"""The same writes without any rules, whole or of messages alone: what the database costs."""

from collections.abc import Sequence
from pathlib import Path

from bench.saying import NOW, Message
from rules.statuses import Engagement, Status
from store.connections import Connection
from store.queries import Queries
from store.reports import Said, batches

QUERIES = Queries("bare", Path(__file__).parent / "queries")

#: A message, and what is said of it.
Pair = tuple[Message, Said]


async def write_all(
    connection: Connection, account: int, messages: Sequence[Message], said: Sequence[Said], *, by_id: bool
) -> int:
    """Write what is said into messages, history, watches and blocked addresses; how many messages were written."""
    query = QUERIES.all_by_id if by_id else QUERIES.all_by_key
    written = 0
    for page in batches(list(zip(messages, said, strict=True))):
        batch = _sorted(page, by_id=by_id)
        others = [_other(one.word.bits, one.word.top) for _, one in batch]
        blocking = [one.blocks != 0 for _, one in batch]
        written += await connection.fetchval(
            query, account, *_columns(batch), _names(batch, by_id=by_id), others, blocking, NOW
        )
    return written


async def write_messages(
    connection: Connection, account: int, messages: Sequence[Message], said: Sequence[Said], *, by_id: bool
) -> int:
    """Write what is said into messages and nowhere else; how many."""
    query = QUERIES.messages_by_id if by_id else QUERIES.messages_by_key
    written = 0
    for page in batches(list(zip(messages, said, strict=True))):
        batch = _sorted(page, by_id=by_id)
        written += await connection.fetchval(query, account, *_columns(batch), _names(batch, by_id=by_id))
    return written


def _sorted(page: Sequence[Pair], *, by_id: bool) -> list[Pair]:
    """In the order of the index that is used, which is the quickest."""
    return sorted(page, key=(lambda pair: pair[0].id) if by_id else (lambda pair: pair[0].provider_id))


def _names(batch: Sequence[Pair], *, by_id: bool) -> list[int] | list[str]:
    return [message.id for message, _ in batch] if by_id else [message.provider_id for message, _ in batch]


def _columns(batch: Sequence[Pair]) -> list[list[object]]:
    words = [one.word for _, one in batch]
    return [
        [word.bits | Status.SENT.bit for word in words],
        [word.top for word in words],
        [word.at for word in words],
        [word.at if word.reason else None for word in words],
        [word.reason for word in words],
        [word.code for word in words],
        [word.attempts for word in words],
        [word.attempt_at for word in words],
        [word.at if word.bits & Engagement.READ.bit else None for word in words],
    ]


def _other(bits: int, top: int) -> int | None:
    """The second thing that a word says: that what has arrived was read, that what expired had bounced."""
    rest = bits & ~(1 << top)
    return rest.bit_length() - 1 if rest else None
