"""What docs/recording.md shows works as it stands: every statement is run, and everything recorded is taken in."""

import re
import shutil
import subprocess
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, ClassVar

import asyncpg
import httpx
import msgspec
import pytest

from adapters.base import Adapter, AdapterSettings, Limits, Page, What
from rules.columns import NAMES
from rules.statuses import Channel, Reason, Status
from store import inbox
from store.accounts import ensure
from store.connections import Pool, open_pool
from store.migrations import create_roles
from worker.accounts import Account
from worker.intake import intake

#: It does not depend on the interpreter.
pytestmark = pytest.mark.once

PAGE = (Path(__file__).parents[2] / "docs" / "recording.md").read_text("utf-8")
BLOCKS: dict[str, tuple[str, str]] = {
    name.strip(): (language, text)
    for name, language, text in re.findall(r"<!-- (.+?) -->\n```(\w+)\n(.*?)```", PAGE, re.DOTALL)
}
NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)


class Parts(Adapter[AdapterSettings]):
    """A provider that gives several recipients one id, and is never asked here."""

    name = "parts"
    channels = (Channel.EMAIL, Channel.SMS)
    limits = Limits(ids=1, parts=True)
    STATUSES: ClassVar[dict[str, Status]] = {}
    REASONS: ClassVar[dict[str, Reason]] = {}
    Settings = AdapterSettings

    def ask(self, what: What) -> httpx.Request:
        """Never called here."""
        raise self.cannot(what)

    def read(self, what: What, response: httpx.Response) -> Page:
        """Never called here."""
        raise NotImplementedError(what, response)

    def auth(self, now: datetime, nonce: str) -> httpx.Auth:
        """Never called here."""
        raise NotImplementedError(now, nonce)


class Plain(Parts):
    """A provider that gives each recipient an id of its own."""

    name = "plain"
    limits = Limits(ids=1)


def sql(name: str) -> str:
    return BLOCKS[name][1]


@pytest.fixture
async def pool(database: str) -> AsyncIterator[Pool]:
    async with open_pool(database, size=3) as opened:
        yield opened


async def taken_in(pool: Pool) -> int:
    """Take in everything; how many rows could not be."""
    settings = AdapterSettings(base_url="https://api.example.com")
    accounts = {
        "text_main": Account("text_main", Plain(settings), Plain.limits),
        "mail_main": Account("mail_main", Parts(settings), Parts.limits),
    }
    async with pool.acquire() as connection:
        numbers = await ensure(connection, {name: account.adapter.name for name, account in accounts.items()})
        await intake(pool, accounts, numbers)
        return len(await inbox.strays(connection, 100))


async def statuses(pool: Pool) -> dict[str, str]:
    rows = await pool.fetch("select coalesce(reference, provider_id || part) as name, status from landed.messages")
    return {row["name"]: row["status"] for row in rows}


async def test_every_statement_of_the_page_runs_and_nothing_that_it_records_is_put_aside(pool: Pool) -> None:
    for name, (language, text) in BLOCKS.items():
        if name.startswith("psql:") and language == "sql" and not text.startswith("\\"):
            await pool.execute(text)

    assert await taken_in(pool) == 0


async def test_what_the_page_says_of_each_row_is_what_becomes_of_it(pool: Pool) -> None:
    for name in ("before", "learnt", "refused", "response", "canceled", "parts", "never"):
        await pool.execute(sql(f"psql: {name}"))
    await taken_in(pool)

    expected = {
        "order-4711-sms": "delivered",
        "order-4712-sms": "not_sent",
        "order-4713-sms": "not_sent",
        "20261124.1@mail.example.organn@example.org": "sent",
        "20261124.1@mail.example.orgben@example.org": "sent",
        "w7-104": "duplicate",
        "w7-105": "no_address",
        "w7-106": "control_group",
    }

    assert await statuses(pool) == expected


async def test_recording_everything_twice_changes_nothing(pool: Pool) -> None:
    seen: dict[str, str] = {}
    for _ in range(2):
        for name in ("after", "before", "learnt", "refused", "parts", "never"):
            await pool.execute(sql(f"psql: {name}"))
        await taken_in(pool)
        seen = await statuses(pool)

    assert len(seen) == 8
    assert await pool.fetchval("select count(*) from landed.message") == 8


async def test_the_role_that_the_page_gives_the_service_may_record_and_ask_and_read_nothing(
    pool: Pool,
) -> None:
    async with pool.acquire() as connection:
        await create_roles(connection)
        await connection.execute(sql("roles"))
        try:
            await connection.execute("set role my_service")
            await connection.execute(sql("psql: after"))
            assert await connection.fetchval(sql("psql: blocked")) is False
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await connection.fetch("select * from landed.inbox")
        finally:
            await connection.execute("reset role")
            await connection.execute("drop role my_service")


async def test_the_relay_of_the_page_carries_rows_over_and_may_do_it_twice(pool: Pool, db: asyncpg.Connection) -> None:
    await db.execute(sql("outbox: make"))
    await db.execute(
        "insert into outbox (account, channel, provider_id, responded_at, response)"
        " values ('text_main', 'sms', 'SM1', now(), 'yes'), ('text_main', 'sms', 'SM2', null, null)"
    )
    for again in (True, False):
        async with db.transaction():
            rows = [dict(row) for row in await db.fetch(sql("outbox: read"))]
            await pool.execute(sql("outbox: write"), msgspec.json.encode(rows).decode())
            if not again:
                await db.execute(sql("outbox: delete"), [row["id"] for row in rows])
    await taken_in(pool)

    assert await statuses(pool) == {"SM1": "delivered", "SM2": "sent"}
    assert await db.fetchval("select count(*) from outbox") == 0


@pytest.mark.skipif(shutil.which("psql") is None, reason="psql is not on this machine")
async def test_psql_copies_the_file_that_the_page_describes(pool: Pool, database: str, tmp_path: Path) -> None:
    rows = "account,channel,recipient,provider_id,communication,sent_at\n" + "".join(
        f"text_main,sms,+4477009001{n:02},SM{n},Flood warning 7,2026-11-24T12:00:00Z\n" for n in range(50)
    )
    (tmp_path / "messages.csv").write_text(rows)
    subprocess.run(  # noqa: ASYNC221 - nothing else runs
        ["psql", "-X", "-v", "ON_ERROR_STOP=1", database, "-c", sql("psql: copy").strip()],
        cwd=tmp_path,
        check=True,
        capture_output=True,
    )

    assert await taken_in(pool) == 0
    assert await pool.fetchval("select count(*) from landed.message") == 50


async def test_the_python_of_the_page_records_one_and_many(pool: Pool) -> None:
    names: dict[str, Any] = {}
    exec(BLOCKS["python: asyncpg"][1], names)  # noqa: S102 - our own page
    async with pool.acquire() as connection:
        await names["record"](connection, account="text_main", channel="sms", reference="r1", status="pending")
        await names["record_many"](connection, [("text_main", "sms", "+447700900123", "SM9", "Flood", NOW)])

    assert await taken_in(pool) == 0
    assert await statuses(pool) == {"r1": "pending", "SM9": "sent"}


def test_the_other_python_of_the_page_is_python() -> None:
    compile(BLOCKS["python: psycopg"][1], "recording.md", "exec")


def test_the_page_names_every_column_that_may_be_inserted() -> None:
    table = PAGE.partition("## The row")[2].partition("Times carry a zone")[0]

    assert [name for name in NAMES if f"`{name}`" not in table] == []
