"""`erase`: remove one person's address and texts everywhere, and keep every count."""

import getpass
import sys
from typing import Any

import click

from cli import session
from cli.output import Word, count, show_json, visible
from rules.recipients import normal
from rules.statuses import Channel
from store import erasing, hashing
from store.connections import Pool
from worker.erasing import Erased, Request, erase

#: What was changed, as it is told of one and of several.
NOUNS = {
    "messages": ("message", "messages"),
    "events": ("entry of their history", "entries of their history"),
    "blocks": ("proof of a block", "proofs of a block"),
    "waiting_rows": ("row of the inbox", "rows of the inbox"),
    "rows_put_aside": ("row put aside", "rows put aside"),
    "early_reports": ("early report", "early reports"),
    "answers": ("raw answer", "raw answers"),
    "unknown_words": ("unknown word", "unknown words"),
    "communications": ("name of a communication", "names of communications"),
    "accounts": ("note about an account", "notes about accounts"),
}


@click.command("erase")
@click.option("--recipient", required=True, metavar="ADDRESS", help="Whom; - reads the address from standard input.")
@click.option("--channel", type=Word(Channel), help="Only on this channel.")
@click.option("--note", default="", metavar="TEXT", help="Why, for whoever wonders later; without the address.")
@click.option("--by", default=getpass.getuser, metavar="TEXT", help="Who; else the name of the user.")
@click.option("--yes", is_flag=True, help="Do not ask first.")
@click.option("--json", "as_json", is_flag=True, help="Print what was done as JSON.")
def erase_person(recipient: str, channel: Channel | None, note: str, by: str, *, yes: bool, as_json: bool) -> None:
    """Remove a recipient's address and all their texts, everywhere. It cannot be undone.

    Counts and reports stay right. A keyed hash stays in the place of the address, so that what blocks it still does and
    late reports still find their message. Running it again is harmless.
    """
    known = session.settings()
    if known.recipient_key is None:
        raise click.ClickException(
            "erasing needs a key to hash with: set LANDED_RECIPIENT_KEY (or LANDED_RECIPIENT_KEY_FILE) to at least 32"
            " characters (`openssl rand -hex 32` makes some), for every worker too, and keep it; see docs/privacy.md"
        )
    address = _address(recipient)
    accounts = session.accounts(known)
    request = Request(address, channel, by, note)

    async def task(pool: Pool) -> Erased:
        async with pool.acquire() as connection:
            hashes = await hashing.agreed(connection, known.hashing())
            keeping = await session.keeping(connection, accounts)
            found = await erasing.count(connection, hashing.spellings(hashes, normal(address)), channel)
        if not yes:
            click.confirm(_question(found, channel), abort=True, err=True)
        return await erase(pool, keeping, hashes, request)

    done = session.work(task)
    if as_json:
        show_json(_plain(done, channel))
    else:
        _say(done)
    if not done.complete:
        raise click.ClickException(
            "a transaction that began before is still open (a backup perhaps), and may still write what was erased:"
            " run this again when it has ended"
        )


def _address(given: str) -> str:
    if given == "-":
        given = sys.stdin.buffer.read().decode("utf-8-sig", "replace").strip()
    if not given.strip() or "\0" in given or "\n" in given:
        raise click.UsageError(
            "give one address: --recipient ADDRESS, or one line of standard input with --recipient -"
        )
    return given


def _question(found: erasing.Found, channel: Channel | None) -> str:
    where = f" on {channel.word}" if channel is not None else ""
    blocked = f", blocked on {', '.join(Channel(one).word for one in found.blocked_on)}" if found.blocked_on else ""
    return (
        f"This removes the address and all texts of one person{where} ({count(found.messages, 'message')}{blocked})."
        " It cannot be undone. Go on?"
    )


def _plain(done: Erased, channel: Channel | None) -> dict[str, Any]:
    return {
        "recipient": done.recipient,
        "channel": None if channel is None else channel.word,
        "erased": dict(done.counts),
        "complete": done.complete,
    }


def _say(done: Erased) -> None:
    told = [f"{many:,} {NOUNS[name][many != 1]}" for name, many in done.counts.items() if many]
    click.echo(f"erased: {', '.join(told)}" if told else "there was nothing to erase, or it was erased before")
    click.echo(visible(f"the recipient is {done.recipient} from now on; docs/privacy.md says what is left and where"))
    if done.counts["blocks"]:
        click.echo("it is still blocked: ask landed.is_blocked(channel, address, hash), or `landed suppression check`")
