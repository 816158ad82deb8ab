"""How long a provider wants to be left alone: `Retry-After` in seconds or as a date (RFC 9110, 10.2.3)."""

import re
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

import httpx

#: No answer can keep us away for longer than this; it would rather be a mistake.
LONGEST = timedelta(days=1)

_SECONDS = re.compile(r"\d+(\.\d+)?", re.ASCII)


def retry_after(response: httpx.Response, now: datetime) -> timedelta | None:
    """How long to wait, or None if the answer does not say or cannot be understood.

    A date counts from the answer's own `Date`, because the provider's clock may differ from ours.
    """
    said = response.headers.get("retry-after", "").strip()
    if _SECONDS.fullmatch(said):
        # Compared as numbers first: so many seconds may be more than a timedelta holds.
        return timedelta(seconds=min(float(said), LONGEST.total_seconds()))
    until = _date(said)
    if until is None:
        return None
    return min(max(until - (answered_at(response) or now), timedelta()), LONGEST)


def answered_at(response: httpx.Response) -> datetime | None:
    """When the provider answered, by its own clock; None if it does not say."""
    return _date(response.headers.get("date", ""))


def _date(said: str) -> datetime | None:
    try:
        at = parsedate_to_datetime(said)
    except (ValueError, TypeError, OverflowError):
        return None
    return at if at.tzinfo else at.replace(tzinfo=UTC)
