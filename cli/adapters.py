"""`adapters`: the providers that can be asked, and how."""

from typing import Any

import click
from pydantic import SecretStr

import adapters as known
from adapters.base import Adapter
from cli.output import show_json, show_table
from cli.probe import offers
from cli.provider import find
from rules import durations


@click.command()
@click.argument("name", required=False)
@click.option("--json", "as_json", is_flag=True, help="Print an array.")
def adapters(name: str | None, *, as_json: bool) -> None:
    """The providers that can be asked: how, about what, within which limits, and the settings they need.

    With NAME only that one, and with the words it knows.
    """
    kinds = [find(name)] if name else [known.find(one) for one in known.names()]
    found = [_plain(kind, whole=name is not None) for kind in kinds]
    if as_json:
        show_json(found)
    elif name is None:
        columns = ("name", "channels", "asked by", "rate", "retention", "settings")
        show_table(columns, [_row(kind, one) for kind, one in zip(kinds, found, strict=True)])
    else:
        _show_one(found[0])


def _plain(kind: type[Adapter[Any]], *, whole: bool) -> dict[str, Any]:
    limits = kind.limits
    plain = {
        "name": kind.name,
        "channels": [channel.word for channel in kind.channels],
        "asked_by": offers(limits),
        "limits": {name: _limit(getattr(limits, name)) for name in limits.__dataclass_fields__},
        "settings": [_setting(name, field) for name, field in kind.Settings.model_fields.items()],
    }
    if whole:
        plain["statuses"] = {word: status.word for word, status in kind.STATUSES.items()}
        plain["reasons"] = {code: reason.word for code, reason in kind.REASONS.items()}
    return plain


def _limit(value: Any) -> Any:
    return durations.text(value) if hasattr(value, "total_seconds") else value


def _setting(name: str, field: Any) -> dict[str, Any]:
    required, secret = field.is_required(), is_secret(field.annotation)
    default = None if required or secret else field.default
    return {"name": name, "required": required, "secret": secret, "default": default}


def is_secret(annotation: Any) -> bool:
    """Whether a setting of this type is a secret, also where it may be left out."""
    return SecretStr in (annotation, *getattr(annotation, "__args__", ()))


def _row(kind: type[Adapter[Any]], one: dict[str, Any]) -> list[object]:
    retention = one["limits"]["retention"] or "-"
    settings = ", ".join(setting["name"] + ("" if setting["required"] else "?") for setting in one["settings"])
    return [kind.name, ", ".join(one["channels"]), one["asked_by"], f"{kind.limits.rate:g}/s", retention, settings]


def _show_one(one: dict[str, Any]) -> None:
    click.echo(f"{one['name']}: {', '.join(one['channels'])}; asked by {one['asked_by']}\n")
    columns = ("setting", "required", "secret", "default")
    show_table(columns, [list(setting.values()) for setting in one["settings"]])
    click.echo("")
    show_table(("limit", "value"), [[name, "-" if value is None else value] for name, value in one["limits"].items()])
    click.echo("")
    show_table(("its word", "status"), sorted(one["statuses"].items()))
    click.echo("")
    show_table(("its code", "reason"), sorted(one["reasons"].items()))
