"""The configured accounts as the page and the commands about them see them."""

from collections.abc import Mapping

from store.standing import Configured
from worker import quotas
from worker.accounts import Account
from worker.due import sustained
from worker.measured import timing


def configured(accounts: Mapping[str, Account]) -> dict[str, Configured]:
    """What people see of each, by name."""
    return {name: _one(account) for name, account in accounts.items()}


def _one(account: Account) -> Configured:
    return Configured(
        account.adapter.name,
        account.paused,
        account.fingerprint,
        quotas.ledger(account),
        quotas.bounds(account),
        sustained(account.limits),
        account.slices,
        timing(account),
    )
