"""`schedule simulate` and `schedule suggest`: figures of a schedule on times from a file, and the best for them."""

import tomllib
from collections.abc import Iterable
from typing import Any

import pytest

from config.accounts import ScheduleOptions
from rules import durations
from tests.cli.conftest import Place
from tests.cli.test_schedule_show import TIMES as RECORDED
from tests.cli.test_schedule_show import settled
from tests.rules.settling import HORIZON, Truth, drawn, fast_and_slow_handsets

#: It does not depend on the interpreter.
pytestmark = pytest.mark.once

KEYS = {
    *("looks", "looks_per_message", "mean_delay", "p50_delay", "p95_delay", "p99_delay", "undecided"),
    "requests_per_day",
}

TIMES = drawn(fast_and_slow_handsets, 600, 5)


def file(place: Place, times: Iterable[float | None], name: str = "times.csv") -> str:
    """Write times as they are given on the line."""
    place.write(name, "".join(f"{'' if time is None else time}\n" for time in times))
    return name


def simulated(place: Place, times: str, *words: str) -> Any:
    return place("schedule", "simulate", "--times", times, "--json", *words).json


def suggested(place: Place, *words: str) -> Any:
    return place("schedule", "suggest", "--times", file(place, TIMES), "--json", *words).json


def test_the_figures_of_a_schedule_are_those_of_the_definitions(bare: Place) -> None:
    """Looks at 10, 30, 70 and the last at 100; messages settle at 10, 11, 71 and never."""
    expected = {
        "looks": [10, 30, 70],
        "looks_per_message": (1 + 2 + 4 + 4) / 4,
        "mean_delay": (0 + 19 + 29) / 3,
        "p50_delay": 19,
        "p95_delay": 29,
        "p99_delay": 29,
        "undecided": 0.25,
        "requests_per_day": 2750,
        "notes": [],
    }
    times = file(bare, [10, 11, 71, None])
    words = ("--looks", "10s,30s", "--then", "40s", "--horizon", "100s", "--messages-per-day", "1000")

    assert simulated(bare, times, *words) == expected


def test_many_times_give_the_figures_that_another_way_gives(bare: Place) -> None:
    looks = [15.0, 60.0, 300.0, *range(300 + 3600, int(HORIZON), 3600)]
    expected = Truth.of(TIMES)

    found = simulated(bare, file(bare, TIMES), "--looks", "15s, 1m, 5m", "--then", "1h")

    assert found["looks"] == looks
    assert found["looks_per_message"] == pytest.approx(expected.cost(looks))
    assert found["mean_delay"] == pytest.approx(expected.delay(looks))


@pytest.mark.parametrize(
    ("text", "never", "count"),
    [
        ("5\n\n7\n", 1, 3),
        ("5\n7", 0, 2),
        ("5\n\n", 1, 2),
        ("seconds\n5\n", 0, 1),
        ('"seconds to settle"\r\n"5"\r\n""\r\n 6 \r\n', 1, 3),
        ("\ufeff5\n1e2\n0\n", 0, 3),
        ("5\n172800\n172801\n", 1, 3),
    ],
)
def test_an_empty_line_and_a_late_time_are_messages_that_never_settle(
    bare: Place, text: str, never: int, count: int
) -> None:
    bare.write("times.csv", text)

    assert simulated(bare, "times.csv", "--looks", "10s")["undecided"] == pytest.approx(never / count)


def test_every_bad_line_is_named_and_nothing_is_computed(bare: Place) -> None:
    bare.write("times.csv", "seconds\n1\n2,5\nsoon\n-3\nnan\n\n1_0\n")
    expected = (
        "Error: times.csv: line 3: '2,5' is not a number of seconds, like 12.5;"
        " line 4: 'soon' is not a number of seconds, like 12.5;"
        " line 5: '-3' is below 0, and nothing settles before it is sent;"
        " line 6: 'nan' is no age; leave the line empty for a message that never settled;"
        " line 8: '1_0' is not a number of seconds, like 12.5. Mend them; nothing was computed\n"
    )

    found = bare("schedule", "simulate", "--looks", "1m", "--times", "times.csv", code=1)

    assert (found.out, found.err) == ("", expected)


