"""The pages of schedules: what is in force with its figures, and a simulator that changes nothing."""

import tomllib
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import asyncpg
import httpx
import pytest

from rules.adapting import Adaptive, words
from rules.ages import about
from rules.checking import Figures, judge
from rules.durations import parse
from rules.settling_times import Curve, Observed, curve
from rules.shares import percent
from rules.statuses import Channel
from rules.suggesting import Goal, to_use
from rules.viewers import Scope
from store import settlings
from store.connections import clock
from store.settlings import Group
from tests.store.written import account
from tests.web.conftest import Serve, Web
from tests.web.filling import messages
from tests.web.operated import OPERATED, SCHEDULE, TIMES, TIMING, page, settled
from tests.web.reading import SCRIPT, Page

#: It does not depend on the interpreter.
pytestmark = pytest.mark.once

ALL, ONE = "/operations/schedules", "/operations/schedules/acme/sms"
HORIZON = 48 * 3600.0


@pytest.fixture
async def operated(serve: Serve) -> Web:
    """An app with accounts as an operator has them."""
    return await serve(accounts=OPERATED)


@pytest.fixture
async def operator(operated: Web) -> AsyncIterator[httpx.AsyncClient]:
    """Somebody on this machine."""
    async with operated.client() as client:
        yield client


def times() -> Curve:
    """The recorded times, as the rules see them."""
    return curve([Observed(age, age) for age, _ in TIMES], HORIZON)


def cells(figures: Figures) -> list[str]:
    """Figures as a row of the page has them, but for requests a day."""
    delays = (figures.mean_delay, figures.p50_delay, figures.p95_delay, figures.p99_delay)
    return [f"{figures.looks_per_message:.2f}", *map(about, delays), percent(figures.undecided)]


def row(found: Page, begins: str) -> list[str]:
    """A row of the page's tables, without requests a day."""
    cells = next(cells for cells in found.rows if cells[0].endswith(begins))
    return [*cells[1:2], *cells[3:]]


async def test_before_anything_is_recorded_it_says_so_and_what_is_in_force(operator: httpx.AsyncClient) -> None:
    every, one = await page(operator, ALL), await page(operator, ONE)

    assert "15s, 1m, 5m, then every 1h (as set)" in every.text
    assert "nothing yet" in every.text
    assert "Nothing is recorded yet" in one.text
    assert [form.fields for form in one.forms] == [{"looks": "15s, 1m, 5m", "then": "1h"}]


async def test_a_schedule_can_be_simulated_on_nothing(operator: httpx.AsyncClient) -> None:
    """It takes every look that there is, and the last."""
    found = await page(operator, f"{ONE}?looks=10s,+20s&then=24h")
    figures = judge(Curve((), (), 1.0, HORIZON, HORIZON), [10.0, 20.0], 86_400.0)

    assert row(found, "tried")[:2] == [f"{figures.looks_per_message:.2f}", ""] == ["4.00", ""]
    assert [cells[0] for cells in found.rows[-4:]] == ["10s", "20s", about(86_420.0), about(HORIZON)]


async def test_figures_are_those_of_what_is_recorded(operator: httpx.AsyncClient, db: asyncpg.Connection) -> None:
    await settled(db)
    await settled(db, [(172_800.0, 0.0)] * 15, kind=3, looks=40)
    now = await clock(db)
    delays = await settlings.delays(
        db, Group(await account(db), Channel.SMS, None, ("codes",)), now - timedelta(days=1)
    )
    every, one = await page(operator, ALL), await page(operator, ONE)
    shown = next(cells for cells in every.rows if cells[0] == "sms")

    assert delays is not None
    said = f"p50 {about(delays.p50)}, p95 {about(delays.p95)}, p99 {about(delays.p99)}, mean {about(delays.mean)}"
    assert shown[2] == f"{(210 * 2 + 15 * 40) / 225:.2f}"
    assert shown[3:5] == [said, "6.7%"]
    assert shown[5] == "225 messages: 210 with the provider’s time, 15 never settled"
    assert f"{said} after the provider’s time" in one.text
    assert "6.7% at the deadline of 2d" in one.text


async def test_in_force_is_judged_as_the_rules_do(operator: httpx.AsyncClient, db: asyncpg.Connection) -> None:
    await settled(db)
    found = await page(operator, ONE)
    figures = judge(times(), [15.0, 60.0, 300.0], 3600.0)

    assert row(found, "in force") == cells(figures)
    assert "All times are the provider’s own, and exact." in found.text


async def test_the_slider_finds_the_best_schedule_without_a_script(
    operator: httpx.AsyncClient, db: asyncpg.Connection
) -> None:
    await settled(db)
    looks = to_use(times(), Goal(looks_per_message=3))
    figures = judge(times(), looks)
    found = await page(operator, f"{ONE}?looks_per_message=3")
    slider = found.forms[0]

    assert figures.looks_per_message <= 3
    assert row(found, "tried") == cells(figures)
    assert slider.fields == {"looks_per_message": "3"}
    assert [parse(look).total_seconds() for look in found.forms[1].fields["looks"].split(",")] == list(looks)


