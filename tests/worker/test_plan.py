"""The planner asks for what is due with few requests, and leaves nothing out that can be asked."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from adapters.base import Ids, Limits, References, Window
from rules.statuses import Channel
from store.watches import Watch
from worker.plan import Batch, chunks, lookups, plan

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)


def watch(number: int, seconds_ago: float, *, provider_id: str | None = None, reference: str = "") -> Watch:
    name = f"m{number}" if provider_id is None else provider_id
    sent_at = NOW - timedelta(seconds=seconds_ago)
    return Watch(
        number, Channel.SMS, name, "", reference, None, 2, None, 1, None, None, sent_at, NOW + timedelta(days=1)
    )


def cost(batches: list[Batch]) -> int:
    return sum(batch.pages for batch in batches)


def covered(batches: list[Batch]) -> list[int]:
    return sorted(one.id for batch in batches for one in batch.watches)


def test_many_close_together_are_read_as_one_window() -> None:
    due = [watch(number, 100 + number / 100) for number in range(900)]

    batches = plan(due, Limits(ids=1, listing=1000), 0.0, NOW)

    assert [type(batch.what) for batch in batches] == [Window]


def test_stragglers_far_apart_are_looked_up() -> None:
    due = [watch(number, 100_000 * number) for number in range(1, 5)]

    batches = plan(due, Limits(ids=1, listing=50), 1.0, NOW)

    assert {type(batch.what) for batch in batches} == {Ids}


def test_windows_and_ids_are_mixed() -> None:
    dense = [watch(number, 100 + number / 10) for number in range(500)]
    stragglers = [watch(1000 + number, 50_000 + 10_000 * number) for number in range(3)]

    batches = plan(dense + stragglers, Limits(ids=1, listing=1000), 1.0, NOW)

    assert {type(batch.what) for batch in batches} == {Ids, Window}
    assert cost(batches) <= 3 + 10


def test_lookups_in_bulk_are_preferred_to_long_windows() -> None:
    due = [watch(number, 60 * number) for number in range(1000)]

    batches = plan(due, Limits(ids=1000, listing=100), 5.0, NOW)

    assert [type(batch.what) for batch in batches] == [Ids]


def test_long_ids_make_lookups_dearer_where_their_characters_are_limited() -> None:
    """100 ids of 36 characters need 20 requests, though 100 shorter ones would need one."""
    due = [watch(number, 60 * number, provider_id=f"{number:036}") for number in range(100)]

    batches = plan(due, Limits(ids=100, id_characters=200, listing=100), 0.1, NOW)

    assert [type(batch.what) for batch in batches] == [Window] * len(batches)
    assert cost(batches) < 20


def test_a_window_contains_everything_it_is_for() -> None:
    due = [watch(number, 100 + number) for number in range(300)]

    for batch in plan(due, Limits(ids=1, listing=100), 0.0, NOW):
        if isinstance(batch.what, Window):
            assert all(batch.what.since <= one.sent_at < batch.what.until for one in batch.watches)


def test_what_has_no_id_yet_is_asked_by_reference() -> None:
    due = [watch(1, 10, provider_id="", reference="r1"), watch(2, 10)]

    batches = lookups(due, Limits(ids=5, references=5))

    assert [batch.what for batch in batches] == [Ids(("m2",)), References(("r1",))]


def test_several_recipients_of_one_id_are_asked_about_once() -> None:
    due = [watch(1, 10, provider_id="same"), watch(2, 10, provider_id="same")]

    batches = lookups(due, Limits(ids=5))

    assert [(batch.what, covered([batch])) for batch in batches] == [(Ids(("same",)), [1, 2])]


@given(
    st.lists(st.floats(0, 200_000), max_size=200),
    st.integers(1, 50),
    st.integers(0, 1000),
    st.floats(0, 50),
    st.booleans(),
)
def test_all_that_can_be_asked_is_asked_once_and_never_dearer_than_by_id_alone(
    ages: list[float],
    ids: int,
    listing: int,
    density: float,
    newest_first: bool,  # noqa: FBT001  hypothesis gives it
) -> None:
    due = [watch(number, age) for number, age in enumerate(ages)]
    limits = Limits(ids=ids, listing=listing, newest_first=newest_first)

    batches = plan(due, limits, density, NOW)

    assert covered(batches) == sorted(one.id for one in due)
    # A run that is looked up may leave its last request half full.
    assert cost(batches) <= cost(lookups(due, limits)) + 1


@given(st.lists(st.text(min_size=1, max_size=30), unique=True), st.integers(1, 20), st.integers(1, 200))
def test_chunks_keep_both_limits_unless_one_name_alone_is_too_long(
    names: list[str], most: int, characters: int
) -> None:
    runs = list(chunks(names, most, characters))

    assert [name for run in runs for name in run] == names
    assert all(len(run) <= most and (len(",".join(run)) <= characters or len(run) == 1) for run in runs)
