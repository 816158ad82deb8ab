"""Senders that keep the pace of their account."""

from adapters.http import Sender
from store.connections import Pool
from worker import quotas
from worker.accounts import Account
from worker.pace import Pace


class PacedSender(Sender):
    """Sends the requests of one account, each with a permit from its ledger."""

    def __init__(self, pool: Pool, account: Account, holder: str = "") -> None:
        """`holder` is a name that no other sender has."""
        self._pace = Pace(pool, quotas.ledger(account), quotas.bounds(account), account=account.name, holder=holder)
        super().__init__(
            account.adapter,
            account.name,
            timeout=account.timeout,
            concurrency=account.limits.concurrency,
            permit=self._pace.permit,
        )

    async def give_back(self) -> None:
        """Tell the ledger what was used, and leave the rest to others."""
        await self._pace.give_back()
