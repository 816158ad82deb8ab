"""What a viewer sees of messages: everything, or no address."""

from dataclasses import replace

from rules.masking import mask, mask_name, mask_text
from rules.viewers import Viewer
from store.reporting import Line

#: What people and providers wrote, in which there may be an address.
TEXTS = ("response", "code")
NAMES = ("provider_id", "part", "reference")


def seen(viewer: Viewer, line: Line) -> Line:
    """A line of a report as this viewer may see it."""
    if not viewer.masked:
        return line
    fields = dict(line.fields)
    recipient = str(fields["recipient"] or "")
    fields["recipient"] = mask(recipient)
    for name in NAMES:
        if fields[name]:
            fields[name] = mask_name(str(fields[name]), recipient)
    for name in TEXTS:
        if fields[name]:
            fields[name] = mask_text(str(fields[name]))
    return replace(line, fields=fields)
