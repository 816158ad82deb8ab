"""`schedule show` says what is in force, what it costs, and how late we know; `--plot` draws it."""

import asyncio
import xml.etree.ElementTree as ET
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from tests.cli.conftest import Place, take_in

#: It does not depend on the interpreter.
pytestmark = pytest.mark.once

#: Ages at which messages settle, and at which we know, in seconds.
TIMES = [(2.0 + n % 7 * 3, 15.0 if n % 7 < 5 else 45.0) for n in range(210)]

ADAPTIVE = "[accounts.text_main.channels.sms]\nadaptive = true\n"


def on(database: str, task: Callable[[asyncpg.Connection], Awaitable[Any]]) -> Any:
    async def run() -> Any:
        connection = await asyncpg.connect(database)
        try:
            return await task(connection)
        finally:
            await connection.close()

    return asyncio.run(run())


def settled(
    database: str,
    times: Sequence[tuple[float, float | None]] = tuple(TIMES),
    *,
    kind: int = 1,
    account: str = "text_main",
    channel: int = 2,
    schedule: str | None = None,
) -> None:
    """Messages settled, as `apply` writes it."""
    take_in()

    async def task(connection: asyncpg.Connection) -> None:
        await connection.execute(
            "insert into landed.settling (at, account, channel, schedule, kind, messages, looks, missed, froms, untils)"
            " values (now(), (select id from landed.account where name = $1), $2, $3, $4, $5, 2 * $5, 0, $6, $7)",
            account,
            channel,
            schedule,
            kind,
            len(times),
            [one for one, _ in times],
            [other for _, other in times] if kind < 3 else None,
        )

    on(database, task)


def shown(place: Place) -> Any:
    return place("schedule", "show", "--account", "text_main", "--json").json


def test_before_anything_is_recorded_it_says_what_is_in_force_and_what_is_missing(landed: Place) -> None:
    said = landed("schedule", "show", "--account", "text_main").out

    assert "15s, 45s, 2m, 5m, 15m, 1h, 4h, then every 8h (the default)" in said
    assert "nothing yet: every message that settles is recorded" in said


def test_a_stream_is_told_as_one(landed: Place) -> None:
    said = landed("schedule", "show", "--account", "mail_main").out

    assert "read every 15s; looks mend what it has lost" in said
    assert "1h, 12h, then only the last look (the default)" in said


def test_figures_are_those_of_what_is_recorded(landed: Place, database: str) -> None:
    settled(database)
    settled(database, [(172_900, None)] * 15, kind=3)
    (one,) = shown(landed)["schedules"]

    delays = sorted(until - since for since, until in TIMES)
    assert (one["account"], one["channel"], one["schedule"], one["origin"]) == ("text_main", "sms", None, "default")
    assert (one["messages"], one["told"], one["between_looks"], one["never"]) == (225, 210, 0, 15)
    assert one["looks_per_message"] == 2
    assert one["undecided"] == pytest.approx(15 / 225)
    assert one["delay"]["p50"] == pytest.approx(delays[104])
    assert one["delay"]["p95"] == pytest.approx(delays[199])
    assert one["messages_per_day"] == 225
    # Every look of the default until it knows: 15s, else 45s too, else all eight below the last of 48 hours.
    expected = (150 * 1 + 60 * 2 + 15 * (7 + 5 + 1)) / 225
    assert one["expected"]["looks_per_message"] == pytest.approx(expected)


def test_people_read_the_same(landed: Place, database: str) -> None:
    settled(database)
    settled(database, [(172_900, None)] * 15, kind=3)
    said = landed("schedule", "show").out

    assert "225 messages since " in said
    assert ": 210 with the provider's time, 15 never settled" in said
    assert "2.00 looks per message; 2.07 if each were looked at alone" in said
    assert "6.7% at the deadline of 2d" in said
    assert "after the provider's time" in said


def test_times_that_are_known_between_looks_are_told_as_such(landed: Place, database: str) -> None:
    settled(database, [(15.0, 45.0)] * 20, kind=2)
    said = landed("schedule", "show").out

    assert "20 known between two looks" in said
    assert "the provider gives no time to measure it by" in said


