"""Whoever is erased is nowhere any more, and nothing else has changed: counts, blocks, late reports."""

import asyncio
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from rules.hashing import Hashing
from rules.statuses import Channel
from store import inbox, journal, suppression
from store.connections import Pool
from store.hashing import WrongKey
from store.journal import Answer
from store.suppression import Fact
from tests.worker.pretend import budget, desk, statuses
from tests.worker.telling import SHAPES, Teller, everything, telling
from worker.accounts import Account
from worker.desk import Desk
from worker.erasing import COUNTS, Erased, Request, erase
from worker.intake import Taken, intake
from worker.poll import poll
from worker.reread import reread

#: It does not depend on the interpreter.
pytestmark = pytest.mark.once

KEY = Hashing("a key of the tests that is never written down")
PERSON = "Planted.Person@Example.org"
OTHER = "somebody.else@example.org"
NUMBER = "+44 7700 900123"
HASH, NUMBER_HASH = KEY.of(PERSON), KEY.of(NUMBER)

#: What must be nowhere, in small letters: addresses and texts. Each text says where it was planted.
PLANTED = ("planted", "7700900123", "900123")

NOW = datetime.now(UTC).replace(microsecond=0)
AGO = NOW - timedelta(hours=1)


class Killed(BaseException):
    """The process ends here."""


@pytest.fixture
def parts() -> Account:
    """Where one id covers several recipients."""
    return telling("mail", KEY, ids=10)


@pytest.fixture
def single() -> Account:
    """Where each recipient has an id."""
    return telling("text", KEY, ids=10, parts=False)


async def say(pool: Pool, **row: object) -> None:
    """A sender's plain INSERT."""
    row = {"account": "mail", "channel": "email", **row}
    places = ", ".join(f"${number}" for number in range(1, len(row) + 1))
    await pool.execute(f"insert into landed.inbox ({', '.join(row)}) values ({places})", *row.values())  # noqa: S608


async def take(pool: Pool, *known: Account) -> Taken:
    desks = [await desk(pool, Teller(), one) for one in known]
    numbers = {one.account.name: one.number for one in desks}
    return await intake(pool, {one.name: one for one in known}, numbers, hashing=known[0].hashing)


async def gone(
    pool: Pool, *known: Account, recipient: str = PERSON, channel: Channel | None = None, note: str = ""
) -> Erased:
    return await erase(pool, {one.name: one for one in known}, KEY, Request(recipient, channel, "ann", note))


async def where(pool: Pool) -> set[str]:
    """The tables that hold anything planted; days of history count as one."""
    found = await everything(pool)
    return {name.removesuffix("_default") for name, text in found.items() if any(one in text for one in PLANTED)}


async def totals(pool: Pool) -> list[tuple[Any, ...]]:
    """What reports count."""
    rows = await pool.fetch(
        "select c.id, m.channel, m.heard, m.reason, count(*) from landed.message m"
        " left join landed.communication c on c.id = m.communication group by 1, 2, 3, 4 order by 1, 2, 3, 4"
    )
    return [tuple(row) for row in rows]


async def again(at: Desk) -> None:
    """Ask about everything once more."""
    await at.pool.execute("update landed.account set next_read_at = null, lease_until = null, ask_after = null")
    await at.pool.execute("update landed.watch set next_look_at = now()")
    await poll(at, "w", budget())


