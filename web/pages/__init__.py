"""The pages that people see. They work without JavaScript."""

from fastapi import APIRouter

from web.pages import communication, home, log_in, message, recipient, suppression


def routers() -> list[APIRouter]:
    """The routes of all pages."""
    return [communication.router, home.router, log_in.router, message.router, recipient.router, suppression.router]
