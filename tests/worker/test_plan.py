"""The planner asks for what is due with few requests, and leaves nothing out that can be asked."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.base import Ids, Limits, References, Window
from rules.statuses import Channel
from rules.why import Why
from store.watches import Watch
from worker.density import Density
from worker.plan import Batch, chunks, is_longer, lookups, plan, requests

#: It does not depend on the interpreter.
pytestmark = pytest.mark.once

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
MINUTES = [NOW - timedelta(minutes=minute) for minute in range(2880)]


def watch(number: int, seconds_ago: float, *, provider_id: str | None = None, reference: str = "") -> Watch:
    name = f"m{number}" if provider_id is None else provider_id
    sent_at = NOW - timedelta(seconds=seconds_ago)
    return Watch(
        number, Channel.SMS, name, "", reference, None, 2, None, 1, None, None, sent_at, NOW + timedelta(days=1)
    )


def dense(a_second: float) -> Density:
    """A listing that showed so many messages a second for the last two days."""
    known = Density()
    known.recall(dict.fromkeys(MINUTES, a_second * 60))
    return known


def covered(batches: list[Batch]) -> list[int]:
    return sorted(one.id for batch in batches for one in batch.watches)


def test_many_close_together_are_read_as_one_window() -> None:
    due = [watch(number, 100 + number / 100) for number in range(900)]

    batches = plan(due, Limits(ids=1, listing=1000), Density(), NOW)

    assert [type(batch.what) for batch in batches] == [Window]


def test_stragglers_far_apart_are_looked_up() -> None:
    due = [watch(number, 100_000 * number) for number in range(1, 5)]

    batches = plan(due, Limits(ids=1, listing=50), dense(1), NOW)

    assert {type(batch.what) for batch in batches} == {Ids}


def test_windows_and_ids_are_mixed() -> None:
    many = [watch(number, 100 + number / 10) for number in range(500)]
    stragglers = [watch(1000 + number, 50_000 + 10_000 * number) for number in range(3)]

    batches = plan(many + stragglers, Limits(ids=1, listing=1000), dense(1), NOW)

    assert {type(batch.what) for batch in batches} == {Ids, Window}
    assert requests(batches) <= 3 + 10


def test_lookups_in_bulk_are_preferred_to_long_windows() -> None:
    due = [watch(number, 60 * number) for number in range(1000)]

    batches = plan(due, Limits(ids=1000, listing=100), dense(5), NOW)

    assert [type(batch.what) for batch in batches] == [Ids]


def test_long_ids_make_lookups_dearer_where_their_characters_are_limited() -> None:
    """100 ids of 36 characters need 20 requests, though 100 shorter ones would need one."""
    due = [watch(number, 60 * number, provider_id=f"{number:036}") for number in range(100)]

    batches = plan(due, Limits(ids=100, id_characters=200, listing=100), dense(0.1), NOW)

    assert [type(batch.what) for batch in batches] == [Window] * len(batches)
    assert requests(batches) < 20


def test_a_window_contains_everything_it_is_for() -> None:
    due = [watch(number, 100 + number) for number in range(300)]

    for batch in plan(due, Limits(ids=1, listing=100), Density(), NOW):
        if isinstance(batch.what, Window):
            assert all(batch.what.since <= one.sent_at < batch.what.until for one in batch.watches)


def test_what_has_no_id_yet_is_asked_by_reference() -> None:
    due = [watch(1, 10, provider_id="", reference="r1"), watch(2, 10)]

    batches = lookups(due, Limits(ids=5, references=5), Why.ONLY)

    assert [batch.what for batch in batches] == [Ids(("m2",)), References(("r1",))]


def test_several_recipients_of_one_id_are_asked_about_once() -> None:
    due = [watch(1, 10, provider_id="same"), watch(2, 10, provider_id="same")]

    batches = lookups(due, Limits(ids=5), Why.ONLY)

    assert [(batch.what, covered([batch])) for batch in batches] == [(Ids(("same",)), [1, 2])]


@given(
    st.lists(st.floats(0, 170_000), max_size=200),
    st.integers(1, 50),
    st.integers(1, 1000),
    st.floats(0, 50),
    st.booleans(),
)
def test_all_that_can_be_asked_is_asked_once_and_never_dearer_than_by_ids_alone_or_by_windows_alone(
    ages: list[float],
    ids: int,
    listing: int,
    density: float,
    newest_first: bool,  # noqa: FBT001  hypothesis gives it
) -> None:
    due = [watch(number, age) for number, age in enumerate(ages)]
    limits = Limits(ids=ids, listing=listing, newest_first=newest_first)
    known = dense(density)

    batches = plan(due, limits, known, NOW)

    assert covered(batches) == sorted(one.id for one in due)
    assert requests(batches) <= requests(lookups(due, limits, Why.ONLY))
    assert requests(batches) <= requests(plan(due, replace(limits, ids=0), known, NOW))


def test_what_cannot_be_listed_is_looked_up_and_what_cannot_be_looked_up_is_listed() -> None:
    due = [watch(1, 50), watch(2, 20)]

    found = {type(batch.what): batch.why for batch in plan(due, Limits(ids=1), dense(1), NOW)}
    listed = {type(batch.what): batch.why for batch in plan(due, Limits(listing=10), dense(50), NOW)}

    assert (found, listed) == ({Ids: Why.ONLY}, {Window: Why.ONLY})


def test_where_it_takes_no_more_requests_the_newest_are_read_by_a_window_up_to_now() -> None:
    """What is not due yet comes with it, and needs no look of its own once that settles it."""
    [batch] = plan([watch(1, 40)], Limits(ids=1, listing=100), dense(1), NOW)

    assert batch.what == Window(NOW - timedelta(seconds=70), NOW)
    assert (batch.why, batch.pages, batch.instead) == (Why.AHEAD, 1, 1)


def test_all_ids_of_one_lookup_give_way_to_a_window_of_one_page() -> None:
    [batch] = plan([watch(1, 40), watch(2, 20)], Limits(ids=50, listing=100), dense(1), NOW)

    assert (type(batch.what), batch.pages) == (Window, 1)


def test_a_window_of_more_pages_is_no_substitute_for_one_lookup() -> None:
    [batch] = plan([watch(1, 40)], Limits(ids=1, listing=20), dense(1), NOW)

    assert (batch.what, batch.why, batch.pages, batch.instead) == (Ids(("m1",)), Why.FEWEST, 1, 3)


def test_what_windows_did_not_show_is_looked_up_rather_than_listed_at_the_same_price() -> None:
    hidden = watch(1, 40)._replace(found=False)
    hides = dense(1)
    for _ in range(5):
        hides.showed(0, 1)

    [not_found] = plan([hidden], Limits(ids=1, listing=100), dense(1), NOW)
    [unreliable] = plan([watch(1, 40)], Limits(ids=1, listing=100), hides, NOW)

    assert (type(not_found.what), type(unreliable.what)) == (Ids, Ids)


def test_what_was_dense_at_nine_makes_no_other_time_dear() -> None:
    burst = Density()
    burst.learn(NOW - timedelta(hours=3), NOW - timedelta(hours=2, minutes=50), 100_000)

    [batch] = plan([watch(number, number) for number in range(40, 60)], Limits(ids=1, listing=100), burst, NOW)
    mixed = plan([watch(number, 10_500 + number / 10) for number in range(20)], Limits(ids=1, listing=100), burst, NOW)

    assert type(batch.what) is Window
    assert {type(one.what) for one in mixed} == {Ids}


def test_cuts_are_made_at_long_pauses_however_many_messages_are_due() -> None:
    """Three stragglers take three lookups and no message of the burst with them."""
    burst = [watch(number, 100 + number / 1000) for number in range(5000)]
    stragglers = [watch(10_000 + number, 50_000 + 10_000 * number) for number in range(3)]

    batches = plan(burst + stragglers, Limits(ids=1, listing=1000), dense(1), NOW)

    assert requests(batches) == 5 + 3


@pytest.mark.parametrize(
    ("pages", "shown", "unseen", "expected"),
    [(3, 5, 5, False), (4, 5, 5, False), (4, 1, 5, True), (4, 0, 3, True), (1, 9, 0, True), (4, 50, 50, False)],
    ids=[
        "shorter than expected",
        "as dear as lookups of the rest",
        "far from its end",
        "of others alone",
        "at its goal",
        "with many left",
    ],
)
def test_a_window_is_left_where_lookups_of_the_rest_are_fewer_than_its_pages(
    pages: int,
    shown: int,
    unseen: int,
    expected: bool,  # noqa: FBT001  a row of the table
) -> None:
    left = [watch(number, 100) for number in range(unseen)]

    assert is_longer(pages, 4, shown, left, Limits(ids=1, listing=100)) is expected


@given(st.lists(st.text(min_size=1, max_size=30), unique=True), st.integers(1, 20), st.integers(1, 200))
def test_chunks_keep_both_limits_unless_one_name_alone_is_too_long(
    names: list[str], most: int, characters: int
) -> None:
    runs = list(chunks(names, most, characters))

    assert [name for run in runs for name in run] == names
    assert all(len(run) <= most and (len(",".join(run)) <= characters or len(run) == 1) for run in runs)
