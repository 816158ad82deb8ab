"""The benchmark of size leads every message through its whole life, and its figures fit together."""

import random

import asyncpg
import pytest

from bench.size import GOALS, KEPT, Life
from rules.statuses import Status
from store.connections import open_pool

#: It does not depend on the interpreter.
pytestmark = pytest.mark.once

MANY = 3000


@pytest.mark.parametrize("by_chance", [False, True])
async def test_a_life_ends_in_the_archive_and_its_sizes_add_up(database: str, *, by_chance: bool) -> None:
    async with open_pool(database, size=4) as pool, pool.acquire() as connection:
        life = Life(pool, connection, MANY, random.Random(1) if by_chance else None)  # noqa: S311 - an order
        figures = await life.run(lambda _said: None)
        kinds: list[asyncpg.Record] = await connection.fetch(
            "select kind, count(*) as rows from landed.event group by kind order by kind"
        )
        left = [
            await connection.fetchval(f"select count(*) from landed.{table}")  # noqa: S608 - from the line below
            for table in ("inbox", "watch", "message", "early", "stray")
        ]

    parts = sum(figures[f"{table} {part} B"] for table in KEPT for part in ("heap", "index"))
    steps = sum(figure for name, figure in figures.items() if name.startswith("WAL ") and name != "WAL B")
    assert [tuple(row) for row in kinds] == [(Status.SENT, MANY), (Status.DELIVERED, MANY)]
    assert left == [0] * 5
    assert figures["kept B"] == pytest.approx(parts)
    assert figures["WAL B"] == pytest.approx(steps, rel=0.01)
    assert all(figure > 0 for figure in figures.values())
    assert {goal.unit for goal in GOALS} <= set(figures)
