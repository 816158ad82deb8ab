"""Where recipients are kept as hashes only, no address is kept, and everything else is as before."""

import json
from datetime import UTC, datetime, timedelta

import pytest

from rules.hashing import PLAIN, Hashing
from rules.statuses import Channel
from store import hashing, inbox, suppression
from store.connections import Pool, clock
from store.hashing import WrongKey
from store.suppression import Fact
from tests.worker.pretend import desk, statuses
from tests.worker.telling import SHAPES, Teller, everything, telling
from tests.worker.test_erasing import KEY, OTHER, PERSON, again, say, where
from worker.accounts import Account
from worker.erasing import Request, erase
from worker.intake import Taken, intake
from worker.upkeep import Retention, Upkeep

#: It does not depend on the interpreter.
pytestmark = pytest.mark.once

EVERYONE = Hashing(KEY.key, everyone=True)
HASH, OTHER_HASH = KEY.of(PERSON), KEY.of(OTHER)
NOW = datetime.now(UTC)
AGO = NOW - timedelta(hours=1)


@pytest.fixture
def parts() -> Account:
    """Where one id covers several recipients."""
    return telling("mail", EVERYONE, ids=10)


async def take(pool: Pool, account: Account) -> Taken:
    at = await desk(pool, Teller(), account)
    return await intake(pool, {account.name: account}, {account.name: at.number}, hashing=account.hashing)


async def upkeep(pool: Pool, account: Account, *, starting: bool = False) -> dict[str, int]:
    at = await desk(pool, Teller(), account)
    numbers, known = {account.name: at.number}, {account.name: account}
    return await Upkeep(pool, known, numbers, Retention(), hashing=account.hashing).run(starting=starting)


async def recipients(pool: Pool) -> list[tuple[str, str, str]]:
    rows = await pool.fetch("select recipient, part, status from landed.messages order by id")
    return [(row["recipient"], row["part"], row["status"]) for row in rows]


@pytest.mark.parametrize("shape", SHAPES)
async def test_from_the_inbox_to_the_report_no_address_is_left(pool: Pool, shape: str) -> None:
    """In every shape; the provider's words are kept without what looks like an address."""
    account, provider = telling("mail", EVERYONE, **SHAPES[shape]), Teller()
    at = await desk(pool, provider, account)
    provider.recipients = {"m1": [PERSON, OTHER]}
    provider.texts = {PERSON: ("5.1.1", f"550 <{PERSON}> is unknown, planted@example.org is not", "")}
    for recipient in (PERSON, OTHER):
        await say(pool, provider_id="m1", recipient=recipient, reference=f"for {recipient[0]}", sent_at=AGO)

    assert await where(pool) == {"inbox"}

    await take(pool, account)
    provider.says(shape, "m1", "hard_bounced", AGO)
    await again(at)

    assert await recipients(pool) == [(HASH, HASH, "hard_bounced"), (OTHER_HASH, OTHER_HASH, "hard_bounced")]
    assert await where(pool) == set()
    details = await pool.fetch("select detail from landed.event where detail <> ''")
    assert [row["detail"] for row in details] == ["550 <…> is unknown, … is not"]
    assert await pool.fetchval("select count(*) from landed.journal") == 0


async def test_an_early_report_waits_under_the_hash_and_is_joined(pool: Pool) -> None:
    account, provider = telling("mail", EVERYONE, **SHAPES["queue"]), Teller()
    at = await desk(pool, provider, account)
    provider.recipients = {"m1": [PERSON]}
    provider.says("queue", "m1", "delivered", AGO)
    await again(at)

    assert await pool.fetchval("select part from landed.early") == HASH

    await say(pool, provider_id="m1", recipient=PERSON)
    await take(pool, account)

    assert await recipients(pool) == [(HASH, HASH, "delivered")]


async def test_what_blocks_an_address_blocks_it_and_a_person_can_unblock_it(pool: Pool, parts: Account) -> None:
    provider = Teller(known={"m1": "hard_bounced"}, recipients={"m1": [PERSON]})
    at = await desk(pool, provider, parts)
    await say(pool, provider_id="m1", recipient=PERSON, sent_at=AGO)
    await take(pool, parts)
    await again(at)
    await say(pool, reference="later", recipient=PERSON.lower(), status="pending")
    await take(pool, parts)

    assert [row[0] for row in await pool.fetch("select recipient from landed.blocked")] == [HASH]
    assert await recipients(pool) == [(HASH, HASH, "hard_bounced"), (HASH, HASH, "blocked")]

    async with pool.acquire() as connection:
        await suppression.unblock(connection, Channel.EMAIL, HASH, await clock(connection), "ann", "")
    await say(pool, reference="after", recipient=PERSON, status="pending")
    await take(pool, parts)

    assert (await recipients(pool))[-1] == (HASH, HASH, "pending")


async def test_a_sender_may_hash_by_itself_and_is_understood(pool: Pool, parts: Account) -> None:
    """An address and its hash name the same recipient."""
    await say(pool, provider_id="m1", recipient=HASH, sent_at=AGO)
    await take(pool, parts)
    await say(pool, provider_id="m1", recipient=PERSON, part=PERSON, sent_at=AGO)

    assert await take(pool, parts) == Taken(rows=1, known=1)
    assert await recipients(pool) == [(HASH, HASH, "sent")]


async def test_rows_put_aside_hold_a_hash_and_can_be_taken_in_later(pool: Pool, parts: Account) -> None:
    await say(pool, account="gone", provider_id="m1", recipient=PERSON, part=PERSON)
    await say(pool, account=PERSON, provider_id="m2", recipient=PERSON)
    await take(pool, parts)

    assert await where(pool) == set()

    async with pool.acquire() as connection:
        await inbox.retry_strays(connection)
    taken = await take(pool, telling("gone", EVERYONE))

    assert (taken.new, taken.strays) == (1, 1)
    assert await recipients(pool) == [(HASH, HASH, "sent")]


