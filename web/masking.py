"""What a viewer sees of stories, of blocked addresses and of what was said: everything, or no address."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from rules.masking import mask, mask_name, mask_text
from rules.viewers import Viewer
from store.reporting import Line

#: Members of a message, and of what happened to it, in which an address may be.
NAMES = ("provider_id", "part", "reference")
TEXTS = ("response", "code", "detail", "communication")


def seen_recipient(viewer: Viewer, recipient: str) -> str:
    """A recipient as this viewer may see it."""
    return mask(recipient) if viewer.masked else recipient


def seen_text(viewer: Viewer, text: str) -> str:
    """What a person or a provider wrote, as this viewer may see it."""
    return mask_text(text) if viewer.masked else text


def seen_fields(viewer: Viewer, fields: Mapping[str, Any], recipient: str = "") -> dict[str, Any]:
    """Members of something that is about a recipient, as this viewer may see them."""
    told = dict(fields)
    if not viewer.masked:
        return told
    recipient = str(told.get("recipient") or recipient)
    if told.get("recipient"):
        told["recipient"] = mask(recipient)
    told |= {name: mask_name(str(told[name]), recipient) for name in NAMES if told.get(name)}
    told |= {name: mask_text(str(told[name])) for name in TEXTS if told.get(name)}
    return told


def seen(viewer: Viewer, line: Line) -> Line:
    """A line of a report as this viewer may see it."""
    return replace(line, fields=seen_fields(viewer, line.fields)) if viewer.masked else line


def seen_story(viewer: Viewer, told: Mapping[str, Any]) -> dict[str, Any]:
    """The story of a message as JSON, as this viewer may see it."""
    recipient = str(told["message"]["recipient"] or "")
    return {
        **told,
        "message": seen_fields(viewer, told["message"]),
        "story": [seen_fields(viewer, line, recipient) for line in told["story"]],
    }
