"""The words of the status model: statuses, reasons, engagement, marks, channels and sources.

A message keeps the set of everything ever reported for it in one integer, `heard`. A status owns the bit of its own
value; engagement and marks own the bits above. The order of `Status` is the whole of the transition rules: the status
of a message is the highest one in the set.
"""

from enum import IntEnum


class Status(IntEnum):
    """Delivery statuses in their total order. The value is the bit in `heard`; the first four are open."""

    PENDING = 0
    SENT = 1
    DEFERRED = 2
    SOFT_BOUNCED = 3
    TIMED_OUT = 4
    UNCONFIRMED = 5
    EXPIRED_OURS = 6
    EXPIRED = 7
    CONTROL_GROUP = 8
    NO_ADDRESS = 9
    DUPLICATE = 10
    BLOCKED = 11
    NOT_SENT = 12
    FAILED = 13
    HARD_BOUNCED = 14
    DELIVERED = 15

    @property
    def rank(self) -> int:
        """The rank that the status model prints, 0 to 90."""
        return RANKS[self]

    @property
    def is_open(self) -> bool:
        """Whether better news is still awaited."""
        return self < Status.TIMED_OUT

    @property
    def bit(self) -> int:
        """The bit of this status in `heard`."""
        return 1 << self

    @property
    def word(self) -> str:
        """The name that people and programs see."""
        return self.name.lower()


RANKS = dict(zip(Status, (0, 10, 20, 30, 40, 45, 48, 50, 52, 53, 54, 55, 60, 70, 80, 90), strict=True))

OPEN = frozenset(status for status in Status if status.is_open)

#: Outcomes of a message that was never handed to a provider.
NEVER_HANDED_OVER = frozenset({Status.CONTROL_GROUP, Status.NO_ADDRESS, Status.DUPLICATE, Status.BLOCKED})

STATUS_BITS = (1 << 16) - 1


class Engagement(IntEnum):
    """What the recipient did with this message. The value is the bit in `heard`."""

    READ = 16
    MACHINE_OPENED = 17
    CLICKED = 18
    ACKNOWLEDGED = 19
    RESPONDED = 20
    OPTED_OUT = 21
    COMPLAINED = 22

    @property
    def bit(self) -> int:
        """The bit of this engagement in `heard`."""
        return 1 << self

    @property
    def word(self) -> str:
        """The name that people and programs see: `read_at`, `clicked_at`, and so on."""
        return f"{self.name.lower()}_at"


ENGAGEMENT_BITS = sum(kind.bit for kind in Engagement)


class Mark(IntEnum):
    """How the sweep came to settle a message. The value is the bit in `heard`; only the sweep sets one."""

    #: A last look reached the provider, which knew nothing better.
    LOOKED = 23
    #: A last look reached the provider, which did not know the message.
    NOT_FOUND = 24
    #: The provider could not be asked until the hard limit had passed.
    UNREACHED = 25
    #: There is no way to ask about this message.
    UNASKABLE = 26

    @property
    def bit(self) -> int:
        """The bit of this mark in `heard`."""
        return 1 << self

    @property
    def word(self) -> str:
        """The name that people and programs see."""
        return self.name.lower()


MARK_BITS = sum(mark.bit for mark in Mark)


class Reason(IntEnum):
    """Why a message was not delivered. Where two were given at one time, the one listed first is shown."""

    NONE = 0
    INVALID_ADDRESS = 1
    MAILBOX_FULL = 2
    UNREACHABLE = 3
    CONTENT_REJECTED = 4
    TOO_LARGE = 5
    SPAM = 6
    POLICY = 7
    SUPPRESSED = 8
    OPTED_OUT = 9
    VALIDITY_EXPIRED = 10
    CANCELED = 11
    RATE_LIMITED = 12
    ACCOUNT = 13
    UNKNOWN = 14

    @property
    def word(self) -> str:
        """The name that people and programs see; empty for none."""
        return self.name.lower() if self else ""


class Channel(IntEnum):
    """How a message reaches its recipient."""

    EMAIL = 1
    SMS = 2
    PUSH = 3
    VOICE = 4
    LETTER = 5
    CHAT = 6
    OTHER = 7

    @property
    def word(self) -> str:
        """The name that people and programs see."""
        return self.name.lower()


class Source(IntEnum):
    """Who said it."""

    SENDER = 1
    POLL = 2
    FEED = 3
    WEBHOOK = 4
    SWEEP = 5
    PERSON = 6

    @property
    def word(self) -> str:
        """The name that people and programs see."""
        return self.name.lower()


def statuses_in(heard: int) -> list[Status]:
    """Every status in the set `heard`, lowest first."""
    return [status for status in Status if heard & status.bit]


def marks_in(heard: int) -> list[Mark]:
    """Every mark of the sweep in the set `heard`."""
    return [mark for mark in Mark if heard & mark.bit]
