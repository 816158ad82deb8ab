"""What the sender is given before each try: a permit to send one request now."""

from typing import Protocol

import httpx

from adapters.allowance import Allowance

#: Under this name an answer carries the permit of its request, so that whoever reads it can say what it brought.
PERMIT = "landed.permit"


class Permit(Protocol):
    """The right to send one request at once: `worker.pace.Permit`."""

    def ended(self, allowance: Allowance | None) -> None:
        """The answer has come, or is waited for no more; what it says is left."""
        ...

    async def warn(self) -> None:
        """Let everyone know at once what the provider says."""
        ...

    def brought(self, records: int) -> None:
        """The answer had so many records."""
        ...


def brought(response: httpx.Response, records: int) -> None:
    """Say that an answer had so many records, if anybody counts them."""
    permit: Permit | None = response.extensions.get(PERMIT)
    if permit is not None:
        permit.brought(records)
