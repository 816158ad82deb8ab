"""The server that is measured: our own with stated settings, or the one that a URL names."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import asyncpg

from embedded import Servers

#: Those of a small machine for databases. Nothing is given up for speed: a commit is on the disk when it returns.
SETTINGS = {
    "shared_buffers": "2GB",
    "work_mem": "16MB",
    "jit": "off",
    "fsync": "on",
    "synchronous_commit": "on",
    "full_page_writes": "on",
    "max_wal_size": "8GB",
    "checkpoint_timeout": "30min",
    "autovacuum": "on",
    "max_connections": "100",
}


@dataclass(frozen=True, slots=True)
class Place:
    """Where the servers are. `redis` is empty where none was named beside the URL of Postgres."""

    database: str
    redis: str


@contextmanager
def server(url: str | None) -> Iterator[Place]:
    """The server at `url`, or an embedded one below TMPDIR that leaves nothing behind."""
    if url:
        yield Place(url, os.environ.get("LANDED_BENCH_REDIS_URL", ""))
        return
    home = Path(tempfile.mkdtemp(prefix="landed-bench-"))
    home.chmod(0o711)  # root's servers run as someone else
    try:
        with Servers(home, postgres=SETTINGS) as urls:
            yield Place(urls.database, urls.redis)
    finally:
        shutil.rmtree(home, ignore_errors=True)


async def described(url: str) -> str:
    """Its version and the settings that matter, as they are in force."""
    connection = await asyncpg.connect(url)
    try:
        version = await connection.fetchval("show server_version")
        rows = await connection.fetch(
            "select name, current_setting(name) as value from pg_settings where name = any ($1) order by name",
            list(SETTINGS),
        )
    finally:
        await connection.close()
    cores = os.cpu_count() or 0
    settings = ", ".join(f"{row['name']} {row['value']}" for row in rows)
    return f"PostgreSQL {version} on a machine with {cores} cores: {settings}"
