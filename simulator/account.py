"""What all simulated providers have in common: one account with its messages, credentials, clock and faults."""

import random
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import ClassVar

from aiohttp import web

from rules.statuses import Channel
from rules.tables import guess
from simulator.chance import Chance
from simulator.fates import Fate, Meaning, by_channel
from simulator.made_up import other_recipient
from simulator.message import Message, Said
from simulator.scenario import Scenario
from simulator.timeline import Ways, plan

Handler = Callable[[web.Request], Awaitable[web.Response]]

#: Whatever wants to know of each request as soon as it has arrived: the provider's name, and the request.
Notice = Callable[[str, web.Request], None]


@dataclass(frozen=True, slots=True)
class Route:
    """One resource. What it answers never comes again if it has an `empty` answer, which says that there is nothing.

    `is_calm` says that nothing goes wrong with it.
    """

    method: str
    path: str
    handler: Handler
    empty: bytes | None = None
    is_calm: bool = False


@dataclass(slots=True)
class World:
    """What all accounts share."""

    scenario: Scenario
    clock: Callable[[], datetime]
    notice: Notice = lambda _name, _request: None
    requests: Counter[str] = field(default_factory=Counter)
    faulted: Counter[str] = field(default_factory=Counter)


class Account(ABC):
    """The one account at a simulated provider."""

    name: ClassVar[str]
    FATES: ClassVar[tuple[Fate, ...]]
    #: The provider's words, each with its code after a space where it has one.
    MEANINGS: ClassVar[Mapping[str, Meaning]]
    ways: ClassVar[Ways] = Ways()
    #: Whether one id covers all recipients of a message.
    has_parts: ClassVar[bool] = False

    def __init__(self, world: World, skew: timedelta) -> None:
        """Everything about the account follows from the scenario's seed. Its clock is off by `skew`."""
        self.world = world
        self.skew = skew
        self.messages: list[Message] = []
        self.by_id: dict[str, list[Message]] = {}
        self.chance = Chance(world.scenario, self.name, world.faulted)
        self.settings = self.new_settings(self.chance.of("credentials"))
        self._fates = by_channel(self.FATES, world.scenario.weights.get(self.name, {}), self.name)
        self._turns = Counter[bool]()
        self._is_off = bool(skew)

    # What each provider says for itself.

    @abstractmethod
    def new_settings(self, chance: random.Random) -> dict[str, str]:
        """What a client needs besides the address."""

    @abstractmethod
    def routes(self) -> Iterable[Route]:
        """Its resources."""

    @abstractmethod
    def refusal(self, request: web.Request) -> web.Response | None:
        """The answer to wrong credentials; None if they are right."""

    @abstractmethod
    def error(self, status: int) -> web.Response:
        """Its answer with this status, 429 or 5xx."""

    @abstractmethod
    def new_id(self, chance: random.Random) -> str:
        """A new id of a message."""

    def add(self, message: Message) -> None:
        """Take a message in. Streams get what will be said about it."""
        message.number = len(self.messages)
        self.messages.append(message)
        self.by_id.setdefault(message.provider_id, []).append(message)

    # Sending.

    def accept(
        self, channel: Channel, recipients: Sequence[str], reference: str, fate: str | None, *, is_ours: bool = True
    ) -> list[Message]:
        """Accept a message now; with it may come one of another sender. ValueError if it cannot be sent so."""
        self._check(channel, recipients)
        if self.has_parts:  # whoever is named twice gets one message
            recipients = list({_part(recipient): recipient for recipient in recipients}.values())
        number = self._turns[is_ours]
        chance = self.chance.of(f"{'message' if is_ours else 'other'} {number}")
        fates = [self._fate(channel, fate, chance, is_ours=is_ours) for _ in recipients]
        self._turns[is_ours] += 1
        provider_id, now = self.new_id(chance), self.world.clock()
        made = []
        for recipient, one in zip(recipients, fates, strict=True):
            says = plan(one, self.MEANINGS, now, chance, self.world.scenario, self.ways)
            part = _part(recipient) if self.has_parts else ""
            made.append(Message(channel, recipient, provider_id, part, reference, now, one.name, says, is_ours))
        for message in made:
            self.add(message)
        if is_ours and chance.random() < self.world.scenario.faults.others:
            self.accept_other(channel, chance)
        return made

    def accept_other(self, channel: Channel, chance: random.Random) -> None:
        """Accept a message of another sender on this account."""
        self.accept(channel, [other_recipient(channel, chance)], "", None, is_ours=False)

    def _check(self, channel: Channel, recipients: Sequence[str]) -> None:
        if channel not in self._fates:
            known = ", ".join(one.word for one in self._fates)
            raise ValueError(f"{self.name} does not send by {channel.word}; it sends by {known}")
        if not recipients:
            raise ValueError("a message needs a recipient")
        if len(recipients) > 1 and not self.has_parts:
            raise ValueError(f"{self.name} gives each recipient an id of its own; send one at a time")

    def _fate(self, channel: Channel, name: str | None, chance: random.Random, *, is_ours: bool) -> Fate:
        if name is None:
            return self._fates[channel].next(chance) if is_ours else self._fates[channel].draw(chance)
        names = {fate.name: fate for fate in self.FATES if channel in fate.channels}
        if name not in names:
            raise ValueError(f"{self.name} has no fate {name!r} for {channel.word}{guess(name, names)}")
        return names[name]

    # Answering.

    @property
    def now(self) -> datetime:
        """The present time of the simulator."""
        return self.world.clock()

    def theirs(self, at: datetime) -> datetime:
        """A time by the provider's own clock."""
        if self._is_off:
            self._is_off = False
            self.chance.count("clock_skew")
        return at + self.skew

    def miss(self, said: Said) -> None:
        """A stream passes over something that it never gives: count that."""
        if "missing" in said.owed:
            said.owed = tuple(fault for fault in said.owed if fault != "missing")
            self.chance.count("missing")

    def told(self, message: Message, said: Said) -> None:
        """Something is shown in an answer: count the faults that lie in it."""
        for fault in said.owed:
            if fault != "missing":  # that one happens where it is not shown
                self.chance.count(fault)
        said.owed = tuple(fault for fault in said.owed if fault == "missing")
        if not message.is_ours and not message.known.get("others"):
            message.known["others"] = True
            self.chance.count("others")

    def present(self, message: Message) -> Said | None:
        """What a lookup shows of a message now: its last word, or for a moment the one before."""
        now = self.now
        said = message.present(now)
        if said is None:
            return None
        before = message.says[max(said.number - 1, 0)]
        is_young = before is not said and now - said.shown_at < self.world.scenario.moment
        if self.chance.happens("out_of_order", on=is_young and before.shown_at <= now):
            said = before
        self.told(message, said)
        return said


def _part(recipient: str) -> str:
    return recipient.strip().lower()
