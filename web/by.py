"""Who changes something, for the record."""

from rules.viewers import Viewer
from store.changes import By
from store.connections import Connection, clock


async def by(connection: Connection, viewer: Viewer) -> By:
    """Who this viewer is, by which way we know it, and that it is now."""
    return By(viewer.name, viewer.way, await clock(connection))
