"""Pages of messages: by key, in every order and under every filter, they join up to the whole."""

import random
from collections.abc import Sequence
from datetime import timedelta

import asyncpg
import pytest

from rules.reports import Word
from rules.statuses import Channel, Reason, Source, Status
from store import listing, messages, reports
from store.connections import Connection
from store.listing import Filter, Order, Span, Way
from store.reports import Said
from tests.store.written import NOW, account, record, recording

#: It does not depend on the interpreter.
pytestmark = pytest.mark.once

MANY = 60


@pytest.fixture
async def number(db: asyncpg.Connection) -> int:
    """A communication of `MANY` messages of two accounts that stand in several ways, and as many others."""
    chance = random.Random(7)  # noqa: S311 - which messages stand how
    for name in ("acme", "zenith"):
        which = await account(db, name)
        await record(
            db,
            [
                recording(
                    which,
                    f"{name}-{n}",
                    reference=f"order_{n}%",
                    recipient=chance.choice(["ann@example.com", "bob@example.com", f"p{n}@example.com", ""]),
                    channel=chance.choice([Channel.EMAIL, Channel.SMS]),
                    communication=("launch", "other")[n % 2],
                )
                for n in range(MANY)
            ],
        )
        words = (
            Word(Status.DELIVERED.bit, NOW + timedelta(seconds=chance.randrange(5))),
            Word(Status.HARD_BOUNCED.bit, NOW, Reason.INVALID_ADDRESS, "550"),
            Word(Status.DEFERRED.bit, NOW),
        )
        said = [Said(chance.choice(words), f"{name}-{n}") for n in range(MANY) if n % 3]
        await reports.apply(db, which, Source.POLL, NOW, said)
    found = await messages.communication(db, "launch")
    assert found is not None
    return found


async def whole(db: Connection, number: int, wanted: Filter, order: Order, *, down: bool, limit: int) -> list[int]:
    found: list[int] = []
    after = None
    while rows := await listing.page(db, number, wanted, limit, order=order, down=down, after=after):
        found += [row["id"] for row in rows]
        after = listing.place(rows[-1], order)
    return found


def expected(rows: Sequence[asyncpg.Record], order: Order, *, down: bool) -> list[int]:
    keys = {Order.RECORDING: "id", Order.RECIPIENT: "recipient", Order.TIME: "status_at"}
    return [row["id"] for row in sorted(rows, key=lambda row: (row[keys[order]], row["id"]), reverse=down)]


@pytest.mark.parametrize("down", [False, True])
@pytest.mark.parametrize("order", list(Order))
async def test_pages_join_up_to_the_whole_communication(
    db: asyncpg.Connection, number: int, order: Order, *, down: bool
) -> None:
    rows = await db.fetch("select * from landed.message where communication = $1", number)

    for limit in (1, 7, 1000):
        assert expected(rows, order, down=down) == await whole(db, number, Filter(), order, down=down, limit=limit)


@pytest.mark.parametrize("down", [False, True])
@pytest.mark.parametrize("order", list(Order))
async def test_what_comes_before_a_page_is_what_comes_after_it_the_other_way_round(
    db: asyncpg.Connection, number: int, order: Order, *, down: bool
) -> None:
    first = await listing.page(db, number, Filter(), 9, order=order, down=down)
    second = await listing.page(db, number, Filter(), 9, order=order, down=down, after=listing.place(first[-1], order))
    before = listing.place(second[0], order)

    back = await listing.page(db, number, Filter(), 9, order=order, down=not down, after=before)

    assert [row["id"] for row in first] == [row["id"] for row in reversed(back)]