@pytest.fixture
async def filled(pool: Pool, parts: Account, single: Account) -> Pool:
    """A database in which the person is in every table that can hold one."""
    for recipient in (PERSON, OTHER):
        await say(pool, provider_id="m1", part=recipient, recipient=recipient, communication="May", sent_at=AGO)
    await say(pool, account="text", channel="sms", provider_id="s1", recipient=NUMBER)
    await say(pool, account="text", provider_id="s2", recipient=PERSON, communication="For planted.person@example.org")
    named = {"reference": "ref-planted.person@example.org-1", "responded_at": AGO, "response": "planted answer"}
    await say(pool, account="text", provider_id="s3", recipient=PERSON, **named)
    await take(pool, parts, single)

    mail, text = Teller(), Teller()
    mail.known, mail.recipients = {"m1": "deferred"}, {"m1": [PERSON, OTHER]}
    mail.texts = {
        PERSON: ("450 planted.person@example.org", "550 <planted.person@example.org> planted in a detail", ""),
        OTHER: ("450", "try again later", ""),
    }
    text.known, text.texts = {"s1": "deferred", "s2": "hard_bounced"}, {"": ("", "planted for +447700900123", "")}
    at_mail, at_text = await desk(pool, mail, parts), await desk(pool, text, single)
    await again(at_mail)
    await again(at_text)
    async with pool.acquire() as connection:
        await suppression.add(
            connection, [(Fact(Channel.EMAIL, PERSON.lower(), detail="planted why"), AGO)], NOW, "ann"
        )
        await suppression.add(connection, [(Fact(Channel.SMS, "+447700900123"), AGO)], NOW, "ann")
        await suppression.unblock(connection, Channel.SMS, "+447700900123", NOW, "ann", "planted note")
        for said in ANSWERS:
            number = await journal.keep(connection, at_mail.number, "drain", said, "planted.person@example.org", NOW)
            if said.status == 200:
                await journal.mark_read(connection, number, NOW, "drain", None)
        await journal.quarantine(connection, at_mail.number, {"to planted.person@example.org": (1, "m1")}, NOW)
    await pool.execute("update landed.account set paused_why = 'for planted.person@example.org' where name = 'text'")
    # Reports whose message is not recorded, rows that wait, and rows that cannot be taken in.
    mail.known, mail.recipients = {"m9": "delivered"}, {"m9": [PERSON]}
    mail.texts = {PERSON: ("", "", "planted early answer")}
    await say(pool, provider_id="m9", part=OTHER)
    await take(pool, parts, single)
    await again(at_mail)
    await say(pool, account="nobody", provider_id="x", recipient=PERSON, response="planted in a stray")
    await say(pool, account=PERSON, provider_id="x", recipient=PERSON)
    await pool.execute(
        "insert into landed.inbox (account, channel, provider_id, recipient, sent_at)"
        " values ('text', 'email', 'odd', $1, 'infinity')",
        PERSON,
    )
    await take(pool, parts, single)
    await say(pool, provider_id="m2", part=PERSON, response="planted and waiting")
    await say(pool, account="text", provider_id="s2", response="planted by id alone")
    await say(pool, account="text", provider_id="s4", recipient=OTHER, response="see planted.person@example.org")
    return pool


BODY = {
    "items": [["m1", "no word", 1.0, "", "", PERSON, "planted in an answer"], ["m1", "no word", 1.0, "", "", OTHER]]
}

#: Raw answers: one that was read, one that waits, one that is no JSON.
ANSWERS = [
    Answer({"shape": "take"}, 200, {}, json.dumps(BODY).encode()),
    Answer({"shape": "take"}, 201, {"date": "today"}, json.dumps(BODY).encode()),
    Answer({"shape": "take"}, 202, {}, b"<to>planted.person%40example.org</to> planted rubbish"),
]

#: Every table that holds the person before.
TABLES = {
    "message", "watch", "event", "inbox", "stray", "early", "journal", "unknown_word", "suppression", "unblocking",
    "communication", "account",
}  # fmt: skip


async def test_whoever_is_erased_is_in_no_table_any_more_and_totals_stay(
    filled: Pool, parts: Account, single: Account
) -> None:
    before = await totals(filled)

    assert await where(filled) == TABLES

    done = await gone(filled, parts, single, note="planted.person@example.org asked for it")
    await gone(filled, parts, single, recipient=NUMBER)

    assert await where(filled) == set()
    assert await totals(filled) == before
    assert done.recipient == HASH
    assert done.complete


async def test_what_an_erasure_did_is_recorded_without_the_address(
    filled: Pool, parts: Account, single: Account
) -> None:
    done = await gone(filled, parts, single, note="planted.person@example.org asked for it")

    row = await filled.fetchrow(
        "select recipient, channel, by, note, counts, at > now() - '1m'::interval as lately from landed.erasure"
    )
    assert row is not None
    assert (row["recipient"], row["channel"], row["by"], row["note"]) == (HASH, None, "ann", "… asked for it")
    assert json.loads(row["counts"]) == done.counts
    assert row["lately"]
    assert {name for name, many in done.counts.items() if many} == set(COUNTS)


