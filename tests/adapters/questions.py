"""Questions to put to any adapter: all that it declares, and those that it does not."""

from datetime import timedelta
from typing import Any

from adapters.base import Adapter, Ids, References, Since, Take, What, Window
from tests.adapters.recorded import NOW

WINDOW = Window(NOW - timedelta(hours=1), NOW)
SINCE = Since(None, NOW - timedelta(hours=1))


def offered(asks: Adapter[Any]) -> list[What]:
    """One question of every shape that the adapter declares, as large as it may be."""
    limits = asks.limits
    some = ids_of(asks, limits.ids)
    shapes: list[tuple[int, What]] = [
        (limits.ids, Ids(some)),
        (limits.references, References(some[: limits.references] or some[:1])),
        (limits.listing, WINDOW),
        (limits.feed, SINCE),
        (limits.queue + limits.drain, Take()),
    ]
    return [what for limit, what in shapes if limit]


def not_offered(asks: Adapter[Any]) -> list[What]:
    """Every question that the adapter does not declare: too many, none, or another shape."""
    limits = asks.limits
    names = tuple(f"name-{number}" for number in range(max(limits.ids, limits.references) + 1))
    questions: list[What] = [Ids(names[: limits.ids + 1]), References(names[: limits.references + 1])]
    questions += [Ids(()), References(())]
    shapes = ((limits.listing, WINDOW), (limits.feed, SINCE), (limits.queue + limits.drain, Take()))
    return questions + [what for limit, what in shapes if not limit]


def ids_of(asks: Adapter[Any], count: int) -> tuple[str, ...]:
    """As many ids as the provider allows in one lookup, by number and by characters."""
    room = asks.limits.id_characters
    length = 34 if room is None else min(34, room // max(count, 1))
    return tuple(f"{number:0{max(length - 1, 1)}}" for number in range(count))
