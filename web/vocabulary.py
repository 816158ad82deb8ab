"""In whose words a page speaks: those of its address, else those that were chosen last, else those of the settings."""

from fastapi import Request, Response

from rules.vocabularies import Vocabulary
from web.problem import Problem
from web.site import Live

COOKIE = "landed_words"

PARAMETER = "words"

#: How long a choice is remembered, in seconds.
KEPT = 365 * 24 * 3600


def choose(request: Request, live: Live) -> tuple[str, Vocabulary]:
    """The name of the vocabulary and the vocabulary. Raises Problem for one that there is not."""
    known = live.site.vocabularies
    if wanted := request.query_params.get(PARAMETER, ""):
        if wanted not in known:
            raise Problem(404, f"no vocabulary has that name; there are {', '.join(sorted(known))}")
        return wanted, known[wanted]
    remembered = request.cookies.get(COOKIE, "")
    name = remembered if remembered in known else live.site.vocabulary
    return name, known[name]


def remember(request: Request, response: Response) -> None:
    """Keep a choice that the address makes."""
    if wanted := request.query_params.get(PARAMETER, ""):
        response.set_cookie(COOKIE, wanted, max_age=KEPT, samesite="strict", httponly=True)
