"""Finding what a person named, and guessing what they meant where there is nothing of that name."""

from collections.abc import Iterable

import asyncpg
import click

from cli.output import guess
from rules.times import iso
from store import inbox, messages
from store.connections import Connection

#: Why nothing may be called so.
NOT_HERE = "; is it recorded? Settled messages leave by age where `keep_settled` says so"

#: How many communications are looked at for a guess.
NEWEST = 2000


async def find(connection: Connection, name: str) -> list[asyncpg.Record]:
    """The messages called `name`; trouble if there is none, saying where it may be."""
    if rows := await messages.find(connection, name):
        return rows
    if waiting := await inbox.naming(connection, name):
        since = iso(waiting["received_at"])
        if waiting["problem"]:
            raise click.ClickException(
                f"{name!r} was recorded at {since} and could not be taken in: {waiting['problem']}."
                " Mend that, then `landed strays retry`"
            )
        raise click.ClickException(
            f"{name!r} waits in the inbox since {since}: a worker takes it in (`landed up`, `landed worker`)"
        )
    hint = guess(name, await messages.near(connection, name)) or NOT_HERE
    raise click.ClickException(f"no message has the number, reference or provider id {name!r}{hint}")


async def communication(connection: Connection, name: str) -> int:
    """The number of the communication called `name`; trouble with a guess if there is none."""
    number = await messages.communication(connection, name)
    if number is None:
        known = await messages.communications(connection, NEWEST)
        hint = guess(name, known) or (f"; the newest is {known[0]!r}" if known else "; nothing is recorded yet")
        raise click.ClickException(f"no communication is called {name!r}{hint}")
    return number


def no_account(name: str, known: Iterable[str]) -> click.ClickException:
    """Trouble: no account is called `name`."""
    names = sorted(known)
    hint = guess(name, names) or f"; there are {', '.join(names)}" if names else "; none is configured"
    return click.ClickException(f"no account is called {name!r}{hint}")