def test_a_named_schedule_is_shown_beside_the_channels_own(landed: Place, database: str) -> None:
    text = (landed.folder / "landed.toml").read_text()
    landed.write("landed.toml", f'{text}\n[accounts.text_main.schedules.urgent]\nlooks = ["5s"]\n')
    settled(database)
    settled(database, [(1.0, 5.0)] * 30, schedule="urgent")
    settled(database, [(1.0, 5.0)] * 3, schedule="misspelt")
    own, urgent = shown(landed)["schedules"]

    assert (own["schedule"], own["messages"]) == (None, 213)
    assert (urgent["schedule"], urgent["messages"], urgent["origin"]) == ("urgent", 30, "named")
    assert urgent["looks"] == ["5s"]


def test_what_is_set_is_told_from_the_default(landed: Place, database: str) -> None:
    landed.set(accounts__text_main__channels__sms__looks="10s,1m")
    settled(database)

    assert [one["origin"] for one in shown(landed)["schedules"]] == ["set"]
    assert "10s, 1m, then only the last look (as set)" in landed("schedule", "show").out


def test_requests_stand_against_the_quota(landed: Place, database: str) -> None:
    settled(database)
    on(
        database,
        lambda connection: connection.execute(
            "insert into landed.look (at, account, how, result, covered)"
            " select now() - n * interval '1 hour', (select id from landed.account where name = 'text_main'), 'lookup',"
            " 'ok', 1 from generate_series(1, 30) as n"
        ),
    )
    landed.set(accounts__text_main__rate="100/d")
    account = shown(landed)["accounts"]["text_main"]

    assert (account["requests_last_day"], account["quota_per_day"]) == (23, 100)
    landed.set(accounts__text_main__requests="50/12h,80/d")
    assert shown(landed)["accounts"]["text_main"]["quota_per_day"] == 80
    landed.unset("accounts__text_main__requests")
    assert "23 in the last day, 23% of the 100 that its limits allow" in landed("schedule", "show").out


def test_a_status_that_lags_behind_its_times_is_pointed_out(landed: Place, database: str) -> None:
    settled(database)
    on(database, lambda connection: connection.execute("update landed.settling set missed = 42"))

    assert (
        "20% had settled, by the provider's time, before a look that did not show it" in landed("schedule", "show").out
    )


@pytest.mark.parametrize("words", [("--account", "text_man"), ("--channel", "smss"), ("--plot", "a.pdf")])
def test_what_is_misspelt_is_trouble_with_a_hint(landed: Place, words: tuple[str, str]) -> None:
    code = 1 if words[0] == "--account" else 2
    said = landed("schedule", "show", *words, code=code).err

    assert any(hint in said for hint in ("did you mean 'text_main'?", "did you mean 'sms'?", "neither .svg nor .png"))


def drawn(place: Place, database: str, name: str) -> Path:
    settled(database)
    settled(database, [(172_900, None)] * 15, kind=3)
    said = place("schedule", "show", "--plot", name)

    assert said.err == f"text_main sms is drawn in {name}\n"
    return place.folder / name


def test_a_picture_says_what_it_shows(landed: Place, database: str) -> None:
    root = ET.fromstring(drawn(landed, database, "schedule.svg").read_bytes())  # noqa: S314 - our own file
    said = ["".join(one.itertext()).strip() for one in root.iter("{http://www.w3.org/2000/svg}text")]

    assert "text_main sms: 225 messages settled, 0 open" in said
    for words in ("When messages settle, and the looks at them", "age of the message", "share of messages"):
        assert words in said
    assert {"5s", "1d"} & set(said)
    assert any(words.startswith("the schedule in force: 2.07 looks") for words in said)
    assert any(words.startswith("suggested at this cost: ") for words in said)


def test_the_same_times_make_the_same_picture(landed: Place, database: str) -> None:
    first = drawn(landed, database, "one.svg").read_bytes()
    landed("schedule", "show", "--plot", "two.svg")

    assert (landed.folder / "two.svg").read_bytes() == first


def test_a_picture_may_be_a_png(landed: Place, database: str) -> None:
    picture = drawn(landed, database, "schedule.png").read_bytes()

    assert picture[:8] == b"\x89PNG\r\n\x1a\n"
    assert (int.from_bytes(picture[16:20]), int.from_bytes(picture[20:24])) == (1320, 624)


def test_nothing_can_be_drawn_of_nothing_or_of_several(landed: Place, database: str) -> None:
    assert "no settling times are recorded yet" in landed("schedule", "show", "--plot", "a.svg", code=1).err

    settled(database)
    settled(database, account="mail_main", channel=1)

    said = landed("schedule", "show", "--plot", "a.svg", code=1).err
    assert "mail_main email (210 messages), text_main sms (210 messages)" in said
    landed("schedule", "show", "--plot", "a.svg", "--account", "mail_main")


