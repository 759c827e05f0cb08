"""Where a browser keeps the token that confirms an intent: a cookie for the pages of its subject alone."""

from django.conf import settings
from django.http import HttpRequest, HttpResponseBase

from hosting.operations.intents import LIFE

COOKIE = "npanel_intent"


def keep(response: HttpResponseBase, token: str, path: str) -> None:
    """Give a token to this browser alone, for the pages below a path only; the panel keeps no copy."""
    response.set_cookie(
        COOKIE,
        token,
        max_age=LIFE,
        path=path,
        secure=settings.SESSION_COOKIE_SECURE,
        httponly=True,
        samesite="Strict",
    )


def drop(response: HttpResponseBase, path: str) -> None:
    """The token is used up."""
    response.delete_cookie(COOKIE, path=path, samesite="Strict")


def held_token(request: HttpRequest) -> str:
    """The token that this browser holds for the page's subject."""
    return request.COOKIES.get(COOKIE, "")
