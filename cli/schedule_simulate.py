"""`schedule simulate`: what a schedule would cost and bring, on recorded times or on those of a file."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import click

from cli.output import show_json, visible
from cli.schedule_figures import note, plain, show
from cli.schedule_times import Asked, Length, Times, chosen, options
from rules import durations
from rules.ages import about, described
from rules.checking import Figures
from rules.schedules import Schedule
from store.measured import figures


class Ages(click.ParamType[tuple[timedelta, ...]]):
    """Ages on the line, rising: `15s,1m,5m`."""

    name = "ages"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[timedelta, ...]:
        """The ages that the text names; none for an empty one."""
        if isinstance(value, tuple):
            return value
        try:
            ages = tuple(durations.parse(part) for part in value.split(",")) if value.strip() else ()
        except ValueError as error:
            self.fail(str(error), param, ctx)
        if list(ages) != sorted(set(ages)):
            self.fail("ages must rise", param, ctx)
        return ages


@click.command()
@click.option("--looks", type=Ages(), required=True, help="Ages at which to look, like 15s,1m,5m.")
@click.option("--then", type=Length(), help="The pause between looks after the last of them.")
@options
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def simulate(looks: tuple[timedelta, ...], then: timedelta | None, *, as_json: bool, **asked: Any) -> None:
    """What a schedule would cost and bring, beside the one in force. Nothing is changed."""
    times = chosen(Asked(**asked))
    schedule = replace(times.present, looks=looks, then=then)
    found = judged(times, schedule)
    if as_json:
        show_json({**plain(times, found), "notes": times.notes()})
        return
    click.echo(f"looks at {described(schedule)}; the last look at {about(times.horizon)}\n")
    show(times, [("simulated", found), (f"in force: {visible(times.whose)}", judged(times, times.present))])
    note(times)


def judged(times: Times, schedule: Schedule) -> Figures:
    """The figures of a schedule. What is wrong with it is wrong use."""
    try:
        found = figures(times.curve, schedule)
    except ValueError as error:
        raise click.UsageError(str(error)) from error
    if found is None:
        raise click.ClickException("there are no settling times")
    return found