async def test_others_lose_nothing(filled: Pool, parts: Account, single: Account) -> None:
    """Neither who shares an id with the person, nor what a row of theirs says besides, nor their half of an answer."""
    await gone(filled, parts, single)
    await filled.execute("update landed.inbox set response = null where provider_id <> 's4'")

    rows = await filled.fetch("select part, recipient, response from landed.message where part = $1 order by id", OTHER)
    assert {row["recipient"] for row in rows} == {OTHER, ""}
    details = await filled.fetch(
        "select e.detail from landed.event e join landed.message m on m.id = e.message"
        " where m.part = $1 and e.kind = 2",
        OTHER,
    )
    assert [row["detail"] for row in details] == ["try again later"]
    assert await filled.fetchval("select response from landed.inbox where provider_id = 's4'") == "see …"
    kept = await filled.fetch("select body from landed.journal")
    assert [json.loads(row["body"])["items"] for row in kept] == [[BODY["items"][1]]]


async def test_blocks_survive_and_so_do_unblockings(filled: Pool, parts: Account, single: Account) -> None:
    """A new message to the address is blocked, and one to an address that was unblocked is not."""
    await gone(filled, parts, single)
    await gone(filled, parts, single, recipient=NUMBER)
    await say(filled, account="text", reference="new", recipient=PERSON.upper(), status="pending")
    await say(filled, account="text", channel="sms", reference="again", recipient=NUMBER, status="pending")
    await take(filled, parts, single)

    rows = await filled.fetch(
        "select reference, status, recipient from landed.messages where reference in ('new', 'again')"
    )
    assert {tuple(row) for row in rows} == {("new", "blocked", HASH), ("again", "pending", NUMBER_HASH)}
    async with filled.acquire() as connection:
        asked = [(int(Channel.EMAIL), PERSON.lower()), (int(Channel.SMS), "+447700900123")]
        assert await suppression.blocked_among(connection, asked, KEY) == {asked[0]}


async def test_what_waited_is_taken_in_afterwards_and_finds_its_message(
    filled: Pool, parts: Account, single: Account
) -> None:
    """A report that came before its message, rows of the inbox, and a row put aside once it can be understood."""
    await gone(filled, parts, single)
    await gone(filled, parts, single, recipient=NUMBER)
    await say(filled, provider_id="m9", part=PERSON)
    async with filled.acquire() as connection:
        await inbox.retry_strays(connection)
    taken = await take(filled, parts, single, telling("nobody", KEY, parts=False))

    assert taken.strays == 2
    rows = await filled.fetch("select provider_id, status, part, recipient, response from landed.messages order by id")
    assert {row["provider_id"]: tuple(row)[1:] for row in rows if row["part"] != OTHER} == {
        "m1": ("deferred", HASH, HASH, None),
        "m2": ("delivered", HASH, "", ""),
        "m9": ("delivered", HASH, "", ""),
        "s1": ("deferred", "", NUMBER_HASH, None),
        "s2": ("delivered", "", HASH, ""),
        "s3": ("delivered", "", HASH, ""),
        "s4": ("delivered", "", OTHER, "see …"),
        "x": ("delivered", "", HASH, ""),
    }
    assert await where(filled) == set()


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("shared", [True, False], ids=["several to an id", "one to an id"])
async def test_late_reports_still_find_their_message_in_every_shape(pool: Pool, shape: str, *, shared: bool) -> None:
    """And bring no text and no address back, also where they name the recipient themselves."""
    account, provider = telling("mail", KEY, parts=shared, **SHAPES[shape]), Teller()
    at = await desk(pool, provider, account)
    provider.recipients = {"m1": [PERSON, OTHER]} if shared else {}
    said = f"planted for {PERSON}"
    provider.texts = {"": ("", said, ""), OTHER: ("", "", "")}
    people = [PERSON, OTHER] if shared else [PERSON]
    for recipient in people:
        await say(pool, provider_id="m1", recipient=recipient, sent_at=AGO, communication="May")
    await take(pool, account)
    provider.says(shape, "m1", "deferred", AGO)
    await again(at)

    assert {"event", "message"} <= await where(pool)

    await gone(pool, account)
    provider.texts |= {"": ("", said, "planted answer")}
    provider.says(shape, "m1", "hard_bounced", AGO + timedelta(minutes=1))
    await again(at)
    await again(at)

    rows = await pool.fetch("select recipient, status, part from landed.messages order by id")
    assert [tuple(row) for row in rows] == [
        (one, "delivered" if one == HASH else "hard_bounced", one if shared else "")
        for one in [HASH, OTHER][: len(people)]
    ]
    assert await where(pool) == set()
    assert await pool.fetchval("select count(*) from landed.early") == 0


