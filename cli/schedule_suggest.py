"""`schedule suggest`: the schedule with the least delay for what it may cost, as TOML to paste."""

from datetime import timedelta
from typing import Any

import click

from cli.output import show_json, visible
from cli.schedule_figures import plain, seconds, show
from cli.schedule_simulate import judged
from cli.schedule_times import Asked, Length, Times, chosen, options
from rules import pasting
from rules.ages import about
from rules.suggesting import Goal, Suggestion, Unreachable
from rules.suggesting import suggest as search


@click.command()
@click.option("--looks-per-message", type=float, help="At most so many looks at a message, on average.")
@click.option("--mean-delay", type=Length(), help="At most so much later than the provider, on average.")
@click.option("--requests-per-day", type=float, help="At most so many looks a day.")
@options
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def suggest(
    looks_per_message: float | None,
    mean_delay: timedelta | None,
    requests_per_day: float | None,
    *,
    as_json: bool,
    **asked: Any,
) -> None:
    """The best schedule for one of three wishes, beside the one in force. Nothing is changed.

    The schedule to use is smoothed and has round ages. The optimum is the best on the times given, and flatters itself.
    """
    if [looks_per_message, mean_delay, requests_per_day].count(None) != 2:  # noqa: PLR2004 - one of three is left
        raise click.UsageError("say one of --looks-per-message, --mean-delay and --requests-per-day")
    times = chosen(Asked(**asked))
    goal = _goal(times, looks_per_message, mean_delay, requests_per_day)
    try:
        found = search(times.observed, times.horizon, goal, first_look=times.present.first_look.total_seconds())
    except Unreachable as error:
        raise click.UsageError(str(error)) from error
    if as_json:
        show_json(_plain(times, found))
    else:
        _print(times, found)


def _goal(times: Times, looks: float | None, delay: timedelta | None, requests: float | None) -> Goal:
    if requests is None:
        return Goal(looks, None if delay is None else delay.total_seconds())
    if not times.messages_per_day:
        raise click.UsageError(
            "--requests-per-day needs --messages-per-day: nobody has said how many messages there are"
        )
    if not requests >= times.messages_per_day:
        raise click.UsageError(
            f"every message takes one look, the last: {times.messages_per_day:,.0f} messages a day take as many"
            " requests at least; ask for more, or say with --messages-per-day that there are fewer"
        )
    return Goal(looks_per_message=requests / times.messages_per_day)


def _plain(times: Times, found: Suggestion) -> dict[str, Any]:
    held_out = found.held_out
    return {
        "optimum": {
            "looks": seconds(found.optimum.looks),
            "looks_per_message": found.optimum.looks_per_message,
            "mean_delay": found.optimum.mean_delay,
        },
        **plain(times, found.use),
        "held_out": None
        if held_out is None
        else {
            "looks_per_message": held_out.looks_per_message,
            "mean_delay": held_out.mean_delay,
            "parts": held_out.parts,
        },
        "present": {"schedule": times.whose, **plain(times, judged(times, times.present))},
        "toml": toml(times, found),
        "notes": notes(times, found),
    }


def notes(times: Times, found: Suggestion) -> list[str]:
    """What a person should know before using the schedule."""
    said = times.notes()
    if not times.curve.settling:
        said.append("no message settles by the horizon, so no look but the last is of use")
    if found.held_out is None:
        said.append("there are too few times to judge the schedule on others than those it was fitted to")
    return said


def toml(times: Times, found: Suggestion) -> str:
    """The schedule to use, as it stands in landed.toml."""
    return pasting.toml(times.account or "NAME", pasting.table(times.channel.word, times.named), found.use.looks)


def _print(times: Times, found: Suggestion) -> None:
    click.echo(toml(times, found))
    held_out = found.held_out
    unseen = (
        []
        if held_out is None
        else [("to use, on unseen times", f"{held_out.looks_per_message:.2f}", None, about(held_out.mean_delay))]
    )
    rows = [
        ("to use", found.use),
        (f"in force: {visible(times.whose)}", judged(times, times.present)),
        ("optimum of these times", found.optimum),
    ]
    show(times, rows, unseen)
    for one in notes(times, found):
        click.echo(f"note: {one}", err=True)
