"""What all simulated providers have in common: one account with its messages, credentials, clock and faults."""

import random
import string
from abc import ABC, abstractmethod
from base64 import b64decode
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import ClassVar, TypeVar

import msgspec
from aiohttp import web

from rules.statuses import Channel
from rules.tables import guess
from simulator.fates import Fate, Meaning, by_channel
from simulator.message import Message, Said
from simulator.scenario import Scenario
from simulator.timeline import Ways, plan

T = TypeVar("T")

Handler = Callable[[web.Request], Awaitable[web.Response]]


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
        self.settings = self.new_settings(self.random("credentials"))
        self._chance = self.random("requests")
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
        number = self._turns[is_ours]
        chance = self.random(f"{'message' if is_ours else 'other'} {number}")
        fates = [self._fate(channel, fate, chance, is_ours=is_ours) for _ in recipients]
        self._turns[is_ours] += 1
        provider_id, now = self.new_id(chance), self.world.clock()
        made = []
        for recipient, one in zip(recipients, fates, strict=True):
            says = plan(one, self.MEANINGS, now, chance, self.world.scenario, self.ways)
            part = recipient.strip().lower() if self.has_parts else ""
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
            self.count("clock_skew")
        return at + self.skew

    def random(self, what: str) -> random.Random:
        """Chance that follows from the seed."""
        return random.Random(f"{self.world.scenario.seed} {self.name} {what}")  # noqa: S311  repeatable on purpose

    def count(self, fault: str) -> None:
        """A fault has happened."""
        self.world.faulted[fault] += 1

    def draws(self, fault: str, *, on: bool = True) -> bool:
        """Whether a fault of this rate would happen now. It never does where not `on`."""
        rate: float = getattr(self.world.scenario.faults, fault)
        return self._chance.random() < rate and on

    def happens(self, fault: str, *, on: bool = True) -> bool:
        """Whether a fault of this rate happens now; if so, it is counted."""
        drawn = self.draws(fault, on=on)
        if drawn:
            self.count(fault)
        return drawn

    def draws_for(self, message: Message, fault: str) -> bool:
        """Whether a fault of this rate happens to a message, always the same; it is counted once."""
        rate: float = getattr(self.world.scenario.faults, fault)
        if fault not in message.known:
            drawn = self.random(f"{fault} {message.provider_id}").random() < rate
            message.known[fault] = "yes" if drawn else "no"
            if drawn:
                self.count(fault)
        return message.known[fault] == "yes"

    def happens_once(self, message: Message, fault: str) -> bool:
        """Whether a fault of this rate happens now; to one message it does so once, so that progress is made."""
        drawn = self.happens(fault, on=fault not in message.known)
        if drawn:
            message.known[fault] = "yes"
        return drawn

    def pick(self, most: int) -> int:
        """A number below `most`."""
        return self._chance.randrange(most)

    def shuffle(self, items: list[T]) -> None:
        """Bring `items` in any order."""
        self._chance.shuffle(items)

    def miss(self, said: Said) -> None:
        """A stream passes over something that it never gives: count that."""
        if "missing" in said.owed:
            said.owed = tuple(fault for fault in said.owed if fault != "missing")
            self.count("missing")

    def told(self, message: Message, said: Said) -> None:
        """Something is shown in an answer: count the faults that lie in it."""
        for fault in said.owed:
            if fault != "missing":  # that one happens where it is not shown
                self.count(fault)
        said.owed = tuple(fault for fault in said.owed if fault == "missing")
        if not message.is_ours and "told" not in message.known:
            message.known["told"] = ""
            self.count("others")

    def present(self, message: Message) -> Said | None:
        """What a lookup shows of a message now: its last word, or for a moment the one before."""
        now = self.now
        said = message.present(now)
        if said is None:
            return None
        before = message.says[max(said.number - 1, 0)]
        is_young = before is not said and now - said.shown_at < self.world.scenario.moment
        if self.happens("out_of_order", on=is_young and before.shown_at <= now):
            said = before
        self.told(message, said)
        return said


def other_recipient(channel: Channel, chance: random.Random) -> str:
    """An address of nobody, on a domain or in a range that is kept free for examples."""
    number = chance.randrange(1000)
    match channel:
        case Channel.EMAIL:
            return f"other{number}@example.net"
        case Channel.PUSH:
            return f"ExponentPushToken[other{number}]"
        case Channel.LETTER:
            return f"{number} Other Street, Exampleton"
        case _:
            return f"+1555010{number:04}"


def token(chance: random.Random, length: int, letters: str = string.ascii_letters + string.digits) -> str:
    """A made-up id or secret."""
    return "".join(chance.choices(letters, k=length))


def hexadecimal(chance: random.Random, length: int) -> str:
    """The same of hexadecimal digits."""
    return token(chance, length, "0123456789abcdef")


def uuid(chance: random.Random) -> str:
    """A made-up UUID, version 4."""
    digits = hexadecimal(chance, 32)
    return f"{digits[:8]}-{digits[8:12]}-4{digits[13:16]}-a{digits[17:20]}-{digits[20:]}"


def json(value: object, status: int = 200, headers: Mapping[str, str] | None = None) -> web.Response:
    """An answer in JSON."""
    body = msgspec.json.encode(value)
    return web.Response(body=body, status=status, headers=headers, content_type="application/json")


def basic(request: web.Request) -> tuple[str, str] | None:
    """User and password of a request with basic authentication."""
    scheme, _, rest = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        user, _, password = b64decode(rest, validate=True).decode().partition(":")
    except ValueError:
        return None
    return user, password


async def body(request: web.Request) -> dict[str, object]:
    """The JSON object in a request; empty if there is none."""
    try:
        value = msgspec.json.decode(await request.read())
    except (msgspec.DecodeError, UnicodeDecodeError):
        return {}
    return value if isinstance(value, dict) else {}
