"""What is configured, as one thing that never changes: a new configuration takes its place whole."""

from collections.abc import Mapping
from dataclasses import dataclass

from worker.accounts import Account
from worker.upkeep import Upkeep


@dataclass(frozen=True, slots=True)
class Configured:
    """The accounts and the upkeep of a running worker; each pass reads it once, and so never works with half of two.

    `numbers` are those of all accounts in the database, by name; not all of them need be configured.
    """

    accounts: Mapping[str, Account]
    numbers: Mapping[str, int]
    upkeep: Upkeep
