"""How long a provider wants to be left alone: `Retry-After` in seconds or as a date (RFC 9110, 10.2.3)."""

from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

import httpx

#: No answer can keep us away for longer than this; it would rather be a mistake.
LONGEST = timedelta(days=1)


def retry_after(response: httpx.Response, now: datetime) -> timedelta | None:
    """How long to wait, or None if the answer does not say or cannot be understood."""
    said = response.headers.get("retry-after", "").strip()
    if not said:
        return None
    wait = _seconds(said)
    if wait is None:
        wait = _until(said, now)
    return None if wait is None else min(max(wait, timedelta(0)), LONGEST)


def _seconds(said: str) -> timedelta | None:
    try:
        return timedelta(seconds=min(float(said), LONGEST.total_seconds()))
    except (ValueError, OverflowError):
        return None


def _until(said: str, now: datetime) -> timedelta | None:
    try:
        at = parsedate_to_datetime(said)
    except (ValueError, TypeError, OverflowError):
        return None
    return (at if at.tzinfo else at.replace(tzinfo=UTC)) - now
