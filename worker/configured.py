"""What is configured, as one thing that never changes: a new configuration takes its place whole."""

from collections.abc import Mapping
from dataclasses import dataclass

from config.settings import Settings
from store.connections import Pool
from worker.accounts import Account
from worker.upkeep import Retention, Upkeep


@dataclass(frozen=True, slots=True)
class Configured:
    """The accounts and the upkeep of a running worker; each pass reads it once, and so never works with half of two.

    `numbers` are those of all accounts in the database, by name; not all of them need be configured.
    """

    accounts: Mapping[str, Account]
    numbers: Mapping[str, int]
    upkeep: Upkeep


def configured(
    settings: Settings, pool: Pool, accounts: Mapping[str, Account], numbers: Mapping[str, int]
) -> Configured:
    """What `settings` come to."""
    keep = settings.retention
    retention = Retention(keep.events, keep.looks, keep.journal, keep.journal_bytes, keep.early, keep.early_most)
    upkeep = Upkeep(pool, accounts, numbers, retention, settings.triggers(), settings.archive, settings.hashing())
    return Configured(accounts, numbers, upkeep)
