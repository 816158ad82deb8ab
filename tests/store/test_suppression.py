"""Which addresses are blocked follows from the facts, in whatever order they become known."""

from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from itertools import permutations

import asyncpg
import pytest

from rules.reports import Word
from rules.statuses import Channel, Engagement, Reason, Source, Status
from rules.suppression import Triggers, blocks, is_blocked
from store import reports, suppression
from store.reports import Said
from store.suppression import Fact
from tests.store.written import NOW, account, record, recorded, recording

SMS = int(Channel.SMS)
ANN = "+447700900001"
DAY = timedelta(days=1)


def said(word: Word, name: str) -> Said:
    channels = sum(1 << channel for channel in Channel if blocks(word, Triggers()))
    return Said(word, name, blocks=channels)


async def facts(db: asyncpg.Connection) -> set[tuple[str, int]]:
    rows = await db.fetch("select recipient, bits from landed.suppression")
    return {(row["recipient"], row["bits"]) for row in rows}


@pytest.mark.parametrize(
    "words",
    [
        (Word(Status.FAILED.bit, NOW, Reason.UNKNOWN), Word(Status.FAILED.bit, NOW + DAY, Reason.SUPPRESSED)),
        (Word(Status.DELIVERED.bit, NOW), Word(Status.HARD_BOUNCED.bit, NOW, Reason.INVALID_ADDRESS)),
        (Word(Status.DELIVERED.bit, NOW), Word(Engagement.COMPLAINED.bit | Status.DELIVERED.bit, NOW)),
        (Word(Status.NOT_SENT.bit, NOW), Word(Status.NOT_SENT.bit, NOW + DAY, Reason.OPTED_OUT)),
    ],
)
async def test_what_blocks_an_address_blocks_it_in_any_order_also_where_it_is_no_news(
    db: asyncpg.Connection, words: tuple[Word, ...]
) -> None:
    """cds: a bounce after delivered counts. Listmonk: a bounce that was found, but not matched."""
    expected = set()
    for n, order in enumerate(permutations(words)):
        address = f"{ANN}{n}"
        await recorded(db, [f"m{n}"], recipient=address)
        for word in [*order, *order]:
            await reports.apply(db, 1, Source.POLL, NOW, [said(word, f"m{n}")])
        expected.add((address, next(word.bits for word in words if blocks(word, Triggers()))))

    assert await facts(db) == expected


async def test_a_block_is_of_the_channel_and_of_the_message_that_earned_it(db: asyncpg.Connection) -> None:
    number = await account(db)
    await record(db, [recording(number, "a", recipient=ANN, sent_at=NOW - DAY), recording(number, "b", recipient="")])
    word = Word(Status.HARD_BOUNCED.bit, NOW, Reason.INVALID_ADDRESS, "30005", detail="no such number")
    await reports.apply(db, number, Source.FEED, NOW, [said(word, "a"), said(word, "b")])

    assert await suppression.blocked_among(db, [(SMS, ANN), (1, ANN), (SMS, "")]) == {(SMS, ANN)}
    (proof,) = await suppression.proof(db, SMS, ANN)
    assert (proof["at"], proof["account"], proof["bits"]) == (NOW - DAY, "acme", Status.HARD_BOUNCED.bit)
    assert (proof["reason"], proof["code"], proof["detail"]) == (1, "30005", "no such number")


async def test_blocks_only_where_the_word_blocks(db: asyncpg.Connection) -> None:
    """`blocks` names channels: what is asked for on email does not block a number."""
    await recorded(db, ["a"], recipient=ANN)
    word = Word(Status.FAILED.bit, NOW, Reason.SPAM)
    await reports.apply(db, 1, Source.POLL, NOW, [Said(word, "a", blocks=1 << Channel.EMAIL)])

    assert await facts(db) == set()


Step = Callable[[asyncpg.Connection, datetime], Awaitable[object]]


def block(at: datetime) -> Step:
    async def step(db: asyncpg.Connection, now: datetime) -> int:
        return await suppression.add(db, [(Fact(SMS, ANN, message=int(at.timestamp())), at)], now)

    return step


def unblock(at: datetime) -> Step:
    async def step(db: asyncpg.Connection, _now: datetime) -> bool:
        return await suppression.unblock(db, SMS, ANN, at, "someone", "they asked")

    return step


