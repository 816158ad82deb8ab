"""A private PostgreSQL and Valkey for a machine that has none.

The programs come from PyPI wheels; this package finds their files, starts them on unix sockets and stops them again.
It is made for trying Landed, for tests and for a small installation. `docs/embedded.md` says what it promises.

    with Servers(Path("/srv/landed")) as urls:
        ...  # urls.database, urls.redis
"""

from embedded.errors import EmbeddedError
from embedded.supervisor import Servers, Urls

__all__ = ["EmbeddedError", "Servers", "Urls"]