def test_of_very_many_bad_lines_the_first_are_named(bare: Place) -> None:
    bare.write("times.csv", "1\n" + "x\n" * 5000)

    found = bare("schedule", "simulate", "--looks", "1m", "--times", "times.csv", code=1).err

    assert "line 11: " in found
    assert "line 12: " not in found
    assert "and 4,990 more bad lines" in found


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "has no times: write the seconds that each message took, one a line"),
        (b"seconds\n", "has no times"),
        ("5\n".encode("utf-16"), "is UTF-16; save it as UTF-8"),
    ],
)
def test_a_file_without_times_says_so(bare: Place, data: bytes, said: str) -> None:
    bare.write("times.csv", data)

    assert said in bare("schedule", "simulate", "--looks", "1m", "--times", "times.csv", code=1).err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["simulate", "--looks", "5m,1m"], "ages must rise"),
        (["simulate", "--looks", "soon"], "'soon' is not a duration; write it like 90s"),
        (["simulate", "--looks", "1m", "--then", "0s"], "it must be longer than 0s"),
        (["simulate", "--looks", "1m", "--then", "1ms"], "write a longer `then`"),
        (["simulate", "--looks", "1m", "--horizon", "0s"], "it must be longer than 0s"),
        (["simulate", "--looks", "1m", "--schedule", "codes"], "--schedule needs --account"),
        (["suggest"], "say one of --looks-per-message, --mean-delay and --requests-per-day"),
        (["suggest", "--mean-delay", "1m", "--looks-per-message", "3"], "say one of"),
        (["suggest", "--looks-per-message", "0.5"], "ask for 1 look per message or more"),
        (["suggest", "--mean-delay", "1ms"], "no schedule has so little delay: looks at every round age leave"),
        (["suggest", "--requests-per-day", "5"], "--requests-per-day needs --messages-per-day"),
        (["suggest", "--requests-per-day", "5", "--messages-per-day", "10"], "10 messages a day take as many requests"),
    ],
)
def test_wrong_use_says_what_is_right(bare: Place, words: list[str], said: str) -> None:
    assert said in bare("schedule", *words, "--times", file(bare, TIMES), code=2).err.replace("\n", " ")


def test_an_account_that_is_not_there_is_guessed(landed: Place) -> None:
    words = ("--times", file(landed, TIMES), "--account", "text_mian")

    assert "did you mean 'text_main'?" in landed("schedule", "simulate", "--looks", "1m", *words, code=1).err


def test_a_suggestion_has_both_answers_and_keeps_to_the_cost(bare: Place) -> None:
    found = suggested(bare, "--looks-per-message", "3")
    known = Truth.of(TIMES)

    assert set(found) == KEYS | {"optimum", "held_out", "present", "toml", "notes"}
    assert found["optimum"]["mean_delay"] == pytest.approx(known.delay(found["optimum"]["looks"]))
    assert found["optimum"]["looks_per_message"] == pytest.approx(known.cost(found["optimum"]["looks"]))
    assert found["mean_delay"] == pytest.approx(known.delay(found["looks"]))
    assert max(found["looks_per_message"], found["optimum"]["looks_per_message"]) <= 3
    assert found["optimum"]["mean_delay"] <= found["mean_delay"]
    assert found["held_out"]["looks_per_message"] == pytest.approx(3, rel=0.1)
    assert found["held_out"]["mean_delay"] > found["optimum"]["mean_delay"]
    assert found["present"]["schedule"] == "the default of sms"


def test_requests_a_day_are_looks_of_all_messages(bare: Place) -> None:
    found = suggested(bare, "--requests-per-day", "6000", "--messages-per-day", "2000")
    expected = suggested(bare, "--looks-per-message", "3")

    assert found["looks"] == expected["looks"]
    assert found["requests_per_day"] == pytest.approx(2000 * found["looks_per_message"])
    assert expected["requests_per_day"] is None
    assert expected["notes"] == [
        "requests a day are not known: say how many messages there are with --messages-per-day"
    ]


