"""Fixtures for the store: one database that is emptied for each test, and more connections for those who race."""

from collections.abc import AsyncIterator
from urllib.parse import urlsplit
from uuid import uuid4

import asyncpg
import pytest

from embedded import Urls


@pytest.fixture(scope="session")
async def shared(servers: Urls, admin: asyncpg.Connection, template: str) -> AsyncIterator[asyncpg.Connection]:
    """A connection to a migrated database."""
    name = f"landed_store_{uuid4().hex}"
    await admin.execute(f'create database "{name}" template "{template}"')
    connection = await asyncpg.connect(urlsplit(servers.database)._replace(path=f"/{name}").geturl())
    yield connection
    await connection.close()
    await admin.execute(f'drop database "{name}" with (force)')


@pytest.fixture
async def database(servers: Urls, shared: asyncpg.Connection) -> str:
    """The URL of a migrated database that is as good as new. It takes a tenth of the time of a new one."""
    await shared.execute(EMPTY)
    name = await shared.fetchval("select current_database()")
    return urlsplit(servers.database)._replace(path=f"/{name}").geturl()


EMPTY = """
select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid();
select landed.drop_partitions('event', '9999-01-01'), landed.drop_partitions('look', '9999-01-01');
do $$
declare
    found record;
    filled boolean;
begin
    delete from landed.migration where number >= 9000;
    for found in
        select relname, relkind from pg_class
        where relnamespace = 'landed'::regnamespace and relkind in ('r', 'S') and relname <> 'migration'
    loop
        if found.relkind = 'S' then
            execute format('alter sequence landed.%I restart', found.relname);
        else
            execute format('select exists (select from landed.%I)', found.relname) into filled;
            if filled then
                execute format('truncate landed.%I', found.relname);
            end if;
        end if;
    end loop;
end
$$;
"""


@pytest.fixture
async def others(database: str) -> AsyncIterator[list[asyncpg.Connection]]:
    """Four connections beside `db`."""
    opened = [await asyncpg.connect(database) for _ in range(4)]
    yield opened
    for connection in opened:
        await connection.close()
