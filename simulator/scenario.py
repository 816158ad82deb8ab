"""Scenarios: how long messages take, how they end, and what goes wrong how often. `docs/simulator.md` has the file."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

from simulator.reading import read

#: The shortest and the longest time that a message takes, in typical times.
SHORTEST, LONGEST = 0.3, 2.5


class ScenarioError(ValueError):
    """A scenario that cannot be played. Its text names everything that is wrong, a line each."""


@dataclass(frozen=True, slots=True)
class Faults:
    """How often each thing goes wrong: 0 never, 1 always."""

    #: Messages of which something shows only a while after it happened.
    late: float = 0.0
    #: Old answers for a moment; events whose times run backwards; reports given in the wrong order.
    out_of_order: float = 0.0
    #: Items that come twice.
    repeated: float = 0.0
    #: Events and reports that are in no feed, queue or drain; a lookup has them.
    missing: float = 0.0
    #: Events that appear in the feed behind what was read already.
    inserted_late: float = 0.0
    #: Drained answers that never arrive, or not whole; a lookup has what they said.
    lost: float = 0.0
    #: 429 with `Retry-After`.
    throttled: float = 0.0
    #: 429 without it.
    throttled_silently: float = 0.0
    #: 500, 502 or 503.
    server_error: float = 0.0
    #: Requests that get no answer for as long as `Scenario.silence`; then the connection is closed.
    timeout: float = 0.0
    #: Answers that end in the middle of their JSON.
    truncated: float = 0.0
    #: Providers whose clock is off, by up to `Scenario.skew`.
    clock_skew: float = 0.0
    #: Messages of which a word that no documentation has is said in between, or in the end.
    unknown_word: float = 0.0
    #: Messages of other senders on the same account, for each of ours.
    others: float = 0.0
    #: Messages that listings by the time of sending leave out because they were never sent (Twilio).
    unlisted: float = 0.0

    @classmethod
    def none(cls) -> "Faults":
        """Nothing goes wrong."""
        return cls()

    @classmethod
    def usual(cls) -> "Faults":
        """As bad as a bad day, all at once."""
        return cls(
            late=0.1,
            out_of_order=0.1,
            repeated=0.05,
            missing=0.05,
            inserted_late=0.2,
            lost=0.35,
            throttled=0.04,
            throttled_silently=0.03,
            server_error=0.04,
            timeout=0.015,
            truncated=0.03,
            clock_skew=0.5,
            unknown_word=0.03,
            others=0.1,
            unlisted=1.0,
        )


@dataclass(frozen=True, slots=True)
class Scenario:
    """What the simulated providers do. The same scenario does the same with the same messages."""

    seed: int = 0
    #: The median time that a message takes to its end. Everything else scales with it.
    typical: timedelta = timedelta(seconds=30)
    #: How much messages differ in that: the sigma of a log-normal distribution, cut at `SHORTEST` and `LONGEST`.
    spread: float = 0.5
    faults: Faults = Faults()
    #: How long a request without an answer is kept waiting; longer than a client's patience.
    silence: timedelta = timedelta(seconds=15)
    #: How far a provider's clock is off at most.
    skew: timedelta = timedelta(seconds=2)
    #: Other weights of fates, by provider and fate: how often each is drawn. 0 is never.
    weights: Mapping[str, Mapping[str, float]] = field(default_factory=dict)

    @property
    def delay(self) -> timedelta:
        """How long after it happened something is known to the API at most."""
        return self.typical

    @property
    def moment(self) -> timedelta:
        """How long after a change an old answer may still be given."""
        return self.typical / 2

    @property
    def longest(self) -> timedelta:
        """When the last has been said about any message, counted from its sending."""
        return self.typical * LONGEST + self.delay

    @property
    def horizon(self) -> timedelta:
        """How far behind its newest event a feed inserts others, by the clock of a client."""
        return self.delay + self.skew

    @classmethod
    def load(cls, path: Path) -> "Scenario":
        """The scenario in a TOML file. Raises ScenarioError with everything that is wrong with it."""
        problems: list[str] = []
        try:
            values = read(path.read_text("utf-8"), Scenario, Faults, problems)
        except OSError as error:
            raise ScenarioError(f"{path} cannot be read: {error.strerror}") from error
        except ValueError as error:
            raise ScenarioError(f"{path} is not TOML: {error}") from error
        if problems:
            raise ScenarioError("\n".join(f"{path}: {problem}" for problem in problems))
        return cls(**values)
