"""The pages that people see. They work without JavaScript."""

from fastapi import APIRouter

from web.pages import home, log_in


def routers() -> list[APIRouter]:
    """The routes of all pages."""
    return [home.router, log_in.router]
