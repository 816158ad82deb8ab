"""Connections: a server that is not there is named, and a password never is."""

import asyncio
import socket
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg
import pytest

from store.connections import StoreUnreachable, clock, open_pool, place

PLANTED = "pl4nted"


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("postgresql://ann:pl4nted@db.example.org:5432/landed", "db.example.org:5432/landed"),
        ("postgres://db.example.org/landed?user=ann&password=pl4nted", "db.example.org/landed"),
        ("postgresql:///landed?host=/var/run/postgresql&password=pl4nted", "/var/run/postgresql"),
        ("postgresql://?host=/var/run/postgresql", "/var/run/postgresql"),
        ("postgresql://ann:pl4nted@/landed", "landed"),
        ("postgresql://ann:x@pl4nted@db/landed", "db/landed"),
        ("postgresql://ann:x/pl4nted@db/landed", "db/landed"),
        ("postgresql://ann:x#pl4nted@db/landed", "db/landed"),
        ("postgresql://ann:pl4nted?pl4nted@db/landed", "the place that it names"),
        ("postgresql://db/landed?password=x@pl4nted", "the place that it names"),
        ("postgresql://", "its default place"),
    ],
)
def test_the_place_of_a_server_is_named_without_its_password(url: str, expected: str) -> None:
    assert place(url) == expected
    assert PLANTED not in place(url)


async def test_a_server_that_is_not_there_is_named_with_what_to_do(unused: int) -> None:
    url = f"postgresql://ann:{PLANTED}@127.0.0.1:{unused}/landed"
    with pytest.raises(StoreUnreachable) as caught:
        async with open_pool(url, patience=0):
            pass

    said = str(caught.value)
    assert f"127.0.0.1:{unused}/landed" in said
    assert "check LANDED_DATABASE_URL" in said
    assert PLANTED not in said


@pytest.fixture
def unused() -> int:
    """A port at which nobody listens."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


@pytest.mark.parametrize(
    "url",
    [
        f"postgresql://ann:x/{PLANTED}@db.example.org/landed",
        f"postgresql://ann:{PLANTED}@db.example.org:port/landed",
        f"mysql://ann:{PLANTED}@db.example.org/landed",
        PLANTED,
    ],
)
async def test_a_url_that_cannot_be_read_is_said_at_once_and_not_shown(url: str) -> None:
    with pytest.raises(StoreUnreachable, match="LANDED_DATABASE_URL cannot be read; write postgresql://") as caught:
        async with open_pool(url, patience=60):
            pass

    assert PLANTED not in str(caught.value)
    assert caught.value.__suppress_context__


async def test_a_server_that_is_starting_is_waited_for(database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    tries = 0
    create = asyncpg.create_pool

    async def starting(*arguments: Any, **options: Any) -> Any:
        nonlocal tries
        tries += 1
        if tries < 3:
            raise asyncpg.CannotConnectNowError
        return await create(*arguments, **options)

    monkeypatch.setattr(asyncpg, "create_pool", starting)
    async with open_pool(database) as pool:
        answer = await pool.fetchval("select 1")

    assert (answer, tries) == (1, 3)


@pytest.mark.parametrize("prepared", [True, False])
async def test_a_pool_asks_with_or_without_prepared_statements(database: str, *, prepared: bool) -> None:
    async with open_pool(database, size=2, prepared=prepared) as pool:
        answers = await asyncio.gather(*(pool.fetchval("select $1::integer", n) for n in range(10)))

    assert answers == list(range(10))


async def test_the_clock_is_that_of_postgres_and_goes_on_within_a_transaction(db: asyncpg.Connection) -> None:
    async with db.transaction():
        first, second = await clock(db), await clock(db)

    assert first < second
    assert first.utcoffset() == timedelta()
    assert abs(first - datetime.now(UTC)) < timedelta(minutes=1)