def adapt(database: str, looks: Sequence[float], at: datetime | None = None) -> None:
    """The schedule was adapted, as a worker writes it."""

    async def task(connection: asyncpg.Connection) -> None:
        await connection.execute(
            "insert into landed.adapted (account, channel, configured, looks, repeat, judged_at, changed_at, changes,"
            " found) values ((select id from landed.account where name = 'text_main'), 2,"
            " '15s,45s,2m,5m,15m,1h,4h then 8h from 0s', $1, 172800, now(), coalesce($2, now()), 3, 'less delay')",
            looks,
            at,
        )

    on(database, task)


def test_an_adapted_schedule_is_shown_with_what_was_configured(landed: Place, database: str) -> None:
    landed.write("landed.toml", (landed.folder / "landed.toml").read_text() + ADAPTIVE)
    settled(database)
    assert "on; not judged yet" in landed("schedule", "show").out

    adapt(database, [12.5, 60])
    (one,) = shown(landed)["schedules"]

    assert (one["origin"], one["looks"]) == ("adaptive", ["12s500ms", "1m"])
    assert (one["adaptive"]["changes"], one["adaptive"]["found"]) == (3, "less delay")
    said = landed("schedule", "show").out
    assert "12s500ms, 1m, then every 2d (adapted by itself)" in said
    assert "on; 3 changes, the last at " in said
    assert "15s, 45s, 2m, 5m, 15m, 1h, 4h, then every 8h\n" in said


def test_a_pin_holds_it_and_says_by_whom(landed: Place, database: str) -> None:
    landed.write("landed.toml", (landed.folder / "landed.toml").read_text() + ADAPTIVE)
    settled(database)
    adapt(database, [12.5, 60])

    assert landed("schedule", "pin", "text_main", "--by", "ann").out == (
        "text_main sms: pinned; `landed schedule unpin text_main` lets it follow again\n"
    )
    assert "pinned by ann since " in landed("schedule", "show").out
    assert "12s500ms, 1m, then every 2d (adapted by itself)" in landed("schedule", "show").out

    assert landed("schedule", "unpin", "text_main").out == "text_main sms: follows the recorded times\n"
    assert shown(landed)["schedules"][0]["adaptive"]["pinned_by"] is None


@pytest.mark.parametrize("word", ["pin", "unpin"])
def test_only_what_is_adaptive_can_be_pinned(landed: Place, word: str) -> None:
    said = landed("schedule", word, "text_main", code=1).err

    assert "the schedule of text_main is not adaptive, so it stays as it is anyway" in said
    assert "did you mean 'text_main'?" in landed("schedule", word, "text_man", code=1).err


def test_retiming_is_shown_while_it_goes_on(landed: Place, database: str) -> None:
    settled(database)
    on(
        database,
        lambda connection: connection.execute(
            "insert into landed.retiming (account, schedules, changed_at, changed_by, changed, phase, due_at, total,"
            " seen, moved) select id, '{}', now(), 'me', '[\"sms\"]', 'rest', now(), 4000, 1000, 900"
            " from landed.account where name = 'text_main'"
        ),
    )

    assert "the rest is re-timed: 1,000 of 4,000 open messages seen, 900 moved" in landed("schedule", "show").out
    assert shown(landed)["accounts"]["text_main"]["retiming"]["phase"] == "rest"


@pytest.mark.parametrize(("then", "expected"), [("1s", 48 * 3600 + 300), ("1ms", None)], ids=["each second", "a slip"])
def test_a_schedule_that_looks_far_too_often_hides_nothing(
    landed: Place, database: str, then: str, expected: int | None
) -> None:
    settled(database, [(172_900, None)] * 3, kind=3)
    path = landed.folder / "landed.toml"
    text = path.read_text().replace("auth_token", f'looks = []\nthen = "{then}"\nauth_token', 1)
    landed.write("landed.toml", text)

    (one,) = shown(landed)["schedules"]
    said = landed("schedule", "show").out

    assert (one["messages"], (one["expected"] or {}).get("looks_per_message")) == (3, expected)
    assert "mail_main" in said
    assert ("write a longer `then`" in said) == (expected is None)
