"""What accounts may use: the bounds of each, which ledger keeps them, and whether those that share one agree."""

from collections.abc import Iterable, Iterator
from dataclasses import replace

from adapters.base import Limits
from config.accounts import AccountOptions
from rules.quota import Bounds, Most
from worker.accounts import Account

#: What all who share a ledger must have the same.
SHARED = ("rate", "concurrency", "requests", "records", "cost")


def ledger(account: Account) -> str:
    """The name of the ledger of an account. One of its own has a space in it, which no shared one has."""
    return account.quota or f"account {account.name}"


def bounds(account: Account) -> Bounds:
    """What an account may use of its ledger."""
    limits = account.limits
    most = (*limits.requests, *limits.records, *limits.cost)
    seconds = account.timeout.total_seconds()
    return Bounds(limits.rate, limits.concurrency, most, limits.largest, limits.cost_per_request, seconds)


def counted(options: AccountOptions) -> dict[str, tuple[Most, ...]]:
    """The limits that an operator set, each with what it counts."""
    return {
        "requests": options.requests or (),
        "records": tuple(replace(one, unit="records") for one in options.records or ()),
        "cost": tuple(replace(one, unit="cost") for one in options.cost or ()),
    }


def check(place: str, options: AccountOptions, limits: Limits) -> Iterator[str]:
    """What is wrong with the limits and slices of one account."""
    if (options.slices or 1) > 1 and not limits.ids:
        yield f"{place}.slices: this provider is not asked by id, and slices do nothing else; remove slices"
    if limits.cost and not limits.cost_per_request:
        yield f"{place}.cost: nobody knows what a request costs; set cost_per_request too"
    takes = {"requests": 1, "records": limits.largest, "cost": limits.cost_per_request}
    for name, least in takes.items():
        yield from (
            f"{place}.{name}: {one} is less than one request may take, which is {least:g}; nothing could be asked"
            for one in getattr(limits, name)
            if one.amount < least
        )


def disagreements(accounts: Iterable[Account]) -> Iterator[str]:
    """Where accounts that share a ledger have different limits."""
    first: dict[str, Account] = {}
    for account in accounts:
        other = first.setdefault(ledger(account), account)
        for name in SHARED:
            ours, theirs = getattr(account.limits, name), getattr(other.limits, name)
            if ours != theirs:
                yield (
                    f"accounts.{account.name}.{name}: is {_text(ours)}, and {_text(theirs)} in accounts.{other.name},"
                    f" which shares the quota {account.quota!r}; set the same in both"
                )


def _text(value: object) -> str:
    return (", ".join(map(str, value)) or "none") if isinstance(value, tuple) else str(value)