async def test_a_suggestion_costs_no_more_than_what_is_in_force_and_is_not_later(
    operator: httpx.AsyncClient, db: asyncpg.Connection
) -> None:
    await settled(db)
    present = judge(times(), [15.0, 60.0, 300.0], 3600.0)
    suggested = judge(times(), to_use(times(), Goal(looks_per_message=present.looks_per_message)))
    found = await page(operator, ONE)

    assert row(found, "suggested at this cost") == cells(suggested)
    assert suggested.looks_per_message <= present.looks_per_message
    assert (suggested.mean_delay or 0) <= (present.mean_delay or 0)


async def test_what_is_shown_can_be_pasted(operator: httpx.AsyncClient, db: asyncpg.Connection) -> None:
    await settled(db)
    answer = (await operator.get(f"{ONE}/simulate.json?looks=2s,+90s&then=1h30m")).json()
    named = (await operator.get(f"{ONE}/simulate.json?looks=2s&schedule=codes")).json()

    assert tomllib.loads(answer["toml"]) == {
        "accounts": {"acme": {"channels": {"sms": {"looks": ["2s", "1m30s"], "then": "1h30m"}}}}
    }
    assert tomllib.loads(named["toml"]) == {"accounts": {"acme": {"schedules": {"codes": {"looks": ["2s"]}}}}}


async def test_free_looks_are_judged_with_and_without_a_script(
    operator: httpx.AsyncClient, db: asyncpg.Connection
) -> None:
    await settled(db)
    figures = judge(times(), [5.0, 20.0], 600.0)
    found = await page(operator, f"{ONE}?looks=5s,20s&then=10m")
    step = (await operator.get(f"{ONE}/simulate.json?looks=5s,20s&then=10m")).json()
    names = ("looks_per_message", "mean_delay", "p50_delay", "p95_delay", "p99_delay", "undecided")

    assert row(found, "tried") == cells(figures) == [step[name] for name in names]
    assert found.forms[1].fields == {"looks": "5s,20s", "then": "10m"}


async def test_requests_a_day_are_those_of_the_messages_that_settle(
    operator: httpx.AsyncClient, db: asyncpg.Connection
) -> None:
    await settled(db)
    step = (await operator.get(f"{ONE}/simulate.json?looks=5s")).json()
    figures = judge(times(), [5.0])

    assert step["requests_per_day"] == f"{210 * figures.looks_per_message:,.0f}"


async def test_every_place_of_the_slider_is_ready_for_the_script(
    operator: httpx.AsyncClient, db: asyncpg.Connection
) -> None:
    await settled(db)
    ladder: dict[str, Any] = (await operator.get(f"{ONE}/ladder.json")).json()
    single = (await operator.get(f"{ONE}/simulate.json?looks_per_message=4.5")).json()

    assert list(ladder) == [f"{1 + place / 2:g}" for place in range(23)]
    assert all(float(step["looks_per_message"]) <= float(looks) + 0.005 for looks, step in ladder.items())
    assert ladder["4.5"] == single


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("looks=5s,+2s", "ages must rise"),
        ("looks=soon", "is not a duration"),
        ("looks=5s&then=1ms", "looks at one message"),
        ("looks=5s&then=0s", "must be longer than 0s"),
        ("looks=5s&then=never", "is not a duration"),
    ],
)
async def test_what_is_wrong_with_a_schedule_is_said(
    operator: httpx.AsyncClient, db: asyncpg.Connection, query: str, said: str
) -> None:
    """What was written stays there, to be corrected."""
    await settled(db)
    found = await page(operator, f"{ONE}?{query}", 422)
    step = await operator.get(f"{ONE}/simulate.json?{query}")

    assert said in found.text
    assert found.forms[1].fields["looks"].startswith("5s" if "5s" in query else "soon")
    assert (step.status_code, said in step.json()["problem"]) == (200, True)


@pytest.mark.parametrize("query", ["looks_per_message=0.5", "looks_per_message=nan", f"looks={'1' * 2001}"])
async def test_what_cannot_be_asked_for_is_refused(operator: httpx.AsyncClient, query: str) -> None:
    assert (await operator.get(f"{ONE}?{query}")).status_code == 422


async def test_times_known_only_between_looks_are_said_to_be_so(
    operator: httpx.AsyncClient, db: asyncpg.Connection
) -> None:
    await settled(db, [(15.0, 60.0)] * 100, kind=2)
    found = await page(operator, ONE)

    assert "100% of the times are known only to lie between two looks" in found.text
    assert "the provider gives no time to measure it by" in found.text
    assert "100 known between two looks" in found.text


async def test_a_status_that_lags_behind_its_own_times_is_told(
    operator: httpx.AsyncClient, db: asyncpg.Connection
) -> None:
    await settled(db, missed=105)

    assert (
        "50% had settled, by the provider’s time, before a look that did not show it"
        in (await page(operator, ONE)).text
    )


