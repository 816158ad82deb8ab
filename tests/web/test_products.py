"""What the documentation of four products promises, from what was reported to what people see on the page.

`tests/rules/test_labels.py` proves the same of the rules alone, for every state that there is.
"""

from datetime import timedelta
from itertools import zip_longest

import asyncpg
import httpx
import pytest

from rules.labels import label
from rules.reports import Word
from rules.statuses import Channel, Reason, Source, Status
from rules.suppression import Triggers, blocks
from store import reports
from store.reports import Said
from tests.rules.label_table import CASES, OURS, ours, said, told
from tests.rules.saying import minute
from tests.store.written import account, record, recording
from tests.web.conftest import Web
from tests.web.filling import EMAIL, NUMBER, communication
from tests.web.reading import Page
from tests.worker import pretend
from worker.intake import intake
from worker.sweep import sweep

#: It does not depend on the interpreter.
pytestmark = pytest.mark.once

NAME = "Stories"

#: Every story of the table, on email, on SMS, and on push, which shows as SMS.
STORIES = list(dict.fromkeys(case.story for case in CASES))
CHANNELS = (Channel.EMAIL, Channel.SMS, Channel.PUSH)


async def tell(db: asyncpg.Connection, *stories: str, channel: Channel = Channel.SMS, recipient: str = "") -> list[int]:
    """Record a message for each story, and let everything of it be reported; the numbers of the messages."""
    number = await account(db)
    known = int(await db.fetchval("select count(*) from landed.message"))
    heard = [said(story) for story in stories]
    made = [
        recording(
            number,
            f"SM{known + n:06}",
            channel=channel,
            recipient=recipient or address(channel, known + n),
            communication=NAME,
            sent_at=minute(0),
            since=minute(0),
            words=(first[1],),
            blocks=(blocked(first[1]),),
        )
        for n, (first, *_) in enumerate(heard)
    ]
    await record(db, made, minute(0))
    rows = await db.fetch("select id from landed.message order by id desc limit $1", len(stories))
    ids = [row["id"] for row in rows][::-1]
    for step in list(zip_longest(*heard))[1:]:
        for source in (Source.POLL, Source.SWEEP):
            told_now = [
                Said(one[1], "", id=message, blocks=blocked(one[1]))
                for message, one in zip(ids, step, strict=True)
                if one is not None and one[0] is source
            ]
            await reports.apply(db, number, source, minute(10_000), told_now)
    return ids


def blocked(word: Word) -> int:
    """The channels on which a word blocks its recipient, where nobody asked for more."""
    return sum(1 << channel for channel in Channel if blocks(word, Triggers()))


def address(channel: Channel, number: int) -> str:
    """A recipient of its own."""
    return f"resident.{number}@example.org" if channel is Channel.EMAIL else f"+4477009{number:05}"


async def page(client: httpx.AsyncClient, path: str) -> Page:
    """A page, taken apart."""
    answer = await client.get(path)

    assert answer.status_code == 200
    return Page(answer.text)


async def listed(client: httpx.AsyncClient, db: asyncpg.Connection, vocabulary: str) -> list[tuple[str, str, str]]:
    """Recipient, label without its icon, and explanation of everyone in the communication, over all pages."""
    path = f"/communications/{await communication(db, NAME)}"
    found: list[tuple[str, str, str]] = []
    query: str | None = f"?words={vocabulary}"
    while query is not None:
        shown = await page(client, path + query)
        lines = [(row[0], row[2].partition(" ")[2] if row[2][:1] != "(" else "") for row in shown.rows[1:]]
        found += [(*line, why) for line, why in zip(lines, shown.titles, strict=True)]
        query = shown.rels.get("next")
    return found


async def labels(client: httpx.AsyncClient, db: asyncpg.Connection, vocabulary: str) -> list[str]:
    """What the page calls each message."""
    return [text for _, text, _ in await listed(client, db, vocabulary)]


@pytest.mark.parametrize("vocabulary", OURS)
async def test_every_story_ends_in_the_label_and_the_explanation_of_its_product(
    here: httpx.AsyncClient, db: asyncpg.Connection, vocabulary: str
) -> None:
    wanted = {(case.channel, case.story): case.label for case in CASES if case.vocabulary == vocabulary}
    expected: list[tuple[str, str, str]] = []
    for channel in CHANNELS:
        await tell(db, *STORIES, channel=channel)
        shown = Channel.EMAIL if channel is Channel.EMAIL else Channel.SMS
        for story in STORIES:
            text = wanted.get((None, story), wanted.get((shown, story), ""))
            why = label(ours(vocabulary), channel, told(story)).explanation
            expected.append((address(channel, len(expected)), text, why))

    assert await listed(here, db, vocabulary) == expected


