"""A pretended provider that tells the recipient, its own words and answers with each report, in every shape."""

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from adapters.base import AdapterSettings
from rules.hashing import Hashing
from rules.reports import Report
from rules.statuses import Engagement
from store.connections import Pool
from tests.worker.pretend import BASE, Pretend, Provider
from worker.accounts import Account

#: What of `Limits` makes an account be asked in each shape.
SHAPES: dict[str, dict[str, Any]] = {
    "lookup": {"ids": 10},
    "listing": {"ids": 0, "listing": 3},
    "feed": {"ids": 0, "feed": 3, "horizon": timedelta(minutes=30)},
    "queue": {"ids": 0, "queue": 3},
    "drain": {"ids": 0, "drain": 3},
}


class Telling(Pretend):
    """A report is [provider id, status, seconds since 1970, reference, code, part, detail, response]."""

    def _report(self, provider_id: str, word: str, at: float | None, *more: str) -> Report:
        reference, code, part, detail, response = (*more, *[""] * 5)[:5]
        told = super()._report(provider_id, word, at, reference, code)
        told = replace(told, part=self.normal_part(part), detail=detail)
        if not response:
            return told
        answered_at = datetime.fromtimestamp(at or 0, UTC)
        return replace(told, engagement=((Engagement.RESPONDED, answered_at),), response=response)


@dataclass
class Teller(Provider):
    """Says of every recipient of an id what it says of the id. `recipients` are parts by provider id."""

    recipients: dict[str, list[str]] = field(default_factory=dict)
    #: Code, detail and response by part; what is said of every other one under "".
    texts: dict[str, tuple[str, str, str]] = field(default_factory=dict)

    def _answer(self, what: dict[str, object]) -> dict[str, object]:
        answer = super()._answer(what)
        items: Any = answer["items"]
        return {**answer, "items": [one for item in items for one in self._each(item)]}

    def _each(self, item: Any) -> list[Any]:
        provider_id, word, at, reference = (*item, "")[:4]
        return [self._of(part, provider_id, word, at, reference) for part in self.recipients.get(provider_id, [""])]

    def _of(self, part: str, *item: Any) -> Any:
        code, detail, response = self.texts.get(part, self.texts.get("", ("", "", "")))
        return (*item, code, part, detail, response)

    def says(self, shape: str, provider_id: str, word: str, at: datetime) -> None:
        """Let the provider say something about an id, in the way in which it is asked."""
        match shape:
            case "feed":
                self.events.append((at, provider_id, word))
            case "queue" | "drain":
                self.drains = shape == "drain"
                self.queue.append((provider_id, word))
            case _:
                self.known[provider_id] = word
                self.sent_at.setdefault(provider_id, at)


def telling(name: str, hashing: Hashing, **limits: Any) -> Account:
    """An account of that provider, where one id covers several recipients unless `limits` say otherwise."""
    adapter = Telling(AdapterSettings(base_url=BASE))
    return Account(name, adapter, replace(Pretend.limits, **{"parts": True, **limits}), "first", hashing=hashing)


async def everything(pool: Pool) -> dict[str, str]:
    """Every row of every table of ours, whatever its columns hold, in small letters."""
    tables = await pool.fetch(
        "select relname as name from pg_class where relnamespace = 'landed'::regnamespace and relkind = 'r'"
    )
    found: dict[str, str] = {}
    for name in [row["name"] for row in tables]:
        rows = await pool.fetch(f'select * from landed."{name}"')  # noqa: S608 - the names are our own
        found[name] = "\n".join(repr(dict(row)).lower() for row in rows)
    return found
