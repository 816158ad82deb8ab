"""The API: the same data as JSON, for programs."""

from fastapi import APIRouter


def routers() -> list[APIRouter]:
    """The routes of the API."""
    return []
