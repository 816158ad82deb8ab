"""The documentation names everything that there is, and its links lead somewhere."""

import re
from collections.abc import Iterator
from dataclasses import fields
from datetime import timedelta
from pathlib import Path
from typing import Any

import click
import pytest
from pydantic import BaseModel

import adapters
from adapters.base import AdapterSettings, Limits
from cli.commands import PLACES, load
from config import AccountOptions, Settings
from config.accounts import ChannelOptions, ScheduleOptions
from config.settings import RetentionOptions, SoftBounceOptions, SuppressionOptions, WorkerOptions
from config.web import WebOptions
from rules import durations
from rules.adapting import EVERY
from rules.deadlines import ALLOWANCES, HARD_LIMIT
from rules.schedules import DEFAULTS
from rules.statuses import Channel, Engagement, Reason, Status

ROOT = Path(__file__).resolve().parent.parent
DOCS = ROOT / "docs"

pytestmark = pytest.mark.once

#: The headings of docs/configuration.md, and the settings that stand below each.
TABLES: dict[str, tuple[type[BaseModel], ...]] = {
    "General settings": (Settings,),
    "The worker": (WorkerOptions,),
    "How long things are kept": (RetentionOptions,),
    "The page and the API": (WebOptions,),
    "What blocks an address": (SuppressionOptions, SoftBounceOptions),
    "Accounts": (AccountOptions,),
}

#: What an account has as its adapter declares it.
DECLARED = set(AccountOptions.model_fields) & {field.name for field in fields(Limits)}

#: What leaving a setting out comes to, where the model alone does not say it.
EFFECTS: dict[type[BaseModel], dict[str, str]] = {
    Settings: {
        "database_url": "embedded",
        "redis_url": "embedded",
        "home": ".landed beside the program",
        **dict.fromkeys(("worker", "retention", "web", "suppression", "accounts"), ""),
    },
    WebOptions: {"proxy_scopes": "read"},
    AccountOptions: {
        **dict.fromkeys(DECLARED, "the adapter's"),
        **dict.fromkeys(ChannelOptions.model_fields, "the channel's"),
        "adaptive": "false",
        **dict.fromkeys(
            ("adaptive_looks_per_message", "adaptive_earliest", "adaptive_longest_pause"), "the schedule's"
        ),
        "adaptive_every": durations.text(EVERY),
        "hard_limit": durations.text(HARD_LIMIT),
        "slices": "1",
        "timeout": "10s",
    },
}


def pages() -> list[Path]:
    """Every page of the documentation."""
    return sorted([*ROOT.glob("*.md"), *DOCS.rglob("*.md")])


def text(page: Path) -> str:
    """What a page says; nothing if it is not there."""
    return page.read_text("utf-8") if page.exists() else ""


def prose(page: Path) -> str:
    """A page without its code."""
    return re.sub(r"`[^`\n]*`", "", without_blocks(page))


def without_blocks(page: Path) -> str:
    """A page without its blocks of code."""
    return re.sub(r"^ *```.*?^ *```", "", text(page), flags=re.MULTILINE | re.DOTALL)


def missing(page: Path, words: list[str]) -> list[str]:
    """The words that a page does not have as code, or all of them if there is no page."""
    said = text(page)
    return [f"{page.relative_to(ROOT)}: {word}" for word in words if f"`{word}`" not in said]


def rows(heading: str) -> Iterator[list[str]]:
    """The cells of every row below a heading of docs/configuration.md."""
    section = text(DOCS / "configuration.md").partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    for line in section.splitlines():
        if line.startswith("| `"):
            yield [cell.strip() for cell in line.strip("|").split("|")]


@pytest.mark.parametrize("heading", TABLES)
def test_every_setting_is_explained_with_its_default(heading: str) -> None:
    expected = {name: default(name, kind) for kind in TABLES[heading] for name in kind.model_fields}
    told = {name: cells[1].replace("`", "") for cells in rows(heading) for name in re.findall(r"`([a-z_]+)`", cells[0])}

    assert told == expected
    assert [cells for cells in rows(heading) if not cells[2]] == []


def default(name: str, kind: type[BaseModel]) -> str:
    """The default of a setting, as the page says it."""
    if name in EFFECTS.get(kind, {}):
        return EFFECTS[kind][name]
    value = getattr(kind(), name)
    if isinstance(value, timedelta):
        return durations.text(value)
    if isinstance(value, bool):
        return str(value).lower()
    return str(value) if value else "none"


