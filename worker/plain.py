"""Plain rows of the inbox: what most senders say of most messages, that one with these names was sent.

`take_plain` in `store/queries/inbox.sql` records them where they are, so they never come to us; it is the twin of
`worker.admission` for them. Here is what it must be told of each account.
"""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from adapters.base import Adapter
from rules.hashing import Hashing
from rules.schedules import next_look_at
from rules.statuses import Channel
from store.plain import Route
from worker.accounts import Account

#: Any time: only distances from it count.
SINCE = datetime(2000, 1, 1, tzinfo=UTC)

#: Ids without a space.
PRINTED = "[!-~]+"

#: No row is plain.
NONE = "{}"


def routes(accounts: Mapping[str, Account], numbers: Mapping[str, int], hashing: Hashing) -> str:
    """How plain rows of these accounts are recorded, as JSON. Where recipients may become hashes, none is plain."""
    if hashing.key is not None:
        return NONE
    found = {
        f"{name} {channel.word}": route
        for name, number in numbers.items()
        if name in accounts
        for channel, route in _of_account(accounts[name], number)
    }
    return msgspec.json.encode(found).decode()


def _of_account(account: Account, number: int) -> Iterator[tuple[Channel, Route]]:
    """Its usual channels. A provider that gives several recipients one id needs more thought."""
    if account.limits.parts:
        return
    ids = f"^(?:{plain_ids(account.adapter)})$"
    for channel in account.adapter.channels:
        allowance = account.allowance(channel)
        earliest, latest = (_first_look(account, channel, chance).total_seconds() for chance in (0.0, 1.0))
        yield channel, Route(number, int(channel), int(allowance.total_seconds()), earliest, latest, ids)


def plain_ids(adapter: Adapter[Any]) -> str:
    """Ids that its `normal_id` leaves as they are."""
    return PRINTED if type(adapter).normal_id is Adapter.normal_id else adapter.plain_ids


def _first_look(account: Account, channel: Channel, chance: float) -> timedelta:
    """The age at the first look. `chance` is between 0 and 1 and says how much of the jitter is added."""
    bounds = account.usual_terms.bounds(SINCE, SINCE + account.allowance(channel))
    return next_look_at(account.schedule(channel, None), bounds, SINCE, SINCE, chance) - SINCE
