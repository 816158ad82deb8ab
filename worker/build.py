"""Accounts from settings: what the operator set, checked against what each adapter wants, all problems together."""

import hashlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any

from pydantic import ValidationError

import adapters
from adapters.base import Adapter, AdapterSettings, Limits
from config.accounts import AccountOptions, AccountTable, ChannelOptions, ScheduleOptions
from config.problems import ConfigError, problems
from config.settings import Settings
from rules.deadlines import HARD_LIMIT
from rules.schedules import DEFAULTS, STREAMED, Schedule
from rules.statuses import Channel
from worker.accounts import Account

Find = Callable[[str], type[Adapter[Any]]]

#: Settings of the same name in `AccountOptions` and `Limits`.
OVERRIDES = ("first_look", "retention", "lag", "horizon", "rate", "concurrency", "read_every", "confirms")


def build(settings: Settings, find: Find = adapters.find) -> dict[str, Account]:
    """The configured accounts by name. `find` gives the adapter of a name, or raises ValueError.

    Raises ConfigError with every problem of every account.
    """
    accounts: dict[str, Account] = {}
    faults: list[str] = []
    for name, table in settings.accounts.items():
        try:
            accounts[name] = _account(name, table, settings, find)
        except ConfigError as error:
            faults += error.problems
    faults += _twice(accounts.values())
    if faults:
        raise ConfigError(faults)
    return accounts


def _account(name: str, table: AccountTable, settings: Settings, find: Find) -> Account:
    adapter = _adapter(name, table, find)
    options = table.options
    limits = _limits(adapter.limits, options)
    return Account(
        name,
        adapter,
        limits,
        _fingerprint(table),
        {channel: _schedule(channel, options, limits) for channel in Channel},
        {word: _named(schedule, limits) for word, schedule in options.schedules.items()},
        _allowances(options),
        settings.triggers(),
        options.hard_limit or HARD_LIMIT,
        options.timeout or timedelta(seconds=10),
        options.paused,
    )


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
    return replace(declared, **{name: value for name, value in given.items() if value is not None})


def _schedule(channel: Channel, options: AccountOptions, limits: Limits) -> Schedule:
    """What is set for the channel, else for the account, else the default."""
    default = STREAMED if limits.streams else DEFAULTS[channel]
    for table in (options.channels.get(channel.word), options):
        if table is not None and table.looks is not None:
            return _filled(table, options, limits, default)
    return replace(default, first_look=limits.first_look)


def _filled(table: ScheduleOptions, options: ScheduleOptions, limits: Limits, default: Schedule) -> Schedule:
    jitter = next((one.jitter for one in (table, options) if one.jitter is not None), default.jitter)
    return Schedule(table.looks or (), table.then, jitter, limits.first_look)


def _named(table: ScheduleOptions, limits: Limits) -> Schedule:
    return _filled(table, table, limits, DEFAULTS[Channel.OTHER])


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
    seen: dict[tuple[str, AdapterSettings], str] = {}
    faults = []
    for account in accounts:
        key = (account.adapter.name, account.adapter.settings)
        if key in seen and (account.limits.queue or account.limits.drain):
            faults.append(
                f"accounts.{account.name} is the same account as accounts.{seen[key]}; each would take the other's"
                " reports: remove one"
            )
        seen[key] = account.name
    return faults


def by_name(accounts: Mapping[str, Account], name: str) -> Account:
    """One account. Raises ConfigError if it is not configured."""
    if name not in accounts:
        raise ConfigError([f"no account {name!r} is configured; known are {', '.join(accounts) or 'none'}"])
    return accounts[name]
