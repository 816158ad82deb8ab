"""A picture of a schedule: when messages settle and when it looks, and what more looks would gain.

Only `--plot` needs it, so matplotlib is loaded with it and nowhere else; never pyplot, which keeps what it has drawn.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import click
import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedFormatter, FixedLocator, NullLocator, PercentFormatter
from matplotlib.typing import RcKeyType

from cli.output import count
from cli.recorded import label
from rules.ages import about
from rules.checking import Figures, judge
from rules.frontier import frontier, marks
from rules.settling_times import Curve
from rules.suggesting import Goal, to_use
from store.measured import Measured

#: How many marks an axis has room for.
ROOM = 9

SETTLED, KNOWN, PRESENT, SUGGESTED = "#1b5e9b", "#c2571a", "#c2571a", "#2e7d32"

STYLE: dict[RcKeyType, object] = {
    "svg.hashsalt": "landed",
    # Letters stay letters, so that a picture can be searched and read aloud.
    "svg.fonttype": "none",
    "text.parse_math": False,
    "font.family": "sans-serif",
    "font.size": 10,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.color": "#e3e3e3",
}


@dataclass(frozen=True)
class Drawing:
    """What is drawn."""

    title: str
    times: Curve
    present: Figures
    suggested: Figures | None
    #: Looks per message and the least mean delay for it, rising in cost.
    frontier: Sequence[tuple[float, float]]


def draw(one: Measured, path: Path) -> None:
    """Write the picture of a schedule with recorded times to a file, whose ending says how."""
    if one.figures is None:
        raise click.ClickException(f"{label(one)} looks too often to be drawn: write a longer `then`")
    first = one.schedule.first_look.total_seconds()
    goal = Goal(looks_per_message=one.figures.looks_per_message)
    suggested = judge(one.curve, to_use(one.curve, goal, first))
    title = f"{label(one)}: {count(one.total.messages, 'message')} settled, {one.open:,} open"
    if one.total.between:
        title += f"\n{one.total.between:,} known only between two looks, and taken as spread evenly between them"
    paint(Drawing(title, one.curve, one.figures, suggested, list(frontier(one.curve, one.figures, first))), path)


def paint(drawing: Drawing, path: Path) -> None:
    """Write the picture. The same drawing gives the same file."""
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(11, 5.2), layout="constrained")
        figure.suptitle(drawing.title)
        left, right = figure.subplots(1, 2)
        _settling(left, drawing)
        _frontier(right, drawing)
        kind = path.suffix.removeprefix(".")
        # Without a date and a version, so that the same times make the same file.
        figure.savefig(path, format=kind, dpi=120, metadata={"svg": {"Date": None}, "png": {"Software": None}}[kind])


def _settling(axes: Axes, drawing: Drawing) -> None:
    times, looks = drawing.times, drawing.present.looks
    ages = [max(age, 1e-3) for age in times.ages]
    begin = min([*ages, *looks, times.horizon]) / 2
    axes.plot([begin, *ages, times.horizon], [0, *times.shares, times.settled(times.horizon)], drawstyle="steps-post",
        color=SETTLED, linewidth=1.8, label="settled at the provider")  # fmt: skip
    known = [times.settled(look) for look in (*looks, times.horizon)]
    axes.plot([begin, *looks, times.horizon], [0, *known], drawstyle="steps-post", color=KNOWN, linewidth=1.2,
        label="known to us")  # fmt: skip
    for look in looks:
        axes.axvline(look, color=KNOWN, linewidth=0.6, alpha=0.35)
    axes.set_xscale("log")
    axes.set_xlim(begin, times.horizon * 1.05)
    axes.set_ylim(0, 1.02)
    axes.yaxis.set_major_formatter(PercentFormatter(1.0))
    _durations(axes, "x")
    axes.set_title("When messages settle, and the looks at them", fontsize=11)
    axes.set_xlabel("age of the message")
    axes.set_ylabel("share of messages")
    _legend(axes)


def _frontier(axes: Axes, drawing: Drawing) -> None:
    axes.set_title("What looks cost, and how late we know", fontsize=11)
    axes.set_xlabel("looks per message")
    axes.set_ylabel("mean delay after the provider's time")
    points = [(cost, delay) for cost, delay in drawing.frontier if delay > 0]
    if points:
        axes.plot(*zip(*points, strict=True), color=SETTLED, linewidth=1.6, label="the least possible on these times")
    for figures, color, marker, name in (
        (drawing.present, PRESENT, "o", "the schedule in force"),
        (drawing.suggested, SUGGESTED, "D", "suggested at this cost"),
    ):
        if figures is not None and figures.mean_delay:
            said = f"{name}: {figures.looks_per_message:.2f} looks, {about(figures.mean_delay)}"
            axes.plot(figures.looks_per_message, figures.mean_delay, marker, color=color, markersize=8, label=said)
    axes.set_yscale("log")
    _durations(axes, "y")
    axes.set_xlim(left=1)
    _legend(axes)


def _legend(axes: Axes) -> None:
    """Below the axes, where it hides nothing."""
    axes.legend(loc="upper left", bbox_to_anchor=(0.0, -0.14), frameon=False, borderaxespad=0.0)


def _durations(axes: Axes, which: str) -> None:
    """Marks at lengths of time that people know, as many as there is room for."""
    low, high = axes.get_xlim() if which == "x" else axes.get_ylim()
    axis = axes.xaxis if which == "x" else axes.yaxis
    kept = marks(low, high, ROOM)
    axis.set_major_locator(FixedLocator(kept))
    axis.set_major_formatter(FixedFormatter([about(mark) for mark in kept]))
    axis.set_minor_locator(NullLocator())