async def test_feedback_is_shown_over_delivery_and_the_answer_with_it(
    here: httpx.AsyncClient, db: asyncpg.Connection
) -> None:
    """crisis: whatever the provider says of the delivery, before or after."""
    await tell(db, "sent, responded, hard_bounced", "sent, failed, acknowledged", "sent, delivered, opted_out")
    path = f"/communications/{await communication(db, NAME)}"
    shown = await page(here, f"{path}?words=crisis")

    assert await labels(here, db, "crisis") == ["Responded", "Acknowledged", "Opted-out"]
    assert "Response" in shown.rows[0]
    assert shown.rows[1][shown.rows[0].index("Response")] == "yes"


@pytest.mark.parametrize("vocabulary", OURS)
@pytest.mark.parametrize("worse", ["hard_bounced invalid_address", "failed", "soft_bounced", "expired", "deferred"])
async def test_delivered_never_becomes_bounced(
    here: httpx.AsyncClient, db: asyncpg.Connection, vocabulary: str, worse: str
) -> None:
    """It stays visible that it was said, on the page of the message."""
    await tell(db, f"sent, delivered, {worse}", channel=Channel.EMAIL)
    (message,) = await tell(db, f"sent, delivered, {worse}", channel=Channel.SMS)
    story = await page(here, f"/messages/{message}")

    assert await labels(here, db, vocabulary) == ["Delivered"] * 2
    assert "nothing: it was known better, and is kept" in story.text


async def test_a_soft_bounce_never_blocks(here: httpx.AsyncClient, db: asyncpg.Connection) -> None:
    """engage: however many there are and whatever the reason, unless somebody asks for that."""
    stories = [f"sent, soft_bounced {reason.word}".strip() for reason in Reason]
    first, *_ = await tell(db, *stories, channel=Channel.EMAIL, recipient=EMAIL)
    shown = await page(here, f"/messages/{first}/recipient?words=engage")

    assert "Not blocked" in shown.text
    assert shown.struck == []
    assert not await db.fetchval("select landed.is_blocked('email', $1)", EMAIL)


async def test_a_hard_bounce_blocks_at_once_and_the_address_is_struck_out_and_can_be_unblocked(
    here: httpx.AsyncClient, db: asyncpg.Connection
) -> None:
    """engage: also when it comes after `delivered`."""
    first, later = await tell(db, "sent, hard_bounced", "sent, delivered, hard_bounced", channel=Channel.EMAIL)
    for message in (first, later):
        shown = await page(here, f"/messages/{message}/recipient?words=engage")

        assert "Blocked on email" in shown.text
        assert address(Channel.EMAIL, first - 1 if message == first else later - 1) in shown.struck
        assert "note" in shown.form("/suppression/unblock").fields


async def test_blocked_counts_as_a_soft_bounce_in_totals(here: httpx.AsyncClient, db: asyncpg.Connection) -> None:
    """engage: one line of totals; each message has its own label, and the line shows both when it is a filter."""
    await tell(db, "sent, soft_bounced mailbox_full", "sent, failed spam", "sent, failed policy", channel=Channel.EMAIL)
    path = f"/communications/{await communication(db, NAME)}"
    shown = await page(here, f"{path}?words=engage")
    filtered = await page(here, f"{path}?words=engage&status=Soft+bounce")

    assert await labels(here, db, "engage") == ["Soft bounce", "Blocked", "Blocked"]
    assert "Soft bounce 3" in shown.text
    assert not any("status=Blocked" in href for href in shown.hrefs)
    assert len(filtered.rows) == 1 + 3


#: How long each channel waits, and what each product calls a message after that.
WAITS = {"email": 72, "sms": 48}
EXPIRED = {"crisis": "Sent", "history": "Timed out", "log": "Sent", "engage": "Expired"}


