"""The benchmarks of what is open do exactly what they say, as a few rows show."""

import pytest

import worker.sweep
from bench import claim, memory, sweep
from bench.rounds import Figures, Goal, rows, run
from bench.stage import Stage
from embedded import Urls

#: It does not depend on the interpreter.
pytestmark = pytest.mark.once


def stage(servers: Urls, scale: float) -> Stage:
    return Stage(servers.database, servers.redis, rounds=1, scale=scale)


def about(goals: tuple[Goal, ...]) -> set[str]:
    """The variants that goals name."""
    return {name for goal in goals for name in (goal.variant, goal.of) if name}


async def test_exactly_what_is_due_is_claimed_by_one_and_by_many_also_under_a_held_snapshot(
    servers: Urls, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each trial compares whom the claimers took with what was due; claims that overlapped would be too many."""
    monkeypatch.setattr(claim, "BATCH", 50)
    monkeypatch.setattr(claim, "BEFORE", 20.0)
    async with claim.variants(stage(servers, 0.01)) as variants:
        measured = await run(variants, 1, 1, lambda _step: None)
    found = rows("claim", variants, measured, claim.GOALS)

    assert about(claim.GOALS) <= set(measured)
    assert all(figures[claim.UNIT] > 0 for trials in measured.values() for figures in trials.values())
    assert sum(row.goal is not None for row in found) == len(claim.GOALS)


async def test_the_sweep_settles_all_that_is_overdue_once_and_never_ends_in_a_deadlock(
    servers: Urls, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker.sweep, "CHUNK", 200)
    monkeypatch.setattr(sweep, "PASS", 200 * worker.sweep.CHUNKS)
    async with sweep.variants(stage(servers, 0.01)) as variants:
        measured = await run(variants, 1, 1, lambda _step: None)
    found = rows("sweep", variants, measured, sweep.GOALS)

    assert about(sweep.GOALS) <= set(measured)
    assert [figures["deadlocks"] for figures in measured[sweep.WITH_APPLIES].values()] == [0.0]
    assert [figures["HOT %"] for figures in measured["sweep"].values()] == [pytest.approx(100, abs=5)]
    assert sum(row.goal is not None for row in found) == len(sweep.GOALS)


async def test_the_memory_of_a_worker_is_read_when_it_has_asked_about_all_that_is_due(
    servers: Urls, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(memory, "SECONDS", 0.0)
    monkeypatch.setattr(memory, "AROUND", 100)
    found: dict[str, Figures] = {}
    async with memory.variants(stage(servers, 0.01)) as variants:
        for variant in variants:
            if variant.name in {"nothing open", "many open, some due"}:
                found[variant.name] = await variant.run()

    assert about(memory.GOALS) <= {variant.name for variant in variants}
    assert all(0 < figures[memory.UNIT] <= figures[f"{memory.UNIT} at most"] for figures in found.values())
    assert len(found) == 2
