"""Chance: what goes wrong follows from the seed, and is counted by its name when it happens."""

import random
from collections import Counter
from typing import TypeVar

from simulator.message import Message
from simulator.scenario import Scenario

T = TypeVar("T")


class Chance:
    """The chance of one account."""

    def __init__(self, scenario: Scenario, account: str, faulted: Counter[str]) -> None:
        """Count in `faulted` what happens."""
        self._scenario = scenario
        self._account = account
        self._faulted = faulted
        self._requests = self.of("requests")

    def of(self, what: str) -> random.Random:
        """Chance that has nothing to do with what is asked, and when."""
        return random.Random(f"{self._scenario.seed} {self._account} {what}")  # noqa: S311  repeatable on purpose

    def count(self, fault: str) -> None:
        """A fault has happened."""
        self._faulted[fault] += 1

    def draws(self, fault: str, *, on: bool = True) -> bool:
        """Whether a fault of this rate would happen now. It never does where not `on`."""
        return self._requests.random() < self._rate(fault) and on

    def happens(self, fault: str, *, on: bool = True) -> bool:
        """Whether a fault of this rate happens now; if so, it is counted."""
        drawn = self.draws(fault, on=on)
        if drawn:
            self.count(fault)
        return drawn

    def happens_always(self, message: Message, fault: str) -> bool:
        """Whether a fault of this rate happens to a message, now and ever; it is counted once."""
        if fault not in message.known:
            drawn = self.of(f"{fault} {message.provider_id}").random() < self._rate(fault)
            message.known[fault] = drawn
            if drawn:
                self.count(fault)
        return message.known[fault]

    def happens_once(self, message: Message, fault: str) -> bool:
        """Whether a fault of this rate happens now; to one message it does so once, so that progress is made."""
        drawn = self.happens(fault, on=not message.known.get(fault))
        message.known[fault] = message.known.get(fault, False) or drawn
        return drawn

    def pick(self, most: int) -> int:
        """A number below `most`."""
        return self._requests.randrange(most)

    def shuffle(self, items: list[T]) -> None:
        """Bring `items` in any order."""
        self._requests.shuffle(items)

    def _rate(self, fault: str) -> float:
        rate: float = getattr(self._scenario.faults, fault)
        return rate
