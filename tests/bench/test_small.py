"""The benchmarks of recording, reading and asking do exactly what they say, as a few rows show."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiohttp
import pytest

from bench import http, page, record, report
from bench.rounds import Goal, Wrong, rows, run
from bench.stage import Stage
from bench.static import ANSWER, answering
from embedded import Urls

#: It does not depend on the interpreter.
pytestmark = pytest.mark.once


def stage(servers: Urls, scale: float) -> Stage:
    return Stage(servers.database, servers.redis, rounds=1, scale=scale)


def about(goals: tuple[Goal, ...]) -> set[str]:
    """The variants that goals name."""
    return {name for goal in goals for name in (goal.variant, goal.of) if name}


async def test_what_is_copied_is_there_and_what_is_taken_in_is_recorded(servers: Urls) -> None:
    """Each trial counts the rows itself; intake has two batches under way here."""
    async with record.variants(stage(servers, 0.05)) as variants:
        measured = await run(variants, 1, 1, lambda _step: None)
    found = rows("record", variants, measured, record.GOALS)

    assert about(record.GOALS) <= set(measured)
    assert all(figures["rows/s"] > 0 for trials in measured.values() for figures in trials.values())
    assert sum(row.goal is not None for row in found) == len(record.GOALS)


async def test_counts_and_pages_are_whole_while_reports_come_in(servers: Urls) -> None:
    """Each trial compares the numbers of a page with those of the communication."""
    async with report.variants(stage(servers, 0.003)) as variants:
        measured = await run(variants, 1, 1, lambda _step: None)
    found = rows("report", variants, measured, report.GOALS)

    assert about(report.GOALS) <= set(measured)
    assert sum(row.goal is not None for row in found) == len(report.GOALS)


async def test_the_page_shows_and_writes_everyone_while_reports_come_in(servers: Urls) -> None:
    """Each trial compares what came with what there is."""
    async with page.variants(stage(servers, 0.003)) as variants:
        measured = await run(variants, 1, 1, lambda _step: None)
    found = rows("page", variants, measured, page.GOALS)

    assert about(page.GOALS) <= set(measured)
    assert sum(row.goal is not None for row in found) == len(page.GOALS)


async def test_every_client_is_answered(servers: Urls, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each compares the answer with what the server gives."""
    monkeypatch.setattr(http, "WARM", 0.05)
    monkeypatch.setattr(http, "COUNTED", 0.2)
    monkeypatch.setattr(http, "IN_FLIGHT", (1, 20))
    async with http.variants(stage(servers, 1)) as variants:
        measured = await run(variants, 1, 1, lambda _step: None)

    assert about((http.GOALS[1],)) <= set(measured)
    assert all(figures["requests/s"] > 0 for trials in measured.values() for figures in trials.values())


async def test_the_static_server_gives_everyone_the_same_and_ends_with_its_input() -> None:
    async with answering() as address, aiohttp.ClientSession() as client:
        answers = []
        for path in ("/", "/messages?to=x"):
            async with client.get(address + path) as answer:
                answers.append((answer.status, await answer.read()))

    assert answers == [(200, ANSWER)] * 2


@pytest.mark.parametrize("wrong", [(500, ANSWER), (200, b"")], ids=["another status", "another answer"])
async def test_a_client_that_is_answered_wrongly_ends_its_trial(
    monkeypatch: pytest.MonkeyPatch, wrong: tuple[int, bytes]
) -> None:
    monkeypatch.setattr(http, "WARM", 0.0)
    monkeypatch.setattr(http, "COUNTED", 0.0)

    async def ask() -> tuple[int, bytes]:
        return wrong

    @asynccontextmanager
    async def client(_many: int) -> AsyncIterator[http.Ask]:
        yield ask

    with pytest.raises(Wrong, match="the answer"):
        await http.trial(client, 2)()
