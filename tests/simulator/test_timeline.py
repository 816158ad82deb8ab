"""Faults that lie in the timeline of a message."""

import random
from collections.abc import Iterator
from dataclasses import replace

import pytest

from simulator import Faults, Scenario
from simulator.message import Said
from simulator.server import KINDS
from simulator.timeline import Ways, plan
from tests.simulator.playing import START

SCENARIO = replace(Scenario(), faults=Faults(missing=1))


def _plans(name: str) -> Iterator[list[Said]]:
    """Many timelines of every fate of a provider that tells in a feed, something missing in as many as can be."""
    kind = KINDS[name]
    for fate in kind.FATES:
        for seed in range(30):
            chance = random.Random(f"{fate.name} {seed}")  # noqa: S311  repeatable on purpose
            yield plan(fate, kind.MEANINGS, START, chance, SCENARIO, Ways(feed=True, streams=True))


@pytest.mark.parametrize("name", ["mailgun", "messagemedia", "infobip"])
def test_what_a_stream_leaves_out_keeps_the_message_open_so_that_a_lookup_finds_it(name: str) -> None:
    """Nobody looks up what is settled: a `delivered` left out before a bounce would never be known."""
    plans = list(_plans(name))
    missing = [says for says in plans if any(said.is_missing for said in says)]

    assert missing
    for says in missing:
        verdict = [said.meaning.statuses for said in says if said.meaning.settles]
        told = [said.meaning.statuses for said in says if said.meaning.settles and not said.is_missing]
        assert told in (verdict, [])
