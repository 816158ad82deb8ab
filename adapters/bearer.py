"""Bearer tokens (RFC 6750), which httpx does not bring."""

from collections.abc import Generator

import httpx


class Bearer(httpx.Auth):
    """Sends `token` with a request, and shows it nowhere else."""

    def __init__(self, token: str) -> None:
        """Keep the token."""
        self._token = token

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        """Write the token into the request."""
        request.headers["authorization"] = f"Bearer {self._token}"
        yield request