async def wait(web: Web, db: asyncpg.Connection) -> None:
    """Two messages of each channel: one just before the end of its wait, one just after. Then the sweep passes."""
    at = await pretend.desk(web.pool, pretend.Provider())
    for channel, hours in WAITS.items():
        for name, age in (("open", hours - 1), ("over", hours + 1)):
            await db.execute(
                "insert into landed.inbox (account, channel, recipient, provider_id, communication, sent_at)"
                " values ('pretend', $1, $2, $3, $4, now() - $5::interval)",
                channel,
                EMAIL if channel == "email" else NUMBER,
                f"{channel}-{name}",
                NAME,
                timedelta(hours=age),
            )
    await intake(web.pool, {at.account.name: at.account}, {at.account.name: at.number})
    # Their last look has reached the provider, which knows nothing better.
    await db.execute("update landed.watch set looked_at = now(), found = true where deadline_at < now()")
    await sweep(web.pool, at.account.name, at.account)


@pytest.mark.parametrize("vocabulary", OURS)
async def test_an_email_waits_for_72_hours_and_a_text_for_48(
    web: Web, here: httpx.AsyncClient, db: asyncpg.Connection, vocabulary: str
) -> None:
    await wait(web, db)
    still = "Unknown" if vocabulary == "engage" else "Sent"
    rows = await db.fetch("select provider_id from landed.message order by id")
    shown = dict(zip([row["provider_id"] for row in rows], await labels(here, db, vocabulary), strict=True))

    assert shown == {f"{channel}-open": still for channel in WAITS} | {
        f"{channel}-over": EXPIRED[vocabulary] for channel in WAITS
    }


async def test_timed_out_is_told_as_our_guess_and_gives_way_to_the_provider(
    web: Web, here: httpx.AsyncClient, db: asyncpg.Connection
) -> None:
    """history: a message that timed out and is delivered after all is Delivered."""
    await wait(web, db)
    row = await db.fetchrow("select id, account from landed.message where provider_id = 'sms-over'")
    assert row is not None
    before = await page(here, f"/messages/{row['id']}?words=history")
    now = await db.fetchval("select now()")
    word = Word(Status.DELIVERED.bit, now)
    await reports.apply(db, row["account"], Source.POLL, now, [Said(word, "", id=row["id"])])
    after = await page(here, f"/messages/{row['id']}?words=history")

    assert "Timed out" in before.text
    assert "This is our time-out and not the provider's verdict." in before.text
    assert "Timed out" not in after.text.split("What comes next")[0]
    assert "Delivered" in after.text.split("What comes next")[0]


NEVER = {
    "control_group": {"crisis": "Not Sent", "history": "", "log": "Unsent", "engage": "Control group"},
    "duplicate": {"crisis": "Not Sent", "history": "", "log": "Duplicate", "engage": "Not sent"},
    "no_address": {"crisis": "Not Sent", "history": "Failed", "log": "No Email Selected", "engage": "Not sent"},
    "blocked": {"crisis": "Not Sent", "history": "Failed", "log": "Blocked", "engage": "Not sent"},
}


@pytest.mark.parametrize("outcome", NEVER)
async def test_who_was_never_sent_anything_is_listed_with_why(
    web: Web, here: httpx.AsyncClient, db: asyncpg.Connection, outcome: str
) -> None:
    """Control group, duplicate, no address, blocked: recorded by the sender, never asked about, never timed out."""
    at = await pretend.desk(web.pool, pretend.Provider())
    await db.execute(
        "insert into landed.inbox (account, channel, recipient, reference, communication, status, sent_at)"
        " values ('pretend', 'email', $1, 'one', $2, $3, now() - interval '100 days')",
        "" if outcome == "no_address" else EMAIL,
        NAME,
        outcome,
    )
    await intake(web.pool, {at.account.name: at.account}, {at.account.name: at.number})
    await sweep(web.pool, at.account.name, at.account)

    assert {name: await labels(here, db, name) for name in OURS} == {
        name: [text] for name, text in NEVER[outcome].items()
    }
    assert await db.fetchval("select count(*) from landed.watch") == 0


async def test_the_answer_of_a_recipient_is_shown_for_email_and_text_alike(
    here: httpx.AsyncClient, db: asyncpg.Connection
) -> None:
    """crisis: Read is for email only; an answer is for both."""
    await tell(db, "sent, read", "sent, responded", channel=Channel.EMAIL)
    await tell(db, "sent, read", "sent, responded", channel=Channel.SMS)

    assert await labels(here, db, "crisis") == ["Read", "Responded", "Delivered", "Responded"]