def test_a_mean_delay_is_kept_to(bare: Place) -> None:
    found = suggested(bare, "--mean-delay", "10m")

    assert found["mean_delay"] <= 600
    assert found["optimum"]["mean_delay"] <= 600


def test_what_is_printed_can_be_pasted(landed: Place) -> None:
    """Beside the account's own schedule."""
    words = ("--looks-per-message", "3", "--times", file(landed, TIMES), "--account", "text_main", "--channel", "sms")
    expected = suggested(landed, "--looks-per-message", "3")["looks"]

    found = landed("schedule", "suggest", *words).out
    pasted, _, table = found.partition("\n\n")
    options = ScheduleOptions.model_validate(tomllib.loads(pasted)["accounts"]["text_main"]["channels"]["sms"])

    assert [look.total_seconds() for look in options.looks or ()] == expected
    assert "in force: text_main sms" in table
    assert "to use, on unseen times" in table


def test_times_may_come_from_standard_input_and_figures_are_a_table(bare: Place) -> None:
    expected = (
        "looks at 10s, then only the last look; the last look at 2d\n\n"
        "schedule                      looks per message  requests a day  mean delay  p50  p95  p99  undecided\n"
        "simulated                     1.50               15              4s          4s   4s   4s   50.0%\n"
        "in force: the default of sms  "
    )

    found = bare(
        "schedule", "simulate", "--looks", "10s", "--times", "-", "--messages-per-day", "10", stdin="6\n\n"
    ).out

    assert found.startswith(expected)


def test_messages_that_never_settle_need_no_look_and_are_told(bare: Place) -> None:
    file(bare, [None] * 20)

    found = bare("schedule", "suggest", "--looks-per-message", "3", "--times", "times.csv", "--json").json

    assert (found["looks"], found["mean_delay"], found["undecided"]) == ([], None, 1)
    assert "no message settles by the horizon, so no look but the last is of use" in found["notes"]
    assert found["held_out"] is None


@pytest.mark.parametrize("length", ["15s", "1m30s", "2h"])
def test_a_look_at_just_that_age_knows_it(bare: Place, length: str) -> None:
    times = file(bare, [durations.parse(length).total_seconds()])

    assert simulated(bare, times, "--looks", length)["mean_delay"] == 0


def test_recorded_times_are_those_of_the_account_with_its_own_horizon_and_messages_a_day(
    landed: Place, database: str
) -> None:
    settled(database)
    ages = [age for age, _ in RECORDED]
    expected = (sum(20 - age for age in ages if age <= 20) + sum(40 - age for age in ages if age > 20)) / len(ages)

    found = landed("schedule", "simulate", "--looks", "20s,40s", "--account", "text_main", "--json").json

    assert found["mean_delay"] == pytest.approx(expected)
    assert found["requests_per_day"] == pytest.approx(len(ages) * found["looks_per_message"])


def test_times_known_only_between_looks_are_said_to_be(landed: Place, database: str) -> None:
    settled(database, [(0, 15)] * 30 + [(15, 45)] * 10, kind=2)

    found = landed("schedule", "suggest", "--looks-per-message", "2", "--account", "text_main", "--json").json

    assert found["undecided"] == 0
    assert found["looks_per_message"] <= 2
    assert found["notes"][0].startswith(
        "all of the messages settled at a time that is known only to lie between two looks"
    )


def test_nothing_is_told_beyond_the_last_look(landed: Place, database: str) -> None:
    settled(database)

    assert "nothing is recorded after it" in landed(
        *("schedule", "simulate", "--looks", "1m", "--account", "text_main", "--horizon", "900d"), code=2
    ).err.replace("\n", " ")


def test_without_recorded_times_it_says_where_they_come_from(landed: Place) -> None:
    said = landed("schedule", "suggest", "--looks-per-message", "2", code=1).err

    assert "no settling times are recorded yet: a worker records one whenever a message settles" in said
