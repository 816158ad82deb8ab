"""The API: the same data as JSON, for programs."""

from fastapi import APIRouter

from web.api import about, accounts, communications, events, messages, recording, suppression


def routers() -> list[APIRouter]:
    """The routes of the API, in the order in which they are described."""
    return [
        communications.router,
        messages.router,
        recording.router,
        suppression.router,
        events.router,
        accounts.router,
        about.router,
    ]
