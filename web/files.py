"""Everything that is filtered, as a file that is written while it is read."""

from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from urllib.parse import quote

from store.connections import Connection
from store.exports import Form
from web.site import Live
from web.streaming import Streamed

KINDS = {
    Form.CSV: "text/csv; charset=utf-8",
    Form.NDJSON: "application/x-ndjson",
    Form.IDS: "text/plain; charset=utf-8",
}

Write = Callable[[Connection], AsyncGenerator[bytes, None]]


def file(live: Live, name: str, form: Form, write: Write) -> Streamed:
    """What `write` writes on a connection of its own. Names of messages are shown and copied, the others kept."""

    async def pieces() -> AsyncGenerator[bytes, None]:
        async with live.pool.acquire() as connection, aclosing(write(connection)) as written:
            async for piece in written:
                yield piece

    headers = {"content-disposition": f"attachment; filename*=UTF-8''{quote(name, safe='')}.{form}"}
    return Streamed(pieces(), KINDS[form], headers if form is not Form.IDS else None)
