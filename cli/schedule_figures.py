"""The figures of schedules, as commands show them."""

from collections.abc import Iterable
from typing import Any

import click

from cli.output import show_table
from cli.schedule_times import Times
from rules.ages import about
from rules.checking import Figures

COLUMNS = ("schedule", "looks per message", "requests a day", "mean delay", "p50", "p95", "p99", "undecided")


def plain(times: Times, figures: Figures) -> dict[str, Any]:
    """The figures as JSON has them: ages and delays in seconds."""
    return {
        "looks": seconds(figures.looks),
        "looks_per_message": figures.looks_per_message,
        "mean_delay": figures.mean_delay,
        "p50_delay": figures.p50_delay,
        "p95_delay": figures.p95_delay,
        "p99_delay": figures.p99_delay,
        "undecided": figures.undecided,
        "requests_per_day": times.requests_per_day(figures),
    }


def seconds(ages: Iterable[float]) -> list[float]:
    """Ages in seconds, whole ones without a point."""
    return [int(age) if float(age).is_integer() else age for age in ages]


def show(times: Times, rows: Iterable[tuple[str, Figures]], more: Iterable[tuple[object, ...]] = ()) -> None:
    """A table of schedules with their figures; `more` are rows that have fewer columns."""
    cells = [_row(times, name, figures) for name, figures in rows]
    cells += [(*row, *[None] * (len(COLUMNS) - len(row))) for row in more]
    show_table(COLUMNS, cells, sparse=True)


def _row(times: Times, name: str, figures: Figures) -> tuple[object, ...]:
    requests = times.requests_per_day(figures)
    return (
        name,
        f"{figures.looks_per_message:.2f}",
        None if requests is None else f"{requests:,.0f}",
        *map(about, (figures.mean_delay, figures.p50_delay, figures.p95_delay, figures.p99_delay)),
        f"{figures.undecided:.1%}",
    )


def note(times: Times) -> None:
    """Say what a person should know of the times."""
    for one in times.notes():
        click.echo(f"note: {one}", err=True)