async def test_twice_is_harmless_and_finds_nothing_more(filled: Pool, parts: Account, single: Account) -> None:
    await gone(filled, parts, single)
    before = await everything(filled)
    second = await gone(filled, parts, single)
    after = await everything(filled)

    assert set(second.counts.values()) == {0}
    assert {name for name in after if after[name] != before[name]} == {"erasure"}


async def test_what_is_said_again_after_an_erasure_brings_nothing_back(
    filled: Pool, parts: Account, single: Account
) -> None:
    """A relay that inserts its rows once more (the inbox promises that this is harmless)."""
    await gone(filled, parts, single)
    await take(filled, parts, single)
    messages_before = await filled.fetchval("select count(*) from landed.message")
    again = {"reference": "ref-planted.person@example.org-1", "responded_at": AGO, "response": "planted answer"}
    await say(filled, provider_id="m1", part=PERSON, recipient=PERSON, communication="May", sent_at=AGO)
    await say(filled, account="text", provider_id="s3", recipient=PERSON, **again)
    taken = await take(filled, parts, single)

    assert taken == Taken(rows=2, known=2)
    assert await filled.fetchval("select count(*) from landed.message") == messages_before
    await gone(filled, parts, single, recipient=NUMBER)
    assert await where(filled) == set()


async def test_on_one_channel_the_others_stay(pool: Pool, single: Account) -> None:
    for channel in ("sms", "voice"):
        await say(pool, account="text", channel=channel, provider_id=channel, recipient=NUMBER)
    await take(pool, single)
    async with pool.acquire() as connection:
        facts = [(Fact(channel, "+447700900123"), AGO) for channel in (Channel.SMS, Channel.VOICE)]
        await suppression.add(connection, facts, NOW, "ann")

    await gone(pool, single, recipient=NUMBER, channel=Channel.SMS)
    for channel in ("sms", "voice"):
        await say(pool, account="text", channel=channel, reference=f"later {channel}", recipient=NUMBER)
    await take(pool, single)

    rows = await pool.fetch("select channel, recipient, count(*) from landed.messages group by 1, 2 order by 1")
    assert [tuple(row) for row in rows] == [("sms", NUMBER_HASH, 2), ("voice", "+447700900123", 2)]
    blocked = await pool.fetch("select channel, recipient from landed.blocked order by 1")
    assert [tuple(row) for row in blocked] == [("sms", NUMBER_HASH), ("voice", "+447700900123")]


