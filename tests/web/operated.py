"""Accounts as an operator has them, what is recorded of them, and forms as a browser sends them."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

import asyncpg
import httpx

from rules.quota import Bounds, Most
from rules.schedules import Schedule
from rules.statuses import Channel
from rules.timing import Timing
from store.standing import Configured
from tests.store.written import account
from tests.web.reading import Page

HOUR = timedelta(hours=1)

SCHEDULE = Schedule((timedelta(seconds=15), timedelta(minutes=1), timedelta(minutes=5)), HOUR)
CODES = Schedule((timedelta(seconds=2), timedelta(seconds=10)), None)

TIMING = Timing(
    "acme",
    "twilio",
    frozenset({Channel.SMS}),
    dict.fromkeys(Channel, SCHEDULE),
    dict.fromkeys(Channel, 48 * HOUR),
    dict.fromkeys(Channel, 48 * HOUR),
    {"codes": CODES},
    set_for=frozenset({Channel.SMS}),
    per_day=60_000,
)

BOUNDS = Bounds(10.0, 4, (Most(2500, HOUR),))

OPERATED = {
    "acme": Configured("twilio", fingerprint="first", ledger="ours", bounds=BOUNDS, sustained=0.69, timing=TIMING),
    "resting": Configured("mailgun", paused=True),
    "twin": Configured(
        "twilio", fingerprint="second", ledger="ours", bounds=BOUNDS, slices=2, timing=replace(TIMING, name="twin")
    ),
}

#: Ages at which messages settled, and at which we knew, in seconds.
TIMES = [(2.0 + n % 7 * 3, 15.0 if n % 7 < 5 else 60.0) for n in range(210)]


async def settled(
    db: asyncpg.Connection,
    times: Sequence[tuple[float, float]] = TIMES,
    *,
    kind: int = 1,
    looks: int = 2,
    missed: int = 0,
    schedule: str | None = None,
) -> None:
    """Messages of `acme` on sms settled just now, as `apply` writes it."""
    await db.execute(
        "insert into landed.settling (at, account, channel, schedule, kind, messages, looks, missed, froms, untils)"
        " values (now(), $1, 2, $2, $3, $4, $5::integer * $4::integer, $6, $7, $8)",
        await account(db),
        schedule,
        kind,
        len(times),
        looks,
        missed,
        [one for one, _ in times],
        [other for _, other in times] if kind < 3 else None,
    )


async def page(client: httpx.AsyncClient, path: str, status: int = 200) -> Page:
    """A page of operations, which must have this status."""
    answer = await client.get(path)

    assert answer.status_code == status, answer.text
    return Page(answer.text)


async def send(client: httpx.AsyncClient, path: str, action: str, **fields: str) -> httpx.Response:
    """Fill in the form of a page that goes to `action`, and send it."""
    form = (await page(client, path)).form(action)
    return await client.post(form.action, data={**form.fields, **fields})