async def test_a_page_has_what_is_filtered_and_nothing_else(db: asyncpg.Connection, number: int) -> None:
    rows = await db.fetch("select * from landed.message where communication = $1", number)
    bounced = [row for row in rows if row["status"] == Status.HARD_BOUNCED]
    ways = frozenset(Way(row["channel"], row["heard"], row["reason"]) for row in bounced)
    zenith = await account(db, "zenith")

    for wanted, kept in {
        Filter(ways=ways): bounced,
        Filter(ways=frozenset()): [],
        Filter(account=zenith): [row for row in rows if row["account"] == zenith],
        Filter(channel=Channel.SMS): [row for row in rows if row["channel"] == Channel.SMS],
        Filter(text="ANN@"): [row for row in rows if row["recipient"].startswith("ann@")],
        Filter(text="ann@", recipients=False): [],
        # Who may not see recipients cannot guess at an address in a name by its parts.
        Filter(text="order_1", recipients=False): [],
        Filter(text="ORDER_10%", recipients=False): [row for row in rows if row["reference"] == "order_10%"],
        Filter(text="order_1"): [row for row in rows if row["reference"].startswith("order_1")],
        Filter(text="acme-1"): [row for row in rows if row["provider_id"].startswith("acme-1")],
        # A pattern's own characters mean themselves.
        Filter(text="r_1%"): [row for row in rows if "r_1%" in row["reference"]],
        Filter(text="_"): rows,
        Filter(text="1_"): [],
    }.items():
        found = await listing.page(db, number, wanted, 1000)

        assert expected(kept, Order.RECORDING, down=False) == [row["id"] for row in found], wanted


async def test_all_messages_come_newest_first_over_accounts_and_communications(
    db: asyncpg.Connection, number: int
) -> None:
    del number
    rows = await db.fetch("select * from landed.message order by id desc")
    span = Span()
    first, before = await listing.ends(db, None, span)
    found: list[int] = []
    while page := await listing.everywhere(db, Filter(), span, 7, first=first, before=before):
        found += [row["id"] for row in page]
        before = page[-1]["id"]
    up = await listing.everywhere_up(db, Filter(), span, 7, after=found[20], last=found[0])

    assert [row["id"] for row in rows] == found
    assert list(reversed(found[13:20])) == [row["id"] for row in up]


async def test_all_messages_of_a_time_are_found_between_ids(db: asyncpg.Connection, number: int) -> None:
    del number
    await db.execute("update landed.message set recorded_at = $1::timestamptz + id * interval '1 hour'", NOW)
    ids = [row["id"] for row in await db.fetch("select id from landed.message order by id")]
    middle = ids[len(ids) // 3 : len(ids) // 2]
    hour = timedelta(hours=1)
    span = Span(NOW + middle[0] * hour, NOW + (middle[-1] + 1) * hour)

    first, before = await listing.ends(db, None, span)
    found = await listing.everywhere(db, Filter(), span, 1000, first=first, before=before)

    assert middle == [row["id"] for row in reversed(found)]
    # Narrowed, by no more than what disorder there may be.
    assert middle[0] - 1 <= first <= middle[0]
    assert middle[-1] < before <= middle[-1] + 2
    assert await listing.ends(db, 9999, span) == (0, 0)


async def test_everything_sent_to_one_recipient_is_found(db: asyncpg.Connection, number: int) -> None:
    del number
    rows = await db.fetch("select * from landed.message where recipient = 'bob@example.com' order by id desc")
    found = await listing.to_recipient(db, "bob@example.com", None, None, 1000)
    sms = await listing.to_recipient(db, "bob@example.com", None, Channel.SMS, 1000)
    later = await listing.to_recipient(db, "bob@example.com", None, None, 1000, found[2]["id"])

    assert [row["id"] for row in rows] == [row["id"] for row in found]
    assert [row["id"] for row in rows if row["channel"] == Channel.SMS] == [row["id"] for row in sms]
    assert [row["id"] for row in rows[3:]] == [row["id"] for row in later]
    assert await listing.to_recipient(db, "", None, None, 10) == []


async def test_a_message_is_found_by_each_of_its_names(db: asyncpg.Connection, number: int) -> None:
    del number
    row = await db.fetchrow("select * from landed.message where recipient like 'p%' and account = 1 limit 1")
    assert row is not None
    for name in (str(row["id"]), row["provider_id"], row["reference"], row["recipient"]):
        found = await listing.named(db, name, name, None, 10)

        assert row["id"] in [one["id"] for one in found], name

    assert await listing.named(db, row["recipient"], None, None, 10) == []


async def test_ways_of_a_stretch(db: asyncpg.Connection, number: int) -> None:
    del number
    rows = await db.fetch("select * from landed.message where account = 1 order by id")
    some = rows[5:20]
    expected_ways = {Way(row["channel"], row["heard"], row["reason"]) for row in some}

    assert expected_ways == await listing.ways_between(db, 1, some[0]["id"], some[-1]["id"] + 1)
