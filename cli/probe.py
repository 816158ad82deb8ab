"""`probe`: ask a provider now and print what it says. It writes nothing and needs no database."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import click

from adapters.base import Adapter, Ids, Limits, References, Since, Take, What, Window
from adapters.errors import AskError, Refused, Throttled, Unreachable
from adapters.http import Sender
from cli.moments import Moment, now
from cli.output import progress, show_json, show_table
from cli.provider import PREFIX, Provider, named_account, named_adapter
from rules import durations
from rules.reports import Report
from rules.times import iso
from worker.ask import UnreadableAnswer, pages
from worker.plan import chunks

#: How long to try again while a provider gives no answer: a person waits.
PATIENCE = timedelta(seconds=4)


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the person wants to know."""

    ids: tuple[str, ...]
    references: tuple[str, ...]
    since: datetime | None
    until: datetime | None
    take: bool


@dataclass(frozen=True, slots=True)
class Found:
    """What the provider said: reports, and a line for each item that could not be read."""

    reports: list[Report]
    unreadable: list[str]


@click.command()
@click.option("--adapter", "adapter_name", metavar="NAME", help="A provider, with its settings given on the line.")
@click.option("--base-url", metavar="URL", help="Where the provider is; else its usual address.")
@click.option(
    "--set", "given", multiple=True, metavar="NAME=VALUE", help="A setting; @FILE reads it from a file, @- from stdin."
)
@click.option("--account", "account_name", metavar="NAME", help="An account of landed.toml instead.")
@click.option("--id", "ids", multiple=True, metavar="ID", help="The provider's id of a message; may be repeated.")
@click.option("--reference", "references", multiple=True, metavar="TEXT", help="Your own name of it; may be repeated.")
@click.option("--since", type=Moment(), help="From when to list: a time with a zone, or like '2h ago'.")
@click.option("--until", type=Moment(), help="Up to when; else now.")
@click.option("--take", is_flag=True, help="Take from a queue or drain. A drain gives each report only once!")
@click.option("--json", "as_json", is_flag=True, help="Print the reports as an array.")
def probe(
    *,
    adapter_name: str | None,
    base_url: str | None,
    given: tuple[str, ...],
    account_name: str | None,
    as_json: bool,
    **asked: Any,
) -> None:
    """Ask a provider about messages by --id or --reference, or about a window by --since and --until.

    Settings may also come from the environment: LANDED_SET_AUTH_TOKEN for auth_token. Secrets are best given so, or
    by @FILE, because everybody on the machine can read a command line. With --since, --id only picks from the answer.
    """
    if (adapter_name is None) == (account_name is None):
        raise click.UsageError("name either --adapter or --account")
    if adapter_name is not None:
        provider = named_adapter(adapter_name, base_url, given)
    elif base_url or given:
        raise click.UsageError("--base-url and --set go with --adapter")
    else:
        provider = named_account(str(account_name))
    wanted = Wanted(**asked)
    questions = _questions(provider.limits, provider.adapter, wanted)
    with progress(f"Asking {provider.name}", None, quiet=wanted.take):
        found = asyncio.run(_ask(provider, questions))
    reports = _picked(provider.adapter, found.reports, wanted)
    _show(reports, as_json=as_json)
    for line in _missing(provider.adapter, reports, wanted) + found.unreadable:
        click.echo(f"{provider.name}: {line}", err=True)
    if found.unreadable:
        click.get_current_context().exit(1)


def _questions(limits: Limits, adapter: Adapter[Any], wanted: Wanted) -> list[What]:
    """What to ask, in as few requests as the provider allows."""
    if wanted.take:
        if not (limits.queue or limits.drain):
            raise click.UsageError(f"{adapter.name} has no queue and no drain; it offers {offers(limits)}")
        click.echo(
            "note: one answer is taken and not confirmed, so the queue gives it again"
            if limits.queue
            else "warning: a drain gives each report once; what is printed here no worker will see",
            err=True,
        )
        return [Take()]
    if wanted.since or wanted.until:
        return [_stretch(limits, adapter, wanted)]
    if not (wanted.ids or wanted.references):
        raise click.UsageError(f"say what to ask about; {adapter.name} offers {offers(limits)}")
    for names, most, option in (
        (wanted.ids, limits.ids, "--id"),
        (wanted.references, limits.references, "--reference"),
    ):
        if names and not most:
            raise click.UsageError(f"{adapter.name} cannot be asked by {option}; it offers {offers(limits)}")
    ids = dict.fromkeys(adapter.normal_id(name) for name in wanted.ids)
    if not (all(ids) and all(wanted.references)):
        raise click.UsageError("an empty --id or --reference names no message")
    by_id: list[What] = [Ids(run) for run in chunks(ids, limits.ids, limits.id_characters)]
    references = dict.fromkeys(wanted.references)
    return by_id + [References(run) for run in chunks(references, limits.references, None)]


