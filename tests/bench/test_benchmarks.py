"""Every benchmark does, in small, exactly what it says, and what it writes is exact."""

import pytest

from bench.command import NAMES, load
from bench.rounds import Measured, rows, run
from bench.stage import Stage
from embedded import Urls

#: It does not depend on the interpreter.
pytestmark = pytest.mark.once

#: Those that go on for a time, or need more than a test's server. Their own tests are beside these.
OTHERS = {"races", "size", "claim", "sweep", "memory", "record", "report", "page", "http", "planner"}

#: Small, and still more than one page of a thousand.
SCALE = 0.15


@pytest.fixture(scope="module", params=[name for name in NAMES if name not in OTHERS])
async def measured(request: pytest.FixtureRequest, servers: Urls) -> tuple[str, Measured]:
    """A benchmark and what it measured in two rounds. Each variant makes sure of what it did."""
    module = load(request.param)
    async with module.variants(Stage(servers.database, servers.redis, 2, SCALE)) as variants:
        found = await run(variants, 2, 7, lambda _said: None)
        rows(request.param, variants, found, module.GOALS)
    return request.param, found


def figures(measured: Measured, unit: str) -> dict[str, list[float]]:
    """A figure of every variant that has it."""
    return {
        name: [one[unit] for one in trials.values()]
        for name, trials in measured.items()
        if all(unit in one for one in trials.values())
    }


async def test_every_update_of_a_message_is_hot(measured: tuple[str, Measured]) -> None:
    name, found = measured
    shares = figures(found, "HOT %")

    assert shares or name == "unchanged"
    assert {variant: share for variant, share in shares.items() if min(share) < 95} == {}


async def test_old_news_writes_nothing(measured: tuple[str, Measured]) -> None:
    """Where the watch or the process knew, not even the database is asked; otherwise it says so in a few bytes."""
    name, found = measured
    if name != "unchanged":
        return
    written = figures(found, "WAL B")

    assert [max(written[variant]) for variant in ("claimed, 100 % old", "a feed's look-back")] == [0, 0]
    assert max(written["claimed, 100 % old, through the database"]) <= 10
    assert max(written["a feed's look-back, through the database"]) <= 10