async def test_an_unknown_word_is_kept_without_the_address(pool: Pool, parts: Account) -> None:
    provider = Teller(known={"m1": f"bounced <{PERSON}>"}, recipients={"m1": [PERSON]})
    at = await desk(pool, provider, parts)
    await say(pool, provider_id="m1", recipient=PERSON, sent_at=AGO)
    await take(pool, parts)
    await again(at)

    assert await pool.fetchval("select word from landed.unknown_word") == "bounced <…>"
    assert await where(pool) == {"journal"}


async def test_what_was_recorded_before_is_hashed_by_upkeep(pool: Pool, parts: Account) -> None:
    """And meanwhile reports, and rows inserted again, find it under its address."""
    plain = telling("mail", PLAIN, ids=10)
    for recipient in (PERSON, OTHER):
        await say(pool, provider_id="m1", recipient=recipient, sent_at=AGO)
    await take(pool, plain)
    async with pool.acquire() as connection:
        await suppression.add(connection, [(Fact(Channel.EMAIL, PERSON.lower(), detail="planted"), AGO)], NOW, "ann")
        await suppression.unblock(connection, Channel.EMAIL, OTHER, NOW, "ann", "planted")
    provider = Teller(known={"m1": "deferred"}, recipients={"m1": [PERSON, OTHER]})
    at = await desk(pool, provider, parts)
    await again(at)
    await say(pool, provider_id="m1", recipient=PERSON, sent_at=AGO)

    assert await take(pool, parts) == Taken(rows=1, known=1)
    assert await recipients(pool) == [
        (PERSON.lower(), PERSON.lower(), "deferred"),
        (OTHER, OTHER, "deferred"),
    ]

    done = await upkeep(pool, parts)
    provider.known = {"m1": "delivered"}
    await again(at)

    assert done["recipients_hashed"] == 4
    assert await recipients(pool) == [(HASH, HASH, "delivered"), (OTHER_HASH, OTHER_HASH, "delivered")]
    assert await where(pool) == set()
    assert (await upkeep(pool, parts))["recipients_hashed"] == 0


async def test_a_worker_that_starts_asks_first_and_hashes_later(pool: Pool, parts: Account) -> None:
    """Hashing much takes long, and providers wait to be asked."""
    first, second = await upkeep(pool, parts, starting=True), await upkeep(pool, parts)

    assert "partitions_made" in first
    assert [name for name in second if name not in first and "recipients" in name] == ["recipients_hashed"]


async def test_a_message_recorded_twice_while_it_was_hashed_stays_two(pool: Pool, parts: Account) -> None:
    """It is never a reason to keep an address."""
    plain = telling("mail", PLAIN, ids=10)
    await say(pool, provider_id="m1", recipient=PERSON, sent_at=AGO)
    await take(pool, plain)
    await say(pool, provider_id="m1", recipient=HASH, sent_at=AGO)
    await take(pool, plain)
    await upkeep(pool, parts)

    first, second = await pool.fetch("select id, recipient, part from landed.messages order by id")
    assert (first["recipient"], second["recipient"], second["part"]) == (HASH, HASH, HASH)
    assert first["part"] == f"{HASH}+{first['id']}"


async def test_a_person_is_erased_by_address_and_by_hash(pool: Pool, parts: Account) -> None:
    """Answers and the provider's words go then, too."""
    provider = Teller(
        known={"m1": "deferred"}, recipients={"m1": [PERSON, OTHER]}, texts={"": ("", "full mailbox", "")}
    )
    at = await desk(pool, provider, parts)
    for recipient in (PERSON, OTHER):
        await say(pool, provider_id="m1", part=recipient, recipient=recipient, sent_at=AGO, response="planted")
    await take(pool, parts)
    await again(at)
    for whom in (PERSON, OTHER_HASH):
        await erase(pool, {"mail": parts}, EVERYONE, Request(whom, None, "ann"))

    assert await where(pool) == set()
    assert "full mailbox" not in json.dumps(await everything(pool))
    assert await statuses(pool) == {"m1": "delivered"}


async def test_a_worker_notes_the_key_and_refuses_another_or_none(pool: Pool) -> None:
    """Otherwise nothing would fit together any more, and nobody would notice."""
    async with pool.acquire() as connection:
        await hashing.keep(connection, PLAIN, NOW)
        await hashing.keep(connection, KEY, NOW)

        assert await connection.fetchval("select count(*) from landed.hashing") == 0

        await hashing.keep(connection, EVERYONE, NOW)

        assert await hashing.agreed(connection, KEY) == EVERYONE
        with pytest.raises(WrongKey, match="set LANDED_RECIPIENT_KEY to it"):
            await hashing.keep(connection, PLAIN, NOW)
        with pytest.raises(WrongKey, match="is another key"):
            await hashing.keep(connection, Hashing("x" * 32, everyone=True), NOW)

        await hashing.keep(connection, KEY, NOW)

        assert await hashing.agreed(connection, KEY) == KEY


async def test_the_key_is_in_no_table(pool: Pool, parts: Account) -> None:
    async with pool.acquire() as connection:
        await hashing.keep(connection, EVERYONE, NOW)
    await say(pool, provider_id="m1", recipient=PERSON)
    await take(pool, parts)
    await erase(pool, {"mail": parts}, EVERYONE, Request(PERSON, None, "ann"))

    assert KEY.key is not None
    assert KEY.key not in json.dumps(await everything(pool))
    assert KEY.key not in repr(parts)
