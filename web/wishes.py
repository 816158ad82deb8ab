"""Which messages are wanted, as the address of a page says it."""

from collections.abc import Callable, Iterable, Mapping
from urllib.parse import parse_qsl, urlencode

from pydantic import BaseModel

from rules.labels import Label, Vocabulary, label
from rules.statuses import Channel
from store import exports
from store.listing import Filter, Order, Way
from store.totals import Tally
from web.addresses import Sealed, Typed
from web.problem import Problem

#: How a label without a text is called, so that it can be chosen.
BLANK = "(blank)"


class Asking(BaseModel):
    """Which messages are wanted, as every list has it. `status` are labels, or lines of the totals.

    What is searched for is sealed in the address, because it may be a recipient.
    """

    status: list[Typed] = []
    channel: str = ""
    account: Typed = ""
    sought: Sealed = ""

    @property
    def statuses(self) -> set[str]:
        """Labels that are wanted; none is any."""
        return {one for one in self.status if one}

    @property
    def is_filtered(self) -> bool:
        """Whether not everyone is wanted."""
        return bool(self.statuses or self.channel or self.account or self.sought)

    def given(self) -> dict[str, object]:
        """All but the labels by name, as it stands in an address."""
        return {"channel": self.channel, "account": self.account, "sought": self.sought}

    def query(self, **more: object) -> str:
        """The query string of the same with something more or else."""
        given = self.given() | more
        parts = [] if "status" in more else [("status", one) for one in self.status if one]
        return "?" + urlencode([*parts, *((name, value) for name, value in given.items() if value not in {"", None})])

    def fields(self) -> list[tuple[str, str]]:
        """The same as fields of a form."""
        return parse_qsl(self.query()[1:])


class Wish(Asking):
    """Who of a communication is wanted, and in which order. `text` is what is searched for where it is not sealed."""

    text: Typed = ""
    sort: Order = Order.RECORDING
    down: bool = False

    @property
    def is_filtered(self) -> bool:
        """Whether not everyone is wanted."""
        return super().is_filtered or bool(self.text.strip())

    def given(self) -> dict[str, object]:
        """All but the labels by name, as it stands in an address."""
        order = {"sort": self.sort if self.sort is not Order.RECORDING else "", "down": "1" if self.down else ""}
        return super().given() | {"text": self.text.strip()} | order


def called(words: Vocabulary, way: Way) -> Label:
    """What a vocabulary calls a way to stand."""
    return label(words, Channel(way.channel), exports.standing(way))


def filtered(
    wish: Wish, text: str, words: Vocabulary, tally: Tally, accounts: Mapping[str, int], *, masked: bool
) -> Filter:
    """The filter that an address asks for. Raises Problem."""
    ways = chosen(wish, words)(tally.counts()) if wish.statuses else None
    account, channel = account_and_channel(wish, accounts)
    return Filter(account, channel, ways, text, recipients=not masked)


def chosen(wish: Asking, words: Vocabulary) -> Callable[[Iterable[Way]], frozenset[Way]]:
    """Which of the ways to stand are called as is wanted, or are in such a line of the totals."""

    def those(ways: Iterable[Way]) -> frozenset[Way]:
        found = ((way, called(words, way)) for way in ways)
        return frozenset(way for way, one in found if {one.text or BLANK, one.group or BLANK} & wish.statuses)

    return those


def account_and_channel(wish: Asking, accounts: Mapping[str, int]) -> tuple[int | None, Channel | None]:
    """The account and the channel that are wanted. Raises Problem."""
    if wish.account and wish.account not in accounts:
        raise Problem(404, "there is no such account")
    try:
        return accounts.get(wish.account), Channel[wish.channel.upper()] if wish.channel else None
    except KeyError:
        raise Problem(404, "there is no such channel") from None
