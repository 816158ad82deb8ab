"""Fates: the ways in which messages of a provider end, as timelines of its own words; and what its words mean."""

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from rules.statuses import Channel, Engagement, Reason, Status
from rules.tables import guess
from simulator.scenario import ScenarioError


@dataclass(frozen=True, slots=True)
class Meaning:
    """What a provider's word means in the status model: one status, or two where it gave up on a temporary refusal."""

    statuses: tuple[Status, ...] = ()
    reason: Reason = Reason.NONE
    engagement: Engagement | None = None
    #: The provider's own text.
    text: str = ""
    #: Whether it is about one try to deliver, of which there may be several.
    is_attempt: bool = False

    @property
    def settles(self) -> bool:
        """Whether nothing better is awaited after this word."""
        return any(not status.is_open for status in self.statuses)


def means(
    *statuses: Status,
    why: Reason = Reason.NONE,
    did: Engagement | None = None,
    text: str = "",
    is_attempt: bool = False,
) -> Meaning:
    """A line of a table of meanings."""
    return Meaning(statuses, why, did, text, is_attempt)


#: A temporary refusal on which the provider has given up.
GIVEN_UP = (Status.SOFT_BOUNCED, Status.EXPIRED)


@dataclass(frozen=True, slots=True)
class Fate:
    """A named timeline. Each step is the share of the message's time that has passed, and a word with its code.

    Words never go down in rank where only the present one is shown, so that the truth does not depend on when it is
    asked for.
    """

    name: str
    channels: tuple[Channel, ...]
    weight: float
    steps: tuple[tuple[float, str], ...]


class Fates:
    """The fates of one provider's channel: the first messages take each in turn, later ones are drawn by weight."""

    def __init__(self, fates: Sequence[Fate], weights: Mapping[str, float]) -> None:
        """Use `weights` for the fates that it names."""
        self._weights = {fate.name: weights.get(fate.name, fate.weight) for fate in fates}
        self._fates = [fate for fate in fates if self._weights[fate.name] > 0]
        self._turn = 0

    def next(self, chance: random.Random) -> Fate:
        """The fate of the next message."""
        drawn = self.draw(chance)
        if self._turn == len(self._fates):
            return drawn
        self._turn += 1
        return self._fates[self._turn - 1]

    def draw(self, chance: random.Random) -> Fate:
        """A fate by weight alone."""
        return chance.choices(self._fates, [self._weights[fate.name] for fate in self._fates])[0]


def by_channel(fates: Sequence[Fate], weights: Mapping[str, float], provider: str) -> dict[Channel, Fates]:
    """The fates of each channel. Raises ScenarioError for a fate that there is not, or a channel left without any."""
    for name in weights:
        if name not in {fate.name for fate in fates}:
            known = guess(name, [fate.name for fate in fates])
            raise ScenarioError(f"weights.{provider}: there is no fate {name!r}{known}")
    found = {}
    for channel in sorted({channel for fate in fates for channel in fate.channels}):
        those = [fate for fate in fates if channel in fate.channels]
        if not any(weights.get(fate.name, fate.weight) > 0 for fate in those):
            raise ScenarioError(f"weights.{provider}: no fate is left for {channel.word}; give one more than 0")
        found[channel] = Fates(those, weights)
    return found
