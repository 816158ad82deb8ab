"""`landed bench`: runs benchmarks, prints what they measured, and fails where a goal was missed."""

import asyncio
import logging
import sys
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import replace
from importlib import import_module
from types import ModuleType

import click
import structlog

from bench.rounds import FEWEST, Row, Wrong, rows, run, steps
from bench.servers import Place, described, server
from bench.stage import Stage
from cli.output import count, guess, progress, show_json, show_table

#: Every benchmark, in the order in which they run.
NAMES = (
    "apply", "unchanged", "claim", "sweep", "record", "report", "page", "http", "whole", "memory",
    "size", "races", "planner",
)  # fmt: skip

#: Those that need no server, because all that they do is counting.
WITHOUT_SERVER = {"planner"}

COLUMNS = ("benchmark", "variant", "unit", "median", "min..max", "ratio", "goal", "met")


@click.command()
@click.argument("names", nargs=-1, metavar="[NAME...]")
@click.option("--rounds", type=click.IntRange(min=FEWEST), default=FEWEST, show_default=True, help="Rounds that count.")
@click.option(
    "--rows",
    "scale",
    type=click.FloatRange(min=0, min_open=True),
    default=1.0,
    metavar="FACTOR",
    help="So many times the usual rows; 0.1 for a quick look.",
)
@click.option(
    "--seed", type=int, default=7, show_default=True, help="Decides the order within each round; what races do."
)
@click.option(
    "--minutes",
    type=click.FloatRange(min=0, min_open=True),
    default=1.0,
    show_default=True,
    help="How long races go on.",
)
@click.option(
    "--url",
    envvar="LANDED_BENCH_DATABASE_URL",
    help="A Postgres to measure, whose user may create databases; else one is started with stated settings.",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def bench(
    names: Sequence[str], rounds: int, scale: float, seed: int, minutes: float, url: str | None, *, as_json: bool
) -> None:
    """Measure what Landed costs, beside what it could cost at best.

    Runs each benchmark NAME, else all, its variants side by side in an order that changes every round. The ratio is to
    the variant's floor, in the same round. Exit code 1 if a goal was missed: times are only worth something on a
    machine that does nothing else.
    """
    chosen = [_known(name) for name in names] or list(NAMES)
    found: list[Row] = []
    # What the program logs while it is measured is no part of the outcome.
    structlog.configure(
        wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )
    with nullcontext(Place("", "")) if WITHOUT_SERVER.issuperset(chosen) else server(url) as place:
        if place.database:
            click.echo(asyncio.run(described(place.database)), err=True)
        for name in chosen:
            try:
                stage = Stage(place.database, place.redis, rounds, scale, seed=seed, minutes=minutes)
                found += asyncio.run(_one(name, stage))
            except Wrong as wrong:
                raise click.ClickException(f"{name}: {wrong}") from wrong
    if as_json:
        show_json([row.plain() for row in found])
    else:
        show_table(COLUMNS, [_cells(row) for row in found])
    missed = [row for row in found if row.met is False]
    if missed:
        goals = "; ".join(f"{row.benchmark}, {row.variant}: {row.goal} ({_reached(row)})" for row in missed)
        click.echo(f"missed {count(len(missed), 'goal')}: {goals}", err=True)
        sys.exit(1)


def _known(name: str) -> str:
    if name not in NAMES:
        hint = guess(name, NAMES)
        raise click.UsageError(f"there is no benchmark {name!r}{hint}; the benchmarks are {', '.join(NAMES)}")
    return name


def load(name: str) -> ModuleType:
    """The module of a benchmark, which may need what only developers have."""
    return import_module(f"bench.{name}")


async def _one(name: str, stage: Stage) -> list[Row]:
    """Run one benchmark, with progress on a terminal."""
    module = load(name)
    with progress(name, None) as bar:
        task = bar.task_ids[0]

        def say(said: str) -> None:
            bar.update(task, description=f"{name}: {said}")

        def step(said: str) -> None:
            say(said)
            bar.advance(task)

        say("preparing")
        async with module.variants(replace(stage, note=say)) as variants:
            bar.update(task, total=steps(variants, stage.rounds))
            measured = await run(variants, stage.rounds, stage.seed, step)
        return rows(name, variants, measured, module.GOALS)


def _cells(row: Row) -> tuple[object, ...]:
    return (
        row.benchmark,
        row.variant,
        row.unit,
        _figure(row.median),
        f"{_figure(row.min)}..{_figure(row.max)}",
        "" if row.ratio is None else f"{row.ratio:.3g}",
        row.goal,
        row.met,
    )


def _figure(value: float) -> str:
    """Three digits that count are more than is sure."""
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"  # noqa: PLR2004 - from where on all digits are whole


def _reached(row: Row) -> str:
    if row.goal and " of " in row.goal and row.ratio is not None:
        return f"reached {row.ratio:.3g}"
    return f"reached {_figure(row.median)}"
