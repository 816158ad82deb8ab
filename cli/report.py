"""`report`: the delivery report of a communication, in a vocabulary's words."""

import click

from cli import session
from cli.found import communication
from cli.sheets import SHEETS, Head
from config.words import named
from rules.vocabularies import Vocabulary
from store import archive, messages
from store.connections import Pool
from store.reporting import line, totals

#: Recipients that a table shows unless it is told otherwise.
ROWS = 20


@click.command()
@click.argument("name", metavar="COMMUNICATION")
@click.option("--vocabulary", metavar="NAME", help="Whose words: crisis, history, log, engage, or one of your own.")
@click.option(
    "--format",
    "form",
    type=click.Choice(list(SHEETS)),
    default="table",
    show_default=True,
    help="A table is for people; csv and json have everyone.",
)
@click.option("--json", "as_json", is_flag=True, help="The same as --format json.")
@click.option("--rows", type=click.IntRange(min=0), metavar="N", help=f"Recipients shown in a table; else {ROWS}.")
@click.option("--all", "everyone", is_flag=True, help="Show every recipient in the table.")
def report(name: str, vocabulary: str | None, form: str, rows: int | None, *, as_json: bool, everyone: bool) -> None:
    """What happened to each message of COMMUNICATION, and how many stand how."""
    words = named(session.settings(), vocabulary)
    most = None if everyone else ROWS if rows is None else rows

    session.work(lambda pool: write(pool, name, words, "json" if as_json else form, most))


async def write(pool: Pool, name: str, words: Vocabulary, form: str, most: int | None) -> None:
    """Print the report of the communication `name` as `form`; a table has at most `most` recipients."""
    async with pool.acquire() as connection, connection.transaction(isolation="repeatable_read", readonly=True):
        number = await communication(connection, name)
        counted = totals(words, await messages.classes(connection, number))
        left = await archive.archived(connection, number)
        lines = (line(words, row) async for row in messages.all_of(connection, number))
        await SHEETS[form](Head(name, counted, left), lines, words.columns, most)