async def test_an_erasure_that_was_killed_is_finished_by_the_next(
    filled: Pool, parts: Account, single: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    def killed(*_: object) -> None:
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr("store.erasing.strays", killed)
        with pytest.raises(Killed):
            await gone(filled, parts, single)
    await gone(filled, parts, single)
    await gone(filled, parts, single, recipient=NUMBER)

    assert await where(filled) == set()
    assert await filled.fetch("select 1 from landed.erasure where counts is null") != []


PLAIN = "select count(*) from landed.message where erased_at is null"


async def test_what_is_being_taken_in_meanwhile_is_waited_for(pool: Pool, parts: Account, single: Account) -> None:
    """A transaction that began before an erasure, and writes the address after its first pass."""
    await say(pool, account="text", provider_id="s1", recipient=PERSON)
    await take(pool, parts, single)
    number = await pool.fetchval("select id from landed.account where name = 'text'")
    async with pool.acquire() as late:
        transaction = late.transaction()
        await transaction.start()
        await late.execute("select pg_current_xact_id()")
        erasing = asyncio.ensure_future(gone(pool, parts, single))
        while await pool.fetchval(PLAIN):  # noqa: ASYNC110 - Postgres sets no event
            await asyncio.sleep(0.01)
        await late.execute(
            "insert into landed.message (id, heard, account, channel, status, status_at, recorded_at, provider_id,"
            " recipient) values (999, 2, $1, 1, 1, now(), now(), 'late', $2)",
            number,
            PERSON.lower(),
        )

        assert not erasing.done()

        await transaction.commit()
    done = await erasing

    assert done.complete
    assert done.counts["messages"] == 2
    assert await where(pool) == set()


async def test_a_transaction_that_never_ends_is_told(pool: Pool, parts: Account) -> None:
    async with pool.acquire() as late, late.transaction():
        await late.execute("select pg_current_xact_id()")
        request = Request(PERSON, None, "ann")
        done = await erase(pool, {"mail": parts}, KEY, request, patience=timedelta(milliseconds=50))

    assert not done.complete


async def test_another_key_and_no_key_are_refused_and_change_nothing(pool: Pool, single: Account) -> None:
    await say(pool, account="text", provider_id="s1", recipient=PERSON)
    await take(pool, single)
    await gone(pool, single, recipient=NUMBER)
    before = await everything(pool)

    other = Hashing("a key that nobody has hashed anything with yet")
    with pytest.raises(WrongKey, match="is another key than the one"):
        await erase(pool, {"text": single}, other, Request(PERSON, None, "ann"))
    with pytest.raises(ValueError, match="no key"):
        await erase(pool, {"text": single}, Hashing(), Request(PERSON, None, "ann"))
    assert await everything(pool) == before


async def test_many_messages_are_erased_in_chunks(pool: Pool, single: Account) -> None:
    for n in range(1203):
        await say(pool, account="text", provider_id=f"s{n}", recipient=PERSON)
    await take(pool, single)
    done = await gone(pool, single)

    assert done.counts["messages"] == 1203
    assert await where(pool) == set()


async def test_an_erased_message_settles_as_any_other(pool: Pool, parts: Account) -> None:
    """It is asked about under its id, and its state is joined as before."""
    provider = Teller()
    at = await desk(pool, provider, parts)
    await say(pool, provider_id="m1", recipient=PERSON, sent_at=NOW - timedelta(days=4))
    await take(pool, parts)
    await gone(pool, parts)
    await again(at)

    assert await statuses(pool) == {"m1": "timed_out"}


async def test_a_kept_answer_about_the_person_can_still_be_read_by_the_others(pool: Pool, parts: Account) -> None:
    """What is left of an answer in the journal is read again once the adapter knows the word."""
    at = await desk(pool, Teller(), parts)
    for recipient in (PERSON, OTHER):
        await say(pool, provider_id="m1", recipient=recipient)
    await take(pool, parts)
    async with pool.acquire() as connection:
        await journal.keep(connection, at.number, "unknown", ANSWERS[1], None, NOW)
    await gone(pool, parts)
    body = await pool.fetchval("select body from landed.journal")
    await pool.execute("update landed.journal set body = $1", body.replace(b"no word", b"delivered"))
    await reread(pool, {"mail": parts})

    rows = await pool.fetch("select recipient, status from landed.messages order by id")
    assert [tuple(row) for row in rows] == [(HASH, "sent"), (OTHER, "delivered")]


MESSAGES = "select count(*) from landed.message"


async def test_erasing_while_everything_goes_on_loses_no_message_and_keeps_no_address(pool: Pool) -> None:
    """Rows are inserted twice, reports come as an unordered stream, and the person is erased in the middle."""
    account, provider = telling("mail", KEY, **SHAPES["queue"]), Teller()
    at = await desk(pool, provider, account)
    names = [f"m{n}" for n in range(120)]
    provider.recipients = {name: [PERSON, OTHER] for name in names}

    async def send() -> None:
        for name in names + names[::-1]:
            for recipient in (PERSON, OTHER):
                await say(pool, provider_id=name, recipient=recipient, sent_at=AGO)
            provider.says("queue", name, "deferred" if name in names[::2] else "delivered", AGO)
            await take(pool, account)

    async def ask() -> None:
        while not sending.done():
            await again(at)

    sending = asyncio.ensure_future(send())
    asking = asyncio.ensure_future(ask())
    while await pool.fetchval(MESSAGES) < len(names):  # noqa: ASYNC110 - Postgres sets no event
        await asyncio.sleep(0.01)
    await gone(pool, account)
    await asyncio.gather(sending, asking)
    await again(at)
    # What a worker had read and not yet written when it began.
    await gone(pool, account)

    rows = await pool.fetch(
        "select recipient, part, status, count(*) from landed.messages group by 1, 2, 3 order by 1, 3"
    )
    assert {tuple(row) for row in rows} == {
        (one, one, status, 60) for one in (HASH, OTHER) for status in ("deferred", "delivered")
    }
    assert await where(pool) == set()
    assert await pool.fetchval("select count(*) from landed.early") == 0
