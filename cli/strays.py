"""`strays`: recorded rows that could not be taken in. They are kept until someone mends what was wrong."""

import json
from typing import Any

import click

from cli import session
from cli.commands import Listing
from cli.output import show_json, show_table
from store import inbox
from store.connections import Pool


@click.group(cls=Listing)
def strays() -> None:
    """See rows that could not be taken in, and take them in again. Without a command it lists them."""


@strays.command("list")
@click.option("--limit", default=100, show_default=True, type=click.IntRange(min=1), help="At most so many rows.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def list_strays(limit: int, *, as_json: bool) -> None:
    """How many rows there are for each problem, and the newest of them."""

    async def task(pool: Pool) -> dict[str, Any]:
        async with pool.acquire() as connection:
            counts = [dict(row) for row in await inbox.count_strays(connection)]
            newest = [{**dict(row), "said": json.loads(row["said"])} for row in await inbox.strays(connection, limit)]
            return {"problems": counts, "rows": newest}

    found = session.work(task)
    if as_json:
        show_json(found)
        return
    show_table(("problem", "rows", "since"), [list(count.values()) for count in found["problems"]])
    columns = ("account", "channel", "provider_id", "reference")
    rows = [(row["received_at"], *(row["said"].get(name) for name in columns), row["problem"]) for row in found["rows"]]
    if rows:
        click.echo("")
        show_table(("received at", *columns, "problem"), rows)


@strays.command()
def retry() -> None:
    """Put all rows back into the inbox; a worker takes them in again."""

    async def task(pool: Pool) -> int:
        async with pool.acquire() as connection:
            return await inbox.retry_strays(connection)

    click.echo(f"{session.work(task)} rows are in the inbox again")
