"""`schedule show`: what is in force, what it costs, and how much later than the provider we know."""

from collections.abc import Iterator
from pathlib import Path

import click

from cli import session
from cli.output import Word, count, show_fields, show_json, visible
from cli.recorded import Everything, everything, label, wanted
from cli.schedule_shown import DAY, Shown, plain, quota
from rules import durations
from rules.ages import about, described
from rules.shares import percent
from rules.statuses import Channel
from rules.times import iso
from store import journal, retiming
from store.adapted import Adapted
from store.connections import Pool
from store.measured import Measured

#: More settlings than this share that an earlier look should have shown are worth a word.
MANY_MISSED = 0.05


@click.command()
@click.option("--account", help="One account only.")
@click.option("--channel", type=Word(Channel), help="One channel only.")
@click.option(
    "--plot",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Draw the one schedule that fits into FILE, which ends with .svg or .png.",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def show(account: str | None, channel: Channel | None, plot: Path | None, *, as_json: bool) -> None:
    """What is in force, what it costs, and how much later than the provider Landed knows.

    Costs and delays are those of the messages that settled in the time for which looks are kept (`retention.looks`).
    """
    if plot is not None and plot.suffix not in {".svg", ".png"}:
        raise click.BadParameter(f"{plot.name} ends with neither .svg nor .png", param_hint="'--plot'")

    async def task(pool: Pool) -> tuple[Shown, Measured | None]:
        known = await everything(pool, account, channel)
        async with pool.acquire() as connection:
            requests = {row["name"]: row["requests"] for row in await journal.requests(connection, known.now - DAY)}
            retimed = {one.account: one for one in await retiming.progress(connection)}
            refusals = [dict(row) for row in await retiming.refusals(connection, known.now)]
        drawn = await wanted(pool, account, channel) if plot is not None else None
        return Shown(known, requests, retimed, refusals), drawn

    shown, drawn = session.work(task)
    if drawn is not None and plot is not None:
        # Drawing takes a second to load, and nobody else needs it.
        from cli.schedule_plot import draw  # noqa: PLC0415

        draw(drawn, plot)
        click.echo(f"{label(drawn)} is drawn in {plot}", err=True)
    if as_json:
        show_json(plain(shown))
    else:
        _print(shown)


def _print(shown: Shown) -> None:
    if not shown.known.measured:
        click.echo("no account is configured: add one to landed.toml, `landed adapters` says what it needs")
        return
    last = ""
    for one in shown.known.measured:
        name = one.account.name
        if name != last:
            click.echo(("\n" if last else "") + f"{name} ({one.account.adapter})")
            _fields(_about_account(shown, name))
            last = name
        click.echo(f"\n{visible(label(one))}")
        _fields(_about(shown.known, one))
    for refusal in shown.refusals:
        problems = "; ".join(refusal["problems"])
        click.echo(
            f"\nworker {refusal['worker']} refuses its changed file since {iso(refusal['refused_at'])} and goes on with"
            f" the old settings: {visible(problems)}"
        )


def _fields(fields: Iterator[tuple[str, str]]) -> None:
    known = list(fields)
    longest = max(len(name) for name, _ in known)
    show_fields((name.ljust(longest), text) for name, text in known)


def _about_account(shown: Shown, name: str) -> Iterator[tuple[str, str]]:
    made, allowed = shown.requests.get(name, 0), quota(shown, name)
    yield (
        "requests",
        f"{made:,} in the last day, {percent(made / max(allowed, 1))} of the {allowed:,} that its limits allow",
    )
    account = shown.known.accounts[name]
    if account.limits.streams:
        yield "stream", f"read every {durations.text(account.limits.read_every)}; looks mend what it has lost"
    progress = shown.retimed.get(name)
    if progress is not None and progress.phase != "none":
        yield (
            "re-timing",
            (
                f"{', '.join(progress.changed)} changed at {iso(progress.changed_at)}; {progress.words}:"
                f" {progress.seen:,} of {count(progress.total, 'open message')} seen, {progress.moved:,} moved"
            ),
        )
    elif progress is not None and progress.changed:
        yield "changed", f"{', '.join(progress.changed)} at {iso(progress.changed_at)}; in force for every message"


FROM = {
    "named": "as named by messages",
    "adaptive": "adapted by itself",
    "set": "as set",
    "default": "the default",
}


def _about(known: Everything, one: Measured) -> Iterator[tuple[str, str]]:
    schedule = one.schedule
    said = f"{described(schedule)} ({FROM[one.origin]})"
    yield "looks at", said
    first = f"; none below {durations.text(schedule.first_look)}" if schedule.first_look else ""
    yield "jitter", f"{schedule.jitter:g}{first}; the last look at {durations.text(one.horizon)}"
    yield from _about_adaptive(known, one)
    if not one.total.messages:
        waiting = f"; {count(one.open, 'message')} open" if one.open else ""
        yield "recorded", f"nothing yet: every message that settles is recorded{waiting}"
        return
    yield "recorded", _recorded(one)
    expected = "; too many to compute, write a longer `then`" if one.curve.total else ""
    if one.figures is not None:
        expected = f"; {one.figures.looks_per_message:.2f} if each were looked at alone"
    yield "cost", f"{one.looks_per_message:.2f} looks per message{expected}"
    if one.delays is not None:
        delays = one.delays
        spread = f"p50 {about(delays.p50)}, p95 {about(delays.p95)}, p99 {about(delays.p99)}, mean {about(delays.mean)}"
        alone = f"; by the schedule alone, mean {about(one.figures.mean_delay)}" if one.figures else ""
        yield "delay", f"{spread} after the provider's time{alone}"
    elif one.figures is not None and one.figures.mean_delay is not None:
        yield "delay", f"about {about(one.figures.mean_delay)} in the mean; the provider gives no time to measure it by"
    deadline = durations.text(one.account.allowances[one.channel])
    yield "undecided", f"{percent(one.undecided or 0)} at the deadline of {deadline}"
    if one.total.missed > one.total.told * MANY_MISSED:
        yield (
            "careful",
            (
                f"{percent(one.total.missed / one.total.told)} had settled, by the provider's time, before a look that"
                " did not show it: its status lags behind its own times, so delays are longer than the schedule's"
            ),
        )


def _recorded(one: Measured) -> str:
    total = one.total
    kinds = [
        (total.told, "with the provider's time"),
        (total.between, "known between two looks"),
        (total.never, "never settled"),
    ]
    said = ", ".join(f"{number:,} {kind}" for number, kind in kinds if number)
    waiting = f"; {one.open:,} open" if one.open else ""
    return f"{count(total.messages, 'message')} since {iso(total.first_at)}: {said}{waiting}"


def _about_adaptive(known: Everything, one: Measured) -> Iterator[tuple[str, str]]:
    adaptive = one.account.adaptive.get(one.channel)
    if adaptive is None or one.name is not None:
        return
    yield "adaptive", _stands(known.stands(one.account.name, one.channel))
    if one.schedule != adaptive.configured:
        yield "configured", described(adaptive.configured)


def _stands(stands: Adapted | None) -> str:
    if stands is None:
        return "on; not judged yet: a worker does it within a minute"
    if stands.pinned_at is not None:
        return (
            f"pinned by {stands.pinned_by} since {iso(stands.pinned_at)}; `landed schedule unpin` lets it follow again"
        )
    changed = (
        f"{count(stands.changes, 'change')}, the last at {iso(stands.changed_at)}" if stands.changes else "no change"
    )
    judged = f"; at {iso(stands.judged_at)} it was judged: {stands.found}" if stands.judged_at and stands.found else ""
    return f"on; {changed}{judged}"
