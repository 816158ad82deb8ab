"""Files of the page, from memory. Their address holds a hash of all of them, so a browser keeps them for good."""

import hashlib
import mimetypes
from dataclasses import dataclass
from pathlib import Path

from fastapi import APIRouter, Request, Response
from starlette.exceptions import HTTPException

router = APIRouter(include_in_schema=False)

FOLDER = Path(__file__).parent / "static"


@dataclass(frozen=True, slots=True)
class File:
    """One file."""

    body: bytes
    kind: str


def _read() -> dict[str, File]:
    paths = sorted(path for path in FOLDER.rglob("*") if path.is_file())
    return {
        path.relative_to(FOLDER).as_posix(): File(
            path.read_bytes(), mimetypes.guess_type(path.name)[0] or "application/octet-stream"
        )
        for path in paths
    }


FILES = _read()

#: One for all, so that a file may name another beside it.
VERSION = hashlib.sha256(b"".join(name.encode() + file.body for name, file in FILES.items())).hexdigest()[:12]


def address(name: str) -> str:
    """Where a file is. KeyError if there is none of that name."""
    FILES[name]
    return f"/static/{VERSION}/{name}"


@router.get("/favicon.ico")
async def icon() -> Response:
    """The icon, for a browser that shows what is no page, and asks for it here."""
    file = FILES["icon.svg"]
    return Response(file.body, media_type=file.kind, headers={"cache-control": "no-cache", "etag": f'"{VERSION}"'})


@router.get("/static/{version}/{name:path}")
async def static(request: Request, version: str, name: str) -> Response:
    """A file. One that a page of another release asks for is given too, and not kept."""
    file = FILES.get(name)
    if file is None:
        raise HTTPException(404)
    kept = "public, max-age=31536000, immutable" if version == VERSION else "no-cache"
    etag = f'"{VERSION}"'
    headers = {"cache-control": kept, "etag": etag}
    if request.headers.get("if-none-match") == etag:
        return Response(status_code=304, headers=headers)
    return Response(file.body, media_type=file.kind, headers=headers)
