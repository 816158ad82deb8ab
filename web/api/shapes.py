"""What the API says of messages and communications."""

from datetime import datetime
from typing import Any

import asyncpg
from pydantic import BaseModel, Field

from rules.labels import Vocabulary
from rules.viewers import Viewer
from store import reporting
from web.masking import seen, seen_text


class Message(BaseModel):
    """A message as it stands. `label`, `explanation` and `icon` are in the words of a vocabulary."""

    number: int = Field(description="Our number of it.", examples=[4711])
    account: str = Field(examples=["alerts"])
    channel: str = Field(examples=["sms"])
    recipient: str = Field(description="Shown in part where the token is masked.", examples=["+447700900123"])
    provider_id: str | None = Field(examples=["SM0123456789abcdef"])
    part: str = Field(description="Which recipient, where one id of the provider covers several.", examples=[""])
    reference: str | None = Field(description="What the sending service calls it.", examples=["order-1042"])
    communication: str | None = Field(examples=["Flood warning 7"])
    status: str = Field(description="A word of docs/statuses.md.", examples=["delivered"])
    status_at: datetime = Field(examples=["2026-03-01T09:30:07Z"])
    label: str = Field(examples=["Delivered"])
    explanation: str = Field(examples=["The provider says that it arrived."])
    icon: str = Field(examples=["delivered"])
    reason: str | None = Field(description="Why it was not delivered.", examples=["mailbox_full"])
    code: str | None = Field(description="The provider's code.", examples=["30003"])
    attempts: int = Field(examples=[1])
    last_attempt_at: datetime | None
    recorded_at: datetime
    sent_at: datetime | None
    scheduled_at: datetime | None
    deadline_at: datetime | None
    read_at: datetime | None
    machine_opened_at: datetime | None
    clicked_at: datetime | None
    acknowledged_at: datetime | None
    responded_at: datetime | None
    opted_out_at: datetime | None
    complained_at: datetime | None
    response: str | None = Field(description="What the recipient answered.", examples=["I am safe"])


class Total(BaseModel):
    """How many messages of a channel have a label, or one of a group of them."""

    channel: str = Field(examples=["sms"])
    label: str = Field(examples=["Delivered"])
    icon: str = Field(examples=["delivered"])
    messages: int = Field(examples=[1837])


class Communication(BaseModel):
    """A communication in a list."""

    number: int = Field(examples=[7])
    name: str = Field(examples=["Flood warning 7"])


class Report(Communication):
    """A communication with its totals."""

    vocabulary: str = Field(examples=["crisis"])
    messages: int = Field(description="All of them, those archived too.", examples=[2400])
    totals: list[Total]


def message(viewer: Viewer, words: Vocabulary, row: asyncpg.Record) -> Message:
    """A row of `store.listing` as a viewer may see it."""
    line = seen(viewer, reporting.line(words, row))
    fields: dict[str, Any] = dict(line.fields)
    given = {name: fields.get(name) or None for name in ("provider_id", "reference", "reason", "code", "response")}
    rest = {name: fields[name] for name in fields if name not in given}
    return Message(
        **(rest | given),
        number=row["id"],
        recorded_at=row["recorded_at"],
        communication=seen_text(viewer, row["communication"] or "") or None,
        explanation=line.label.explanation,
        icon=line.label.icon,
    )
