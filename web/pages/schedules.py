"""Schedules: what is in force and what it brings, and trying others in its place without changing anything."""

from collections.abc import Mapping
from dataclasses import asdict
from functools import partial
from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Request
from fastapi.responses import HTMLResponse, JSONResponse
from pydantic import BaseModel, Field

from rules.ages import described
from rules.columns import CHANNELS
from rules.schedules import Schedule
from rules.viewers import Scope
from store.measured import Measured
from web import drawing, simulating
from web.masking import seen_text
from web.measuring import Basis
from web.problem import Problem
from web.simulating import FEWEST, MOST, STEP, Pictures, Step
from web.site import Here, Live
from web.templating import render
from web.who import Reader

router = APIRouter(include_in_schema=False)

Name = Annotated[str, Path(max_length=200)]
ChannelWord = Annotated[str, Path(max_length=20)]

#: More settlings than this share that an earlier look should have shown are worth a word.
MANY_MISSED = 0.05

ORIGINS = {
    "named": "as named by messages",
    "adaptive": "adapted by itself",
    "set": "as set",
    "default": "the default",
}


class Wish(BaseModel):
    """What is to be tried: so many looks per message, or these looks; and which schedule is meant, if it has a name."""

    looks_per_message: float | None = Field(default=None, ge=FEWEST, le=1000, allow_inf_nan=False)
    looks: str | None = Field(default=None, max_length=2000)
    then: str = Field(default="", max_length=50)
    schedule: str | None = Field(default=None, max_length=200)


@router.get("/operations/schedules")
async def schedules(request: Request, live: Here, viewer: Reader) -> HTMLResponse:
    """The page of all schedules."""
    known = await live.measuring.everything()
    by_account: dict[str, list[Measured]] = {}
    for one in known.measured:
        by_account.setdefault(one.account.name, []).append(one)
    return render(
        request,
        "schedules.html",
        accounts=by_account,
        requests=known.requests,
        retimed=known.retimed,
        refusals=[(worker, at, [seen_text(viewer, one) for one in said]) for worker, at, said in known.refusals],
        stand=known.stand,
        described=described,
        origins=ORIGINS,
        may_see_changes=viewer.may(Scope.OPERATE),
        now=known.now,
    )


@router.get("/operations/schedules/{name}/{channel}")
async def schedule(
    request: Request, live: Here, viewer: Reader, name: Name, channel: ChannelWord, wish: Annotated[Wish, Query()]
) -> HTMLResponse:
    """The page of one, with its simulator."""
    basis = await _basis(live, name, channel, wish.schedule)
    pictures = drawn(basis)
    problem, trial = "", None
    try:
        trial = await _wanted(live, basis, wish)
    except Problem as error:
        problem = error.detail
    present = basis.measured.schedule
    in_force = simulating.step(basis, pictures, present)
    advised = None if basis.is_empty else await live.measuring.work(partial(_advised, basis, pictures))
    tried = in_force
    if trial is not None:
        try:
            tried = await live.measuring.work(partial(simulating.step, basis, pictures, trial))
        except Problem as error:
            problem, trial = error.detail, None
    known = await live.measuring.everything()
    return render(
        request,
        "schedule.html",
        422 if problem else 200,
        one=basis.measured,
        basis=basis,
        pictures=pictures,
        picture=drawing,
        in_force=in_force,
        advised=advised,
        tried=tried,
        pasted=tried if trial is not None or advised is None else advised,
        is_tried=trial is not None,
        slider={"least": FEWEST, "most": MOST, "step": STEP, "value": _slider(basis, wish)},
        wish=wish,
        problem=problem,
        described=described,
        origin=ORIGINS[basis.measured.origin],
        stands=None if wish.schedule else known.stand.get((name, basis.measured.channel)),
        careful=_missed(basis.measured),
        path_of=f"{name}/{channel}",
        may_see_changes=viewer.may(Scope.OPERATE),
    )


@router.get("/operations/schedules/{name}/{channel}/simulate.json")
async def simulate(
    live: Here, viewer: Reader, name: Name, channel: ChannelWord, wish: Annotated[Wish, Query()]
) -> JSONResponse:
    """One schedule as the page shows it, for its script."""
    del viewer
    basis = await _basis(live, name, channel, wish.schedule)
    try:
        trial = await _wanted(live, basis, wish)
        chosen = basis.measured.schedule if trial is None else trial
        found = await live.measuring.work(partial(simulating.step, basis, drawn(basis), chosen))
    except Problem as error:
        # An answer too: it comes while somebody types.
        return JSONResponse({"problem": error.detail})
    return JSONResponse(asdict(found))


@router.get("/operations/schedules/{name}/{channel}/ladder.json")
async def ladder(
    live: Here, viewer: Reader, name: Name, channel: ChannelWord, schedule: Annotated[str | None, Query()] = None
) -> JSONResponse:
    """A schedule for each place of the slider, so that the page can show it at once."""
    del viewer
    basis = await _basis(live, name, channel, schedule)
    pictures = drawn(basis)
    steps: dict[str, Mapping[str, Any]] = {}
    for place in range(round((MOST - FEWEST) / STEP) + 1):
        looks = FEWEST + place * STEP
        # Each in a turn of its own, so that whoever wants another schedule waits for one of them only.
        found = await live.measuring.work(partial(_suggested, basis, pictures, looks))
        steps[f"{looks:g}"] = asdict(found)
    return JSONResponse(steps)


def _suggested(basis: Basis, pictures: Pictures, looks_per_message: float) -> Step:
    return simulating.step(basis, pictures, simulating.suggested(basis, looks_per_message))


def _advised(basis: Basis, pictures: Pictures) -> Step:
    """The best schedule that costs no more than the one in force."""
    return _suggested(basis, pictures, basis.present.looks_per_message)


async def _basis(live: Live, name: str, channel: str, schedule: str | None) -> Basis:
    found = await live.measuring.basis(name, CHANNELS[channel], schedule or None) if channel in CHANNELS else None
    if found is None:
        raise Problem(404, "there is no such schedule; go back to the list of schedules")
    return found


def drawn(basis: Basis) -> Pictures:
    """The pictures of a schedule."""
    return Pictures(
        drawing.settling(basis.curve, basis.present), drawing.costs(basis.frontier, basis.present, most=MOST)
    )


async def _wanted(live: Live, basis: Basis, wish: Wish) -> Schedule | None:
    """The schedule to try; None for the one in force. Raises Problem."""
    if wish.looks is not None:
        return simulating.written(basis, wish.looks, wish.then)
    if wish.looks_per_message is not None and not basis.is_empty:
        return await live.measuring.work(partial(simulating.suggested, basis, wish.looks_per_message))
    return None


def _slider(basis: Basis, wish: Wish) -> float:
    """Where the slider stands: at what is tried, or what the schedule in force takes."""
    value = wish.looks_per_message or basis.present.looks_per_message
    return min(max(round(value / STEP) * STEP, FEWEST), MOST)


def _missed(one: Measured) -> float | None:
    """The share of settlings that an earlier look should have shown, where that is much."""
    total = one.total
    return total.missed / total.told if total.missed > total.told * MANY_MISSED else None
