"""A person to erase: every spelling of their address, and what is left of a row or a text without them. Pure."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import asyncpg

from rules.hashing import Hashing
from rules.mentions import Mentions
from rules.recipients import normal
from store.erasing import Message
from store.hashing import spellings
from worker.accounts import Account
from worker.keeping import CHANNELS, Hide, part_of

#: What a row of the inbox says, by column.
Said = Mapping[str, object]

#: The columns of a row that name someone, and those that name a message.
WHOM, NAMES = ("recipient", "part"), ("provider_id", "reference")


@dataclass(frozen=True, slots=True)
class Person:
    """One recipient, on one channel or (None) on all. `spelled` and `parts` have the hashes too."""

    hashing: Hashing
    recipient: str
    channel: int | None
    spelled: Sequence[str]
    parts: Collection[str]
    mentions: Mentions
    hide: Hide

    @property
    def hash(self) -> str:
        """Under which the person is kept."""
        return self.hashing.hash(self.recipient)

    def message(self, row: asyncpg.Record) -> Message:
        """A message as it is kept. Of a name that holds the address only a hash is left."""
        return Message(
            row["account"],
            row["id"],
            row["recipient"] and self.hashing.hash(row["recipient"]),
            row["part"] and self.hashing.hash(row["part"]),
            self.hide(row["provider_id"]),
            self.hide(row["reference"]),
            self.code(row["code"]),
        )

    def code(self, code: str) -> str:
        """A code, if it does not hold the address."""
        return "" if self.hide.is_in(code) else code

    def is_named(self, said: Said) -> bool:
        """Whether a row of the inbox is about a message to the person, on the channel that is meant."""
        channel = CHANNELS.get(_text(said, "channel").lower())
        if self.channel is not None and channel not in (None, self.channel):
            return False
        return normal(_text(said, "recipient")) in self.spelled or part_of(_text(said, "part")) in self.parts

    def without(self, said: Said, *, theirs: bool) -> Said | None:
        """What a row of the inbox says without the person, who it is about if it is `theirs`; None if that is all."""
        told = {name: self._struck(value) for name, value in said.items()}
        if theirs:
            told |= {name: self._whom(name, _text(said, name)) for name in WHOM if said.get(name)}
            told |= {name: self.hide(_text(said, name)) for name in NAMES if said.get(name)}
            if said.get("response"):
                # That there was one is no secret, and reports count it.
                told |= {"response": None, "responded_at": said.get("responded_at") or said.get("received_at")}
        return told if told != dict(said) else None

    def _struck(self, value: object) -> object:
        return self.mentions.struck(value) if isinstance(value, str) else value

    def _whom(self, name: str, value: str) -> str:
        if name == "recipient":
            return self.hashing.of(value) if normal(value) in self.spelled or self.hide.is_in(value) else value
        return self.hashing.hash(part_of(value)) if part_of(value) in self.parts else value


def _text(said: Said, name: str) -> str:
    return str(said.get(name) or "")


def person(recipient: str, channel: int | None, accounts: Mapping[str, Account], hashing: Hashing) -> Person:
    """Whom `recipient` means, however it is written. ValueError without a key."""
    spelled = normal(recipient)
    parts = {spelled, part_of(recipient)}
    parts |= {one.adapter.normal_part(recipient) for one in accounts.values() if one.limits.parts}
    return Person(
        hashing,
        spelled,
        channel,
        spellings(hashing, spelled),
        parts | {hashing.hash(part) for part in parts},
        Mentions(parts),
        Hide(hashing, sorted(parts)),
    )