async def test_a_schedule_with_a_name_has_a_page_of_its_own(
    operator: httpx.AsyncClient, db: asyncpg.Connection
) -> None:
    await settled(db, schedule="codes")
    every = await page(operator, ALL)
    found = await page(operator, every.links["sms, codes"])

    assert every.links["sms, codes"] == f"{ONE}?schedule=codes"
    assert "2s, 10s, then only the last look (as named by messages)" in found.text
    assert [form.fields.get("schedule") for form in found.forms] == ["codes", "codes"]
    assert row(found, "in force") == cells(judge(times(), [2.0, 10.0]))


@pytest.mark.parametrize(
    "path",
    ["nobody/sms", "acme/pigeon", "acme/sms?schedule=nothing", "resting/sms"],
)
async def test_a_schedule_that_there_is_not_is_not_found(operator: httpx.AsyncClient, path: str) -> None:
    answers = [
        await operator.get(f"{ALL}/{path}"),
        await operator.get(
            f"{ALL}/{path.replace('?', '/simulate.json?')}" if "?" in path else f"{ALL}/{path}/ladder.json"
        ),
    ]

    assert [answer.status_code for answer in answers] == [404, 404]


async def test_an_adaptive_schedule_is_told_as_it_stands(serve: Serve, db: asyncpg.Connection) -> None:
    timing = replace(TIMING, adaptive={Channel.SMS: Adaptive(SCHEDULE)})
    web = await serve(accounts={"acme": replace(OPERATED["acme"], timing=timing)})
    await db.execute(
        "insert into landed.adapted (account, channel, configured, looks, repeat, judged_at, changed_at, changes,"
        " found, pinned_at, pinned_by) values ($1, 2, $2, '{7,70}', 3600, now(), now(), 3, 'better', now(), $3)",
        await account(db),
        words(SCHEDULE),
        SCRIPT,
    )
    async with web.client() as client:
        found = await page(client, ONE)

    assert "7s, 1m10s, then every 1h (adapted by itself)" in found.text
    assert f"pinned by {SCRIPT} since" in found.text
    assert found.scripts == 2


async def test_retiming_shows_how_far_it_is(operator: httpx.AsyncClient, db: asyncpg.Connection) -> None:
    await db.execute(
        "insert into landed.retiming (account, schedules, changed, changed_at, changed_by, phase, place, due_at, total,"
        " seen, moved) values ($1, '{}', $2, now(), 'w', 'rest', 0, now(), 5000, 1200, 300)",
        await account(db),
        '["sms"]',
    )
    found = await page(operator, ALL)

    assert "the rest is re-timed: 1,200 of 5,000 open messages seen, 300 moved" in found.text


async def test_a_worker_that_refuses_its_file_is_told(operated: Web, db: asyncpg.Connection) -> None:
    """Its words may come from a file that somebody else writes."""
    await db.execute(
        "insert into landed.refusal (worker, refused_at, problems, said_at) values ('w1', now(), $1, now())", [SCRIPT]
    )
    async with operated.client() as client:
        answer = await client.get(ALL)

    assert "The worker w1 refuses its changed file since" in Page(answer.text).text
    assert "alert(&#39;planted&#39;)" in answer.text


async def test_requests_are_set_against_what_the_limits_allow(
    operator: httpx.AsyncClient, db: asyncpg.Connection
) -> None:
    await db.execute(
        "insert into landed.look (at, account, how, result, milliseconds) select now(), $1, 'lookup', 'ok', 1"
        " from generate_series(1, 600)",
        await account(db),
    )

    assert "600 requests in the last day, 1% of the 60,000 that its limits allow." in (await page(operator, ALL)).text


async def test_a_schedule_that_looks_far_too_often_is_told_and_hides_no_other(serve: Serve) -> None:
    dense = replace(SCHEDULE, then=timedelta(milliseconds=1))
    timing = replace(TIMING, schedules={**TIMING.schedules, Channel.SMS: dense})
    web = await serve(accounts={"acme": replace(OPERATED["acme"], timing=timing)})
    async with web.client() as client:
        one, other = await client.get(ONE), await client.get(ONE.replace("sms", "email"))

    assert (one.status_code, other.status_code) == (422, 200)
    assert "the schedule in force cannot be judged" in one.text


async def test_open_messages_are_counted(operator: httpx.AsyncClient, db: asyncpg.Connection) -> None:
    await messages(db, 3)

    assert "nothing yet; 3 open" in (await page(operator, ALL)).text


async def test_nothing_that_is_written_is_run(operator: httpx.AsyncClient) -> None:
    answer = await operator.get(ONE, params={"looks": f'"{SCRIPT}', "then": SCRIPT})

    assert answer.status_code == 422
    assert "<script>" not in answer.text
    assert Page(answer.text).scripts == 2


async def test_all_who_look_share_what_was_read(operator: httpx.AsyncClient, db: asyncpg.Connection) -> None:
    """Reading and working out takes time, so it is done once a minute at most."""
    await page(operator, ONE)
    await settled(db)

    assert "Nothing is recorded yet" in (await page(operator, ONE)).text


async def test_who_may_not_read_sees_nothing(operated: Web) -> None:
    async with await operated.holder(Scope.RECORD) as client:
        answers = [await client.get(path) for path in (ALL, ONE, f"{ONE}/ladder.json", f"{ONE}/simulate.json")]

    assert [answer.status_code for answer in answers] == [403] * 4
