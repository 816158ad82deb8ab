"""What is wanted of a communication, as the address of its page says it."""

from collections.abc import Mapping
from urllib.parse import parse_qsl, urlencode

from pydantic import BaseModel

from rules.labels import Label, Vocabulary, label
from rules.statuses import Channel
from store import exports
from store.listing import Filter, Order, Way
from store.totals import Tally
from web.problem import Problem

#: How a label without a text is called, so that it can be chosen.
BLANK = "(blank)"


class Wish(BaseModel):
    """Who is wanted, and in which order. `status` are labels, or lines of the totals."""

    status: list[str] = []
    channel: str = ""
    account: str = ""
    text: str = ""
    sort: Order = Order.RECORDING
    down: bool = False

    @property
    def statuses(self) -> set[str]:
        """Labels that are wanted; none is any."""
        return {one for one in self.status if one}

    @property
    def is_filtered(self) -> bool:
        """Whether not everyone is wanted."""
        return bool(self.statuses or self.channel or self.account or self.text.strip())

    def query(self, **more: object) -> str:
        """The query string of the same with something more or else."""
        given: dict[str, object] = {"channel": self.channel, "account": self.account, "text": self.text.strip()}
        given |= {
            "sort": self.sort if self.sort is not Order.RECORDING else "",
            "down": "1" if self.down else "",
        } | more
        parts = [] if "status" in more else [("status", one) for one in self.status if one]
        return "?" + urlencode([*parts, *((name, value) for name, value in given.items() if value not in {"", None})])

    def fields(self) -> list[tuple[str, str]]:
        """The same as fields of a form."""
        return parse_qsl(self.query()[1:])


def called(words: Vocabulary, way: Way) -> Label:
    """What a vocabulary calls a way to stand."""
    return label(words, Channel(way.channel), exports.standing(way))


def filtered(wish: Wish, words: Vocabulary, tally: Tally, accounts: Mapping[str, int], *, masked: bool) -> Filter:
    """The filter that an address asks for. Raises Problem."""
    ways = None
    if wish.statuses:
        found = ((way, called(words, way)) for way in tally.counts())
        ways = frozenset(way for way, one in found if {one.text or BLANK, one.group or BLANK} & wish.statuses)
    if wish.account and wish.account not in accounts:
        raise Problem(404, "there is no such account")
    try:
        channel = Channel[wish.channel.upper()] if wish.channel else None
    except KeyError:
        raise Problem(404, "there is no such channel") from None
    return Filter(accounts.get(wish.account), channel, ways, wish.text.strip(), recipients=not masked)
