"""Times as people and programs read them."""

from datetime import UTC, datetime


def iso(at: datetime | None) -> str:
    """A time as ISO 8601 in UTC, to the second; empty for none."""
    return at.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z") if at else ""
