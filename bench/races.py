"""A long race on many connections, compared with a model at its end. It must end without a difference.

`--minutes` says how long, `--seed` what chance does; how connections meet is never the same twice.
"""

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import click

from bench.racing import race
from bench.rounds import Figures, Goal, Variant
from bench.stage import Stage

MEANING = "everything at once about the same messages, compared with a model at the end"

GOALS = (Goal("everything at once", at_most=0, unit="differences"),)

#: Differences that are told; the others are counted.
TOLD = 10


@asynccontextmanager
async def variants(stage: Stage) -> AsyncIterator[list[Variant]]:
    """One variant, once, in a database of its own."""

    async def run() -> Figures:
        ends_at = time.monotonic() + stage.minutes * 60
        async with stage.database() as url:
            came = await race(url, stage.seed, lambda _track: time.monotonic() >= ends_at)
        for difference in came.differences[:TOLD]:
            click.echo(difference, err=True)
        return {**came.counts, "differences": len(came.differences), "seed": stage.seed}

    yield [Variant("everything at once", run, once=True)]
