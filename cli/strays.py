"""`strays`: recorded rows that could not be taken in. They are kept until someone mends what was wrong."""

import json
from typing import Any

import click

from cli import session
from cli.commands import Listing
from cli.output import count, show_json, show_table
from store import inbox
from store.connections import Pool

COLUMNS = ("account", "channel", "provider_id", "reference")

_json = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


@click.group(cls=Listing)
def strays() -> None:
    """See rows that could not be taken in, and take them in again. Without a command it lists them."""


@strays.command("list")
@click.option("--limit", default=100, show_default=True, type=click.IntRange(min=1), help="At most so many rows.")
@_json
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
    counts = [(one["rows"], one["since"], one["problem"]) for one in found["problems"]]
    show_table(("rows", "since", "problem"), counts, empty="every recorded row was taken in, or waits for a worker")
    rows = [(row["received_at"], *(row["said"].get(name) for name in COLUMNS), row["problem"]) for row in found["rows"]]
    if rows:
        click.echo("")
        show_table(("received at", *(name.replace("_", " ") for name in COLUMNS), "problem"), rows, sparse=True)
        click.echo("\nMend what is wrong, then `landed strays retry`; a worker that starts retries them too")


@strays.command()
@_json
def retry(*, as_json: bool) -> None:
    """Put all rows back into the inbox; a worker takes them in again."""

    async def task(pool: Pool) -> int:
        async with pool.acquire() as connection:
            return await inbox.retry_strays(connection)

    again = session.work(task)
    if as_json:
        show_json({"rows": again})
    else:
        click.echo(f"put back into the inbox: {count(again, 'row')}")
