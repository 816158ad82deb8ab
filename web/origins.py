"""Under which name we are asked, and from which page. Both come before anything else.

A page elsewhere may make a browser ask us: by a name of its own that leads to this machine (DNS rebinding), or by a
form or script of its own. The first is told by the header `Host`, the second by `Sec-Fetch-Site` and `Origin`, which
every browser sends with a change and no script can set.
"""

from urllib.parse import urlsplit

from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from config.web import WebOptions
from web.answering import answer
from web.peers import LOOPBACK, host, name_of
from web.problem import Problem

#: What changes nothing.
SAFE = frozenset({"GET", "HEAD", "OPTIONS"})


class Origins:
    """Refuses what comes under a wrong name, and changes from elsewhere."""

    def __init__(self, app: ASGIApp, options: WebOptions) -> None:
        self.app = app
        self.options = options

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer as `app` does, or refuse."""
        if scope["type"] == "http":
            request = Request(scope)
            if problem := _problem(self.options, request):
                await answer(request, problem)(scope, receive, send)
                return
        await self.app(scope, receive, send)


def _problem(options: WebOptions, request: Request) -> Problem | None:
    asked = host(request)
    # A load balancer asks for health by address.
    if request.url.path != "/healthz" and not is_known(options, asked):
        return Problem(
            421, "this name is not in `hosts` in [web]; add it there if people are to use it", "unknown-host"
        )
    if request.method not in SAFE and not _is_ours(options, request, asked):
        return Problem(403, "the request comes from a page of another site", "cross-site")
    return None


def is_known(options: WebOptions, asked: str) -> bool:
    """Whether people may ask us under this name: with its port, or whatever port where none is set."""
    return name_of(asked) in LOOPBACK or asked in options.hosts or name_of(asked) in options.hosts


def _is_ours(options: WebOptions, request: Request, asked: str) -> bool:
    site = request.headers.get("sec-fetch-site")
    if site is not None and site not in ("same-origin", "none"):
        return False
    origin = request.headers.get("origin")
    if origin is None:
        return True
    from_ = urlsplit(origin).netloc.lower()
    # A proxy may pass another name on than the one it was asked for.
    return bool(from_) and (from_ == asked or from_ in options.hosts)
