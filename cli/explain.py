"""`explain`: the whole story of a message, from what was recorded to what comes next."""

from collections.abc import Mapping, Sequence

import click

from cli import session
from cli.found import find
from cli.output import count, show_fields, show_json, show_table, visible
from store.connections import Pool, clock
from store.story import Story, tell

#: What the headline says.
HEADLINE = ("number", "status")


@click.command()
@click.argument("message")
@click.option("--json", "as_json", is_flag=True, help="Print an array with one story for each message found.")
def explain(message: str, *, as_json: bool) -> None:
    """Tell everything about MESSAGE: its number, its reference or the provider's id.

    Every word that was heard about it and what that changed, every request that covered it, and what is next. Where
    several messages have that name, they are listed; explain one by its number.
    """
    stories = session.work(lambda pool: _stories(pool, message, whole=as_json))
    if as_json:
        show_json([story.plain() for story in stories])
    elif len(stories) == 1:
        _show(stories[0])
    else:
        click.echo(f"{count(len(stories), 'message')} are called that; explain one by its number:\n")
        show_messages([story.message for story in stories])


def show_messages(found: Sequence[Mapping[str, object]]) -> None:
    """Print what tells messages of the same name apart."""
    columns = ("number", "account", "channel", "provider id", "part", "reference", "communication", "status")
    rows = [[message[name.replace(" ", "_")] for name in columns] for message in found]
    show_table(columns, rows, sparse=True)


async def _stories(pool: Pool, name: str, *, whole: bool) -> list[Story]:
    async with pool.acquire() as connection:
        rows = await find(connection, name)
        now, named = await clock(connection), session.named_schedules()
        return [await tell(connection, row, now, named, whole=whole or len(rows) == 1) for row in rows]


def _show(story: Story) -> None:
    message = story.message
    click.echo(visible(f"Message {message['number']}: {message['status']}"))
    show_fields((f"{name.replace('_', ' '):<17}", value) for name, value in message.items() if name not in HEADLINE)
    click.echo("")
    show_table(("when", "what", "detail"), [(line.at, line.what, line.detail) for line in story.lines])
    click.echo("")
    for line in story.next:
        click.echo(visible(line))