@pytest.mark.parametrize("blocked", [[0], [0, 2], [2], [1]])
@pytest.mark.parametrize("unblocked", [[], [1], [1, 3]])
async def test_blocking_and_unblocking_come_to_the_same_in_any_order(
    db: asyncpg.Connection, blocked: list[int], unblocked: list[int]
) -> None:
    steps = [block(NOW + n * DAY) for n in blocked] + [unblock(NOW + n * DAY) for n in unblocked]
    expected = is_blocked([NOW + n * DAY for n in blocked], [NOW + n * DAY for n in unblocked])
    found = set()
    for order in permutations(steps):
        await db.execute("truncate landed.suppression, landed.unblocking")
        for step in [*order, order[0]]:
            await step(db, NOW)
        among = await suppression.blocked_among(db, [(SMS, ANN)]) == {(SMS, ANN)}
        asked = await db.fetchval("select landed.is_blocked('sms', $1)", ANN)
        listed = [row["recipient"] for row in await suppression.page(db, None, ("", 0), 10)] == [ANN]
        seen = await db.fetchval("select count(*) = 1 from landed.blocked")
        found.add((among, asked, listed, seen))

    assert found == {(expected,) * 4}


async def test_unblocking_says_whether_anything_had_blocked_and_is_on_record_with_who_and_when(
    db: asyncpg.Connection,
) -> None:
    said_so = [await suppression.unblock(db, SMS, ANN, NOW, "ann", "a typing mistake")]
    await suppression.add(db, [(Fact(SMS, ANN, detail="a letter"), NOW - DAY)], NOW, "bob")
    said_so.append(await suppression.unblock(db, SMS, ANN, NOW + DAY, "ann", "she asked"))

    assert said_so == [False, True]
    proof = await suppression.proof(db, SMS, ANN)
    assert [(row["what"], row["at"], row["by"], row["detail"]) for row in proof] == [
        ("blocked", NOW - DAY, "bob", "a letter"),
        ("unblocked", NOW, "ann", "a typing mistake"),
        ("unblocked", NOW + DAY, "ann", "she asked"),
    ]


async def test_the_list_of_the_blocked_is_read_page_by_page_without_gap_or_repeat(db: asyncpg.Connection) -> None:
    addresses = {(channel, f"+44770090{n:04}") for channel in (SMS, int(Channel.VOICE)) for n in range(25)}
    await suppression.add(db, [(Fact(*address), NOW) for address in sorted(addresses)], NOW, "someone")
    found: list[tuple[int, str]] = []
    after = ("", 0)
    while rows := await suppression.page(db, None, after, 7):
        found += [(row["channel"], row["recipient"]) for row in rows]
        after = rows[-1]["recipient"], rows[-1]["channel"]

    assert len(found) == 50
    assert set(found) == addresses
    assert len(await suppression.page(db, SMS, ("", 0), 100)) == 25


SOFT = Word(Status.SOFT_BOUNCED.bit, NOW, Reason.MAILBOX_FULL)


async def soft_bounces(db: asyncpg.Connection, communications: list[str | None], **given: object) -> None:
    number = await account(db)
    start = await db.fetchval("select count(*) from landed.message")
    names = [f"s{start + n}" for n in range(len(communications))]
    batch = [
        recording(number, name, communication=about, **{"recipient": ANN, **given})
        for name, about in zip(names, communications, strict=True)
    ]
    await record(db, batch)
    await reports.apply(db, number, Source.POLL, NOW, [said(SOFT, name) for name in names])


async def count_soft(db: asyncpg.Connection, now: datetime = NOW) -> int:
    return await suppression.block_soft_bouncers(db, SMS, 3, 90 * DAY, NOW - DAY, now)


async def test_soft_bounces_of_enough_different_communications_block(db: asyncpg.Connection) -> None:
    counts = []
    for communications in (["a", "a", "a", "b"], [None]):
        await soft_bounces(db, list(communications))
        counts.append(await count_soft(db))
    counts.append(await count_soft(db))

    assert counts == [0, 1, 0]
    assert await suppression.blocked_among(db, [(SMS, ANN)]) == {(SMS, ANN)}


async def test_soft_bounces_do_not_block_after_a_delivery_nor_from_too_long_ago_nor_of_other_channels(
    db: asyncpg.Connection,
) -> None:
    number = await account(db)
    await soft_bounces(db, ["a", "b", "c"], recipient="delivered")
    await record(db, [recording(number, "d", recipient="delivered", words=(Word(Status.DELIVERED.bit, NOW),))])
    await soft_bounces(db, ["a", "b", "c"], recipient="long ago", sent_at=NOW - 91 * DAY)
    await soft_bounces(db, ["a", "b", "c"], recipient="voice", channel=int(Channel.VOICE))

    assert await count_soft(db) == 0


async def test_soft_bounces_of_messages_sent_before_an_unblocking_do_not_count(db: asyncpg.Connection) -> None:
    await soft_bounces(db, ["a", "b", "c"])
    counts = [await count_soft(db)]
    await suppression.unblock(db, SMS, ANN, NOW + DAY / 2, "someone", "")
    await soft_bounces(db, ["d", "e"], sent_at=NOW + DAY)
    counts.append(await count_soft(db))
    await soft_bounces(db, ["f"], sent_at=NOW + DAY)
    counts.append(await count_soft(db))

    assert counts == [1, 0, 1]
