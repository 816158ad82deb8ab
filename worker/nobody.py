"""A sender that sends nothing, for passes that only write."""

import httpx


class Nobody:
    """Stands where a sender is wanted and nothing may be asked."""

    async def send(self, request: httpx.Request) -> httpx.Response:
        """Refuse: a pass that only writes has asked for something."""
        msg = f"nothing may be sent here, yet {request.method} was"
        raise AssertionError(msg)
