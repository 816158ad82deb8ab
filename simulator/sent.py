"""A message as its sender knows it."""

from dataclasses import dataclass
from datetime import datetime

from rules.statuses import Channel


@dataclass(frozen=True, slots=True)
class Sent:
    """A message that a simulated provider accepted. `part` is its recipient where one id covers several."""

    provider: str
    channel: Channel
    recipient: str
    provider_id: str
    part: str
    reference: str
    sent_at: datetime
    fate: str
