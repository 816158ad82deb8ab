"""The pages that people see. They work without JavaScript."""

from fastapi import APIRouter

from web.pages import communication, home, log_in, message, messages, recipient, suppression


def routers() -> list[APIRouter]:
    """The routes of all pages."""
    people = (communication, home, log_in, messages, message, recipient, suppression)
    return [page.router for page in people]
