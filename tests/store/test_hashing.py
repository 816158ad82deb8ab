"""What is asked of Postgres about recipients that are kept as hashes is answered, or refused, and never wrong."""

from datetime import timedelta

import asyncpg
import pytest

from rules.hashing import PLAIN, Hashing
from rules.statuses import Channel
from store import erasing, hashing, suppression
from store.migrations import create_roles
from store.suppression import Fact
from tests.store.written import NOW, account, record, recorded, recording

KEY = Hashing("a key of the tests that is never written down")
EVERYONE = Hashing(KEY.key, everyone=True)
ANN, BEN = "ann@example.org", "ben@example.org"


async def block(connection: asyncpg.Connection, recipient: str, channel: Channel = Channel.EMAIL) -> None:
    await suppression.add(connection, [(Fact(channel, recipient), NOW)], NOW, "ann")


async def asked(connection: asyncpg.Connection, *words: str | None) -> bool | None:
    """What `is_blocked` says; None if it refuses."""
    places = ", ".join(f"${number}" for number in range(1, len(words) + 1))
    try:
        return bool(await connection.fetchval(f"select landed.is_blocked({places})", *words))
    except asyncpg.FeatureNotSupportedError:
        return None


async def test_where_nobody_is_hashed_an_address_is_answered_as_ever(db: asyncpg.Connection) -> None:
    await block(db, ANN)

    assert await asked(db, "email", " Ann@Example.org ") is True
    assert await asked(db, "email", BEN) is False
    assert await asked(db, "sms", ANN) is False


async def test_where_all_are_hashed_an_address_is_refused_and_never_answered_wrong(db: asyncpg.Connection) -> None:
    await hashing.keep(db, EVERYONE, NOW)

    with pytest.raises(asyncpg.FeatureNotSupportedError) as refused:
        await db.fetchval("select landed.is_blocked('email', $1)", ANN)

    assert "Ask landed.is_blocked(channel, address, hash)" in str(refused.value.hint)
    assert ANN not in str(refused.value)

    await block(db, KEY.of(ANN))

    assert await asked(db, "email", ANN) is None
    assert await asked(db, "email", KEY.of(ANN)) is True
    assert await asked(db, "email", KEY.of(BEN)) is False


async def test_where_a_block_survived_an_erasure_other_addresses_are_refused_on_that_channel(
    db: asyncpg.Connection,
) -> None:
    """Any of them may be that person's. What is known to be blocked still is."""
    await block(db, KEY.of(ANN))
    await block(db, BEN)

    assert await asked(db, "email", ANN) is None
    assert await asked(db, "email", "new@example.org") is None
    assert await asked(db, "email", BEN) is True
    assert await asked(db, "sms", ANN) is False


async def test_a_hash_is_refused_where_addresses_block(db: asyncpg.Connection) -> None:
    await block(db, BEN)

    assert await asked(db, "email", KEY.of(BEN)) is None
    assert await asked(db, "sms", KEY.of(BEN)) is False


async def test_asked_with_both_it_always_answers(db: asyncpg.Connection) -> None:
    await hashing.keep(db, EVERYONE, NOW)
    await block(db, KEY.of(ANN))
    await block(db, BEN)

    assert [await asked(db, "email", one.upper(), KEY.of(one)) for one in (ANN, BEN, "new@example.org")] == [
        True,
        True,
        False,
    ]
    with pytest.raises(asyncpg.RaiseError, match="unknown channel"):
        await asked(db, "emial", ANN, KEY.of(ANN))


async def test_an_unblocking_under_either_spelling_counts(db: asyncpg.Connection) -> None:
    await block(db, KEY.of(ANN))
    await suppression.unblock(db, Channel.EMAIL, ANN, NOW + timedelta(hours=1), "ann", "")

    assert await asked(db, "email", ANN, KEY.of(ANN)) is False


async def test_what_blocks_is_hashed_before_anyone_relies_on_hashes(db: asyncpg.Connection) -> None:
    """The worker that begins with hashes does it before it does anything else."""
    for number in range(hashing.CHUNK + 3):
        await block(db, f"n{number}@example.org")
    await block(db, "token", Channel.PUSH)
    await hashing.keep(db, EVERYONE, NOW)

    rows = await db.fetch("select recipient from landed.suppression")
    assert len(rows) == hashing.CHUNK + 4
    assert {row["recipient"] for row in rows} >= {KEY.of("n1@example.org"), KEY.of("token")}
    assert all(row["recipient"].startswith("hashed:") for row in rows)


async def test_two_proofs_that_become_the_same_are_one(db: asyncpg.Connection) -> None:
    await block(db, ANN)
    await block(db, KEY.of(ANN))
    await hashing.hash_blocked(db, KEY)

    rows = await db.fetch("select recipient from landed.suppression")
    assert [row["recipient"] for row in rows] == [KEY.of(ANN)]


async def test_messages_are_hashed_in_chunks_until_none_is_left(db: asyncpg.Connection) -> None:
    number = await account(db)
    names = [f"m{n}" for n in range(hashing.CHUNK + 1)]
    await record(db, [recording(number, name, recipient=f"{name}@example.org", part=name) for name in names])
    done = [await hashing.hash_messages(db, EVERYONE) for _ in range(4)]

    # In two ranges, before and after the hashes, so a pass may take up to twice as many.
    assert sum(done) == hashing.CHUNK + 1
    assert done[-1] == 0
    for table in ("message", "watch"):
        parts = await db.fetch(f"select part from landed.{table} order by id")  # noqa: S608
        assert [row["part"] for row in parts] == [KEY.hash(name) for name in names]


async def test_finding_what_is_still_plain_uses_the_index(db: asyncpg.Connection) -> None:
    """Upkeep asks every minute, mostly for nothing."""
    await recorded(db, [f"m{n}" for n in range(3000)], recipient=KEY.of(ANN))
    await db.execute("analyze landed.message")
    plan = await db.fetch(f"explain {hashing.QUERIES.plain_messages}", 500)

    text = "\n".join(row[0] for row in plan)
    assert text.count("message_by_recipient") == 2
    assert "Seq Scan" not in text


async def test_who_was_erased_is_known_by_channel(db: asyncpg.Connection) -> None:
    await erasing.begin(db, KEY.of(ANN), Channel.SMS, NOW, "ann", "")
    await erasing.begin(db, KEY.of(BEN), None, NOW, "ann", "")
    sms, email = int(Channel.SMS), int(Channel.EMAIL)
    everyone = [(sms, ANN), (email, ANN), (None, ANN), (email, BEN), (None, BEN), (sms, "new@example.org")]

    assert await hashing.erased_among(db, KEY, everyone) == {(sms, ANN), (None, ANN), (email, BEN), (None, BEN)}
    assert await hashing.erased_among(db, PLAIN, everyone) == set()


async def test_an_erasure_keeps_no_address(db: asyncpg.Connection) -> None:
    with pytest.raises(asyncpg.CheckViolationError, match="erasure_keeps_no_address"):
        await erasing.begin(db, ANN, None, NOW, "ann", "")


async def test_a_sender_may_ask_with_both_and_reads_nothing_of_it(db: asyncpg.Connection) -> None:
    await create_roles(db)
    await block(db, KEY.of(ANN))
    await db.execute("set role landed_sender")
    try:
        assert await asked(db, "email", ANN, KEY.of(ANN)) is True
        assert await asked(db, "email", ANN) is None
        for table in ("erasure", "hashing", "suppression"):
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await db.fetch(f"select from landed.{table}")
    finally:
        await db.execute("reset role")
