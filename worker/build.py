"""Accounts from settings: what the operator set, checked against what each adapter wants, all problems together."""

import hashlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any

from pydantic import ValidationError

import adapters
from adapters.base import Adapter, Limits
from config.accounts import AccountOptions, AccountTable, ChannelOptions, ScheduleOptions
from config.problems import ConfigError, problems
from config.settings import Settings
from rules import durations
from rules.adapting import EVERY, Adaptive
from rules.deadlines import HARD_LIMIT
from rules.schedules import DEFAULTS, STREAMED, Schedule
from rules.statuses import Channel
from rules.suppression import Triggers
from worker import quotas
from worker.accounts import Account

Find = Callable[[str], type[Adapter[Any]]]

ADAPTIVE = (
    "adaptive",
    "adaptive_looks_per_message",
    "adaptive_earliest",
    "adaptive_longest_pause",
    "adaptive_every",
)

#: Settings of the same name in `AccountOptions` and `Limits`.
OVERRIDES = (
    "first_look", "retention", "lag", "horizon", "rate", "concurrency", "cost_per_request", "read_every", "confirms",
)  # fmt: skip


def build(settings: Settings, find: Find = adapters.find) -> dict[str, Account]:
    """The configured accounts by name. `find` gives the adapter of a name, or raises ValueError.

    Raises ConfigError with every problem of every account.
    """
    accounts: dict[str, Account] = {}
    found: list[str] = []
    for name, table in settings.accounts.items():
        try:
            accounts[name] = _account(name, table, settings, find)
        except ConfigError as error:
            found += error.problems
    found += [*_twice(accounts.values()), *quotas.disagreements(accounts.values())]
    if found:
        raise ConfigError(found)
    return accounts


def _account(name: str, table: AccountTable, settings: Settings, find: Find) -> Account:
    adapter = _adapter(name, table, find)
    options = table.options
    limits = _limits(adapter.limits, options)
    triggers = settings.triggers()
    _check_keep(f"accounts.{name}.keep_settled", options.keep_settled, limits, triggers)
    if wrong := list(quotas.check(f"accounts.{name}", options, limits)):
        raise ConfigError(wrong)
    schedules = {channel: _schedule(channel, options, limits) for channel in Channel}
    return Account(
        name,
        adapter,
        limits,
        _fingerprint(table),
        schedules,
        {word: _named(schedule, limits) for word, schedule in options.schedules.items()},
        _adaptive(options, schedules),
        _allowances(options),
        triggers,
        options.hard_limit or HARD_LIMIT,
        options.timeout or timedelta(seconds=10),
        options.paused,
        options.keep_settled,
        settings.hashing(),
        options.quota or "",
        options.slices or 1,
        frozenset(channel for channel in Channel if _is_set(channel, options)),
    )


def _check_keep(place: str, keep: timedelta | None, limits: Limits, triggers: Mapping[Channel, Triggers]) -> None:
    """Raise ConfigError unless all is kept of which something may still be heard, or which may count for a block."""
    if keep is None:
        return
    reports = (limits.retention or timedelta()) + limits.horizon
    bounces = max((one.soft_bounces.within for one in triggers.values() if one.soft_bounces), default=timedelta())
    if keep < reports:
        told, cure = (
            f"the provider may report on a message for {durations.text(reports)}",
            "set a shorter retention too",
        )
    elif keep < bounces:
        told, cure = f"soft bounces count for {durations.text(bounces)}", "let them count for a shorter time"
    else:
        return
    raise ConfigError([f"{place}: {told}; keep messages at least so long, or {cure}"])


def _adapter(name: str, table: AccountTable, find: Find) -> Adapter[Any]:
    place = f"accounts.{name}"
    try:
        kind = find(table.adapter)
    except ValueError as error:
        raise ConfigError([f"{place}.adapter: {error}"]) from None
    try:
        return kind(kind.Settings.model_validate(table.settings))
    except ValidationError as error:
        known = {place: [*kind.Settings.model_fields, *AccountOptions.model_fields]}
        raise ConfigError(problems(error, place, known)) from None


def _limits(declared: Limits, options: AccountOptions) -> Limits:
    given = {name: getattr(options, name) for name in OVERRIDES}
    given |= {name: most for name, most in quotas.counted(options).items() if getattr(options, name) is not None}
    return replace(declared, **{name: value for name, value in given.items() if value is not None})


def _schedule(channel: Channel, options: AccountOptions, limits: Limits) -> Schedule:
    """The channel's default, under what is set for the account, under what is set for the channel."""
    schedule = replace(STREAMED if limits.streams else DEFAULTS[channel], first_look=limits.first_look)
    for table in (options, options.channels.get(channel.word)):
        if table is not None:
            schedule = _over(schedule, table)
    return schedule


def _is_set(channel: Channel, options: AccountOptions) -> bool:
    tables = [options, options.channels.get(channel.word)]
    return any(table is not None and (table.looks is not None or table.then is not None) for table in tables)


def _adaptive(options: AccountOptions, schedules: Mapping[Channel, Schedule]) -> dict[Channel, Adaptive]:
    """The channels whose schedule is adaptive: what is set for a channel goes before what is set for the account."""
    found = {}
    for channel, schedule in schedules.items():
        tables = [table for table in (options.channels.get(channel.word), options) if table is not None]
        on, cost, earliest, longest, every = (
            next((value for table in tables if (value := getattr(table, name)) is not None), None) for name in ADAPTIVE
        )
        if on:
            found[channel] = Adaptive(schedule, cost, earliest, longest, every or EVERY)
    return found


def _named(table: ScheduleOptions, limits: Limits) -> Schedule:
    return _over(Schedule(first_look=limits.first_look), table)


def _over(schedule: Schedule, table: ScheduleOptions) -> Schedule:
    """`schedule` with what `table` sets. Ages come with their own repeat, or with none."""
    if table.looks is not None:
        schedule = replace(schedule, looks=table.looks, then=table.then)
    elif table.then is not None:
        schedule = replace(schedule, then=table.then)
    return schedule if table.jitter is None else replace(schedule, jitter=table.jitter)


def _allowances(options: AccountOptions) -> dict[Channel, timedelta]:
    allowances = {}
    for channel in Channel:
        table: ChannelOptions = options.channels.get(channel.word, options)
        deadline = table.deadline or options.deadline
        if deadline is not None:
            allowances[channel] = deadline
    return allowances


def _fingerprint(table: AccountTable) -> str:
    """Changes with any setting of the adapter; too short to tell anything about a secret."""
    text = repr((table.adapter, sorted(table.settings.items(), key=lambda item: item[0])))
    return hashlib.blake2b(text.encode(), digest_size=8).hexdigest()


def _twice(accounts: Iterable[Account]) -> list[str]:
    """Two readers of one queue or drain would steal from each other."""
    seen: list[Account] = []
    faults = []
    for account in accounts:
        same = (other for other in seen if _is_same(account, other))
        if (account.limits.queue or account.limits.drain) and (other := next(same, None)):
            faults.append(
                f"accounts.{account.name} is the same account as accounts.{other.name}; each would take the other's"
                " reports: remove one"
            )
        seen.append(account)
    return faults


def _is_same(one: Account, other: Account) -> bool:
    return type(one.adapter) is type(other.adapter) and one.adapter.settings == other.adapter.settings


def faults(settings: Settings, find: Find = adapters.find) -> list[str]:
    """What is wrong with the accounts."""
    try:
        build(settings, find)
    except ConfigError as error:
        return error.problems
    return []