def test_every_schedule_and_deadline_is_told() -> None:
    """As they are in the rules."""
    told = {cells[0].strip("`"): cells[1:] for cells in rows("Schedules") if len(cells) == 5}
    expected = {
        channel.word: [
            ", ".join(map(durations.text, DEFAULTS[channel].looks)),
            durations.text(DEFAULTS[channel].then or timedelta()),
            str(DEFAULTS[channel].jitter),
            durations.text(ALLOWANCES[channel]),
        ]
        for channel in Channel
    }
    explained = {cells[0].strip("`") for cells in rows("Schedules") if len(cells) == 2}

    assert told == expected
    assert explained == set(ScheduleOptions.model_fields)
    adaptive = {cells[0].strip("`") for cells in rows("Adaptive schedules")}
    assert set(ChannelOptions.model_fields) == explained | {"deadline"} | adaptive


@pytest.mark.parametrize("name", adapters.names())
def test_every_provider_has_a_page_with_its_settings_words_and_codes(name: str) -> None:
    """And a row in README.md that leads there."""
    kind, page = adapters.find(name), DOCS / "providers" / f"{name}.md"
    own = set(kind.Settings.model_fields) - set(AdapterSettings.model_fields)

    assert missing(page, sorted(own)) == []
    assert f"](docs/providers/{name}.md)" in text(ROOT / "README.md")


def test_every_command_is_told() -> None:
    """With the commands below it."""
    expected = [f"{name} {below}".strip() for name in PLACES for below in ("", *subcommands(name))]
    said = text(DOCS / "commands.md")

    assert [name for name in expected if not re.search(rf"landed {name}\b", said)] == []


def subcommands(name: str) -> list[str]:
    """The commands below a command."""
    command = load(name, PLACES[name])
    return list(command.commands) if isinstance(command, click.Group) else []


def test_every_status_and_reason_is_told() -> None:
    """And everything that a recipient can do."""
    kinds: tuple[Any, ...] = (Status, Reason, Engagement)
    words = [word.word for kind in kinds for word in kind if word is not Reason.NONE]

    assert missing(DOCS / "statuses.md", words) == []


def test_every_link_leads_somewhere() -> None:
    """To a file that is there, and to a heading that it has."""
    broken = [
        f"{page.relative_to(ROOT)}: {link}" for page in pages() for link in links(page) if not resolves(page, link)
    ]

    assert broken == []


def links(page: Path) -> list[str]:
    """Where a page's links lead, but for those to other places."""
    found = re.findall(r"\]\(([^)\s]+)\)", prose(page)) + re.findall(r"^\[[^\]]+\]: (\S+)", prose(page), re.MULTILINE)
    return [link for link in found if "://" not in link and not link.startswith("mailto:")]


def resolves(page: Path, link: str) -> bool:
    path, _, heading = link.partition("#")
    target = (page.parent / path).resolve() if path else page
    return target.exists() and target.is_relative_to(ROOT) and (not heading or heading in headings(target))


def headings(page: Path) -> set[str]:
    """The names that GitHub gives to a page's headings."""
    found = re.findall(
        r"^#+ (.+)$", re.sub(r"^```.*?^```", "", text(page), flags=re.MULTILINE | re.DOTALL), re.MULTILINE
    )
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in found}


def test_every_page_is_reached_from_readme() -> None:
    """Over as many links as it takes; a folder that is linked stands for its pages."""
    reached: set[Path] = set()
    waiting = [ROOT / "README.md"]
    while waiting:
        page = waiting.pop()
        if page in reached:
            continue
        reached.add(page)
        for link in links(page):
            target = (page.parent / link.partition("#")[0]).resolve()
            waiting += target.glob("*.md") if target.is_dir() else [target] if target.suffix == ".md" else []

    assert [str(page.relative_to(ROOT)) for page in pages() if page not in reached] == []


def test_the_changelog_keeps_its_shape() -> None:
    """Of keepachangelog.com: releases with dates below what is unreleased, each with its kinds of changes."""
    lines = [line for line in text(ROOT / "CHANGELOG.md").splitlines() if line]
    releases = [line for line in lines if line.startswith("## ")]
    kinds = [line for line in lines if line.startswith("### ")]
    empty = [line for line, after in zip(lines, [*lines[1:], "# "], strict=True) if line[:3] == "###" == after[:3]]

    assert lines[0] == "# Changelog"
    assert releases[0] == "## Unreleased"
    assert [line for line in releases[1:] if not re.fullmatch(r"## \d+\.\d+\.\d+ - \d{4}-\d\d-\d\d", line)] == []
    assert {line[4:] for line in kinds} <= {"Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"}
    assert [line for line in lines[2:] if not line.startswith(("## ", "### ", "- ", "  "))] == []
    assert empty == []
