"""What every adapter is: how to ask one provider and read its answer. No I/O and no clock.

A provider can be asked in up to five shapes; `Limits` says which of them an adapter offers.

    lookup    Ids, References   some messages by the provider's ids or the sender's references
    listing   Window            messages *sent* in a window, with their present status
    feed      Since             *events* since a position; late ones are inserted behind it
    queue     Take              what is new, kept until confirmed
    drain     Take              what is new, given once
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import ClassVar, Generic, TypeVar

import httpx
from pydantic import BaseModel, ConfigDict, field_validator

from adapters.allowance import Allowance, read_allowance
from rules.quota import Most
from rules.reports import Report
from rules.statuses import Channel, Reason, Status


@dataclass(frozen=True, slots=True)
class Ids:
    """Look up these provider ids; at most `Limits.ids` of them."""

    ids: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class References:
    """Look up what the sender called these; at most `Limits.references` of them."""

    references: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Window:
    """List the messages sent from `since` until before `until` (aware). More than those may come; never fewer."""

    since: datetime
    until: datetime


@dataclass(frozen=True, slots=True)
class Since:
    """Read the feed from `position`, or where there is none yet from the time `since` (aware)."""

    position: str | None
    since: datetime


@dataclass(frozen=True, slots=True)
class Take:
    """Take what is new from the queue or drain."""


What = Ids | References | Window | Since | Take


@dataclass(frozen=True, slots=True)
class Page:
    """One answer, read.

    `more` asks for the next page; None means that this was the last one (for a queue or drain: it came back short).
    `position` is where the feed stands after this page, `latest_at` the time of its last event.
    `confirm` tells a queue that these reports are ours now; it is sent after our commit.
    `unreadable` says of each single item that could not be read what was wrong; the page is then kept in the journal.
    """

    reports: tuple[Report, ...] = ()
    more: httpx.Request | None = None
    position: str | None = None
    latest_at: datetime | None = None
    confirm: httpx.Request | None = None
    unreadable: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Limits:
    """What a provider allows and how it behaves. Every figure may be overridden per account."""

    #: Provider ids in one lookup; 0: there is no lookup by id.
    ids: int = 0
    #: Characters of all ids of one lookup joined, where the provider limits that.
    id_characters: int | None = None
    #: References in one lookup; 0: there is no lookup by reference.
    references: int = 0
    #: Messages on one page of a listing; 0: there is no listing.
    listing: int = 0
    #: Whether a listing can only be read from the newest message down.
    newest_first: bool = False
    #: Events on one page of a feed; 0: there is no feed.
    feed: int = 0
    #: Reports in one answer of a queue; 0: there is no queue.
    queue: int = 0
    #: Reports in one answer of a drain; 0: there is no drain.
    drain: int = 0
    #: Requests a second that are always safe.
    rate: float = 10.0
    #: Requests in flight at once.
    concurrency: int = 4
    #: The most requests in any window of a length; such limits leave room for haste that `rate` does not.
    requests: tuple[Most, ...] = ()
    #: The most records that may come in any window, where the provider bills them.
    records: tuple[Most, ...] = ()
    #: The most that requests may cost in any window.
    cost: tuple[Most, ...] = ()
    #: What one request costs.
    cost_per_request: float = 0.0
    #: How long the provider remembers a message; None: longer than any deadline.
    retention: timedelta | None = None
    #: How long a lookup may still not show what has happened.
    lag: timedelta = timedelta(minutes=5)
    #: How far behind its newest event a feed may still insert late ones.
    horizon: timedelta = timedelta()
    #: Age of a message below which asking is useless.
    first_look: timedelta = timedelta()
    #: How often a feed, queue or drain is read.
    read_every: timedelta = timedelta(seconds=15)
    #: Whether this route ever confirms delivery. Where not, `sent` settles as `unconfirmed`.
    confirms: bool = True
    #: Whether one provider id covers several recipients, told apart by `Report.part`.
    parts: bool = False

    @property
    def shares(self) -> bool:
        """Whether one request may be about several messages."""
        return bool(self.listing or self.ids > 1 or self.references > 1)

    @property
    def largest(self) -> int:
        """The most records that one answer may bring."""
        return max(self.ids, self.references, self.listing, self.feed, self.queue, self.drain, 1)

    @property
    def streams(self) -> bool:
        """Whether reports come in a stream that is read whatever is due."""
        return bool(self.feed or self.queue or self.drain)


class AdapterSettings(BaseModel):
    """What every account of a provider needs. Secrets are declared as `SecretStr`."""

    # What is wrong with a secret is said without the secret.
    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    base_url: str

    @field_validator("base_url")
    @classmethod
    def _is_address(cls, value: str) -> str:
        if not _is_address(value):
            msg = "must be an address like https://api.example.com"
            raise ValueError(msg)
        return value.rstrip("/")


def _is_address(value: str) -> bool:
    try:
        url = httpx.URL(value)
    except httpx.InvalidURL:
        return False
    return url.scheme in {"http", "https"} and bool(url.host) and (url.port or 1) in range(1, 65536)


S = TypeVar("S", bound=AdapterSettings)


class Adapter(ABC, Generic[S]):
    """How to ask one provider and read its answer."""

    name: ClassVar[str]
    channels: ClassVar[tuple[Channel, ...]]
    limits: ClassVar[Limits]
    #: The provider's words. A word that is not here is kept in quarantine and changes nothing.
    STATUSES: ClassVar[Mapping[str, Status]]
    #: The provider's codes, as text.
    REASONS: ClassVar[Mapping[str, Reason]]
    Settings: ClassVar[type[AdapterSettings]]
    #: For an adapter with a `normal_id` of its own: a pattern, also for Postgres, of ids that it leaves as they are.
    #: Messages with such ids are recorded fastest. Empty: nobody knows of any.
    plain_ids: ClassVar[str] = ""
    #: Hosts besides that of `base_url` to which a next page may lead.
    hosts: ClassVar[tuple[str, ...]] = ()

    def __init__(self, settings: S) -> None:
        """Keep the account's settings."""
        self.settings = settings

    @abstractmethod
    def ask(self, what: What) -> httpx.Request:
        """The request that asks for `what`. ValueError if this adapter cannot ask in that shape."""

    @abstractmethod
    def read(self, what: What, response: httpx.Response) -> Page:
        """What `response` says. It has any status but 3xx, 401, 403, 429 and 5xx.

        An id that is not found gives no report. Raises Unreadable where the answer is not what was promised, and
        Refused where the provider refuses this request.
        """

    @abstractmethod
    def auth(self, now: datetime, nonce: str) -> httpx.Auth:
        """Credentials for one attempt, made afresh for each. `now` is aware, `nonce` is random."""

    def allowance(self, response: httpx.Response, now: datetime) -> Allowance | None:
        """What the headers of an answer say of how many requests are left, and for how long; None: nothing.

        The usual headers are read, `adapters.allowance` names them. An adapter has its own for others.
        """
        return read_allowance(response, now)

    def normal_id(self, provider_id: str) -> str:
        """`provider_id` in the one spelling in which it is stored and compared."""
        return provider_id.strip()

    def normal_part(self, recipient: str) -> str:
        """`recipient` in the one spelling in which parts are compared; used where `limits.parts`."""
        return recipient.strip().lower()

    def url(self, path: str) -> str:
        """`path` below the account's base address; an absolute address is left as it is."""
        return path if path.startswith(("http://", "https://")) else self.settings.base_url + path

    def cannot(self, what: What) -> ValueError:
        """The error for a shape that this provider does not offer."""
        return ValueError(f"{self.name} cannot be asked by {type(what).__name__.lower()}")
