"""Everything at once about the same messages, as `landed bench races` does it for minutes; and its model notices."""

import asyncpg
import pytest

from bench.ledger import ACKNOWLEDGED, Ledger
from bench.racing import race
from bench.track import Track
from rules.reports import Word
from rules.statuses import Reason, Source, Status
from store import reports
from store.reports import Said
from tests.store.written import NOW, SENT, recorded

#: It does not depend on the interpreter.
pytestmark = pytest.mark.once

MESSAGES = 320


@pytest.mark.parametrize("seed", [1, 2])
async def test_no_update_is_lost_no_event_doubled_or_skipped_and_no_deadlock_ends_anything(
    database: str, seed: int
) -> None:
    """nyaruka/courier#503, GSA: writes twice, sweeps that overwrite what is delivered."""

    def is_over(track: Track) -> bool:
        return track.sent >= MESSAGES

    came = await race(database, seed, is_over)

    assert came.differences == []
    assert came.counts["messages"] >= MESSAGES
    assert all(came.counts[what] > 0 for what in ("words", "events", "claimed", "read", "transactions"))


#: What may go wrong, and what the ledger says of it.
WRONGS = {
    "update landed.message set status_at = status_at - interval '1 s' where provider_id = 'a'": "the join of all",
    "delete from landed.event where message = 1 and kind = 2": "goes on from",
    "delete from landed.event where message = 3 and kind = 14": "was said",
    "insert into landed.event"
    " (xact, seen_at, occurred_at, message, account, kind, from_status, source, applied, detail)"
    " select xact, seen_at, occurred_at, message, account, kind, from_status, source, applied, detail"
    " from landed.event where message = 1 and kind = 15": "should have",
    "update landed.event set applied = false where kind = 15 and message = 1": "what raised its status",
    "delete from landed.watch where id = 2": "its watch",
    "delete from landed.suppression": "it blocks by",
    "delete from landed.message where id = 2": "are recorded",
    "update landed.message set provider_id = 'x' where id = 2": "nobody sent it",
}


@pytest.fixture
async def ledger(db: asyncpg.Connection) -> Ledger:
    """A ledger that agrees with the database: `a` was deferred, then delivered; `b` is open; `c` has bounced."""
    await recorded(db, ["a", "b", "c"], channel=2, recipient="+447700900000")
    kept = Ledger()
    kept.note([(name, SENT) for name in ("a", "b", "c")])
    words = [("a", Status.DEFERRED, Reason.NONE), ("a", Status.DELIVERED, Reason.NONE)]
    words += [("c", Status.HARD_BOUNCED, Reason.INVALID_ADDRESS)]
    for number, (name, status, reason) in enumerate(words):
        word = Word(status.bit, NOW, reason, detail=f"{status.bit}.0.{number}")
        await reports.apply(db, 1, Source.POLL, NOW, [Said(word, name, "", None, 0b100 if reason else 0)])
        kept.note([(name, word)])
    return kept


async def test_the_ledger_agrees_with_what_was_said_and_notices_what_was_not(
    db: asyncpg.Connection, ledger: Ledger
) -> None:
    agreed = await ledger.differences(db, 1)
    ledger.note([("b", Word(ACKNOWLEDGED, NOW))])
    lost = await ledger.differences(db, 1)

    assert agreed == []
    assert lost
    assert all(one.startswith("message 2: ") for one in lost)


async def test_the_ledger_notices_whatever_is_wrong(db: asyncpg.Connection, ledger: Ledger) -> None:
    noticed: dict[str, list[str]] = {}
    for wrong in WRONGS:
        transaction = db.transaction()
        await transaction.start()
        await db.execute(wrong)
        noticed[wrong] = await ledger.differences(db, 1)
        await transaction.rollback()

    assert [wrong for wrong, said in WRONGS.items() if not any(said in one for one in noticed[wrong])] == []
    assert await ledger.differences(db, 1) == []
