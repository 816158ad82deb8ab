"""What a piece of work cost: our time and the server's, what went into its log, and how updates were done."""

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from store.connections import Connection


@dataclass(slots=True)
class Cost:
    """Between two readings. `server` is None where the server's processes cannot be read; `hot` without updates."""

    seconds: float = 0.0
    client: float = 0.0
    server: float | None = None
    wal: int = 0
    updated: int = 0
    hot: int = 0

    def figures(self, rows: int, noun: str = "rows") -> dict[str, float]:
        """By unit, all of them for one row: rows a second, microseconds of both sides, bytes of WAL, share of HOT."""
        found = {f"{noun}/s": rows / self.seconds}
        if self.server is not None:
            found["server us"] = self.server / rows * 1e6
        found["client us"] = self.client / rows * 1e6
        found["WAL B"] = self.wal / rows
        if self.updated:
            found["HOT %"] = 100 * self.hot / self.updated
        return found


@asynccontextmanager
async def measure(*connections: Connection, table: str | None = None) -> AsyncIterator[Cost]:
    """What is done in the block, with these connections, costs. `table` is the one whose updates are counted."""
    cost = Cost()
    pids = [connection.get_server_pid() for connection in connections]
    updated = await _updates(connections, table)
    wal, server, client = await _wal(connections), _server(pids), time.process_time()
    began = time.perf_counter()
    yield cost
    cost.seconds = time.perf_counter() - began
    cost.client = time.process_time() - client
    after = _server(pids)
    cost.server = None if server is None or after is None else after - server
    cost.wal = await _wal(connections) - wal
    now = await _updates(connections, table)
    cost.updated, cost.hot = now[0] - updated[0], now[1] - updated[1]


def _server(pids: list[int]) -> float | None:
    """Seconds of processor time of these backends, where they are processes of this machine."""
    try:
        if not all(Path(f"/proc/{pid}/comm").read_text().startswith("postgres") for pid in pids):
            return None
        return sum(int(Path(f"/proc/{pid}/schedstat").read_text().split()[0]) for pid in pids) / 1e9
    except OSError:
        return None


async def _wal(connections: tuple[Connection, ...]) -> int:
    """Bytes of log written by these backends; before PostgreSQL 18, which counts them, by all of the server."""
    if connections[0].get_server_version() < (18, 0):
        return int(await connections[0].fetchval("select (pg_current_wal_insert_lsn() - '0/0')::bigint"))
    await _tell(connections)
    pids = [connection.get_server_pid() for connection in connections]
    return int(
        await connections[0].fetchval(
            "select sum(w.wal_bytes)::bigint from unnest($1::integer[]) as p, pg_stat_get_backend_wal(p) as w", pids
        )
    )


async def _tell(connections: tuple[Connection, ...]) -> None:
    """Make each backend tell what it did up to now. It would tell later, to spare the others."""
    for connection in connections:
        await connection.execute("select pg_stat_force_next_flush()")


async def _updates(connections: tuple[Connection, ...], table: str | None) -> tuple[int, int]:
    """Updates of a table up to now, and how many of them were HOT."""
    if table is None:
        return 0, 0
    await _tell(connections)
    row = await connections[0].fetchrow(
        "select coalesce(sum(n_tup_upd), 0)::bigint, coalesce(sum(n_tup_hot_upd), 0)::bigint"
        " from pg_stat_user_tables where relid = $1::regclass",
        table,
    )
    assert row is not None  # noqa: S101 - an aggregate without a group has one row
    return row[0], row[1]