def _stretch(limits: Limits, adapter: Adapter[Any], wanted: Wanted) -> What:
    if wanted.since is None:
        raise click.UsageError("--until needs --since")
    until = wanted.until or now()
    if until <= wanted.since:
        raise click.UsageError(f"--since {iso(wanted.since)} is not before --until {iso(until)}")
    if limits.listing:
        return Window(wanted.since, until)
    if limits.feed:
        return Since(None, wanted.since)
    raise click.UsageError(f"{adapter.name} has no listing and no feed; it offers {offers(limits)}")


def offers(limits: Limits) -> str:
    """The ways in which a provider can be asked, as options of this command."""
    ways = {
        f"--id (up to {limits.ids} in a request)": limits.ids,
        f"--reference (up to {limits.references} in a request)": limits.references,
        f"--since (a listing of {limits.listing} a page)": limits.listing,
        f"--since (a feed of {limits.feed} a page)": limits.feed,
        f"--take (a queue of {limits.queue})": limits.queue,
        f"--take (a drain of {limits.drain})": limits.drain,
    }
    return ", ".join(way for way, offered in ways.items() if offered)


async def _ask(provider: Provider, questions: Sequence[What]) -> Found:
    found = Found([], [])
    sender = Sender(provider.adapter, provider.name, patience=PATIENCE)
    try:
        for question in questions:
            await _ask_one(sender, provider, question, found)
    except UnreadableAnswer as error:
        kind = error.response.headers.get("content-type", "no content type")
        said = str(error).removesuffix("; it is kept in the journal")
        raise click.ClickException(
            f"{said} (status {error.response.status_code}, {kind}); is the address right?"
        ) from error
    except AskError as error:
        raise click.ClickException(_for_a_person(provider, error)) from error
    finally:
        await sender.aclose()
    return found


def _for_a_person(provider: Provider, error: AskError) -> str:
    """What went wrong, and what a person can do about it where a worker would ask again by itself."""
    what, semicolon, then = str(error).rpartition("; ")
    if isinstance(error, Throttled):
        wait = error.retry_after
        then = "try again later" if wait is None else f"it asks for {durations.text(wait)} without requests"
    elif isinstance(error, Unreachable):
        then = "try again later"
    elif isinstance(error, Refused) and error.credentials and provider.on_line:
        then = f"check what --set and {PREFIX}... give"
    said = f"{what}{semicolon}{then}"
    # Nobody called it an account.
    return said.replace(f" (account {provider.name})", "") if provider.on_line else said


async def _ask_one(sender: Sender, provider: Provider, question: What, found: Found) -> None:
    async for _, page in pages(sender, provider.adapter, question):
        found.reports.extend(page.reports)
        found.unreadable.extend(page.unreadable)
        if isinstance(question, Take):
            return  # the next answer would be given once, too


def _picked(adapter: Adapter[Any], reports: list[Report], wanted: Wanted) -> list[Report]:
    """The reports that the person wants of those that came."""
    if wanted.since is None:
        return reports
    ids = {adapter.normal_id(name) for name in wanted.ids}
    names = ids | set(wanted.references)
    picked = [r for r in reports if not names or r.provider_id in ids or r.reference in wanted.references]
    if wanted.until is None or adapter.limits.listing:
        return picked
    return [report for report in picked if report.occurred_at is None or report.occurred_at < wanted.until]


def _missing(adapter: Adapter[Any], reports: Sequence[Report], wanted: Wanted) -> list[str]:
    """A line for each message that the provider does not know."""
    known, called = {report.provider_id for report in reports}, {report.reference for report in reports}
    lines = [f"id {name} was not found" for name in wanted.ids if adapter.normal_id(name) not in known]
    return lines + [f"reference {name} was not found" for name in wanted.references if name not in called]


def _show(reports: Sequence[Report], *, as_json: bool) -> None:
    if as_json:
        show_json([report.plain() for report in reports])
        return
    columns = ("provider_id", "reference", "part", "status", "reason", "code", "occurred_at", "attempts", "detail")
    rows = []
    for report in reports:
        plain = {**report.plain(), "reference": report.reference, "occurred_at": report.occurred_at}
        if report.unknown:
            plain["status"] = "(unknown word)"
        did = ", ".join(f"{kind.word} {iso(at)}" for kind, at in report.engagement)
        rows.append([*(plain[name] for name in columns), did])
    headings = [*(name.replace("_", " ") for name in columns), "engagement"]
    show_table(headings, rows, empty="nothing is reported", sparse=True)
