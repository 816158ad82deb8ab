"""The pages that people see. They work without JavaScript."""

from fastapi import APIRouter

from web.pages import (
    changes,
    communication,
    home,
    log_in,
    message,
    messages,
    operations,
    quarantine,
    recipient,
    schedules,
    suppression,
)


def routers() -> list[APIRouter]:
    """The routes of all pages."""
    people = (communication, home, log_in, messages, message, recipient, suppression)
    operators = (operations, schedules, quarantine, changes)
    return [page.router for page in (*people, *operators)]
