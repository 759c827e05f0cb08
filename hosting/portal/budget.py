"""How often a person may set off something slow within a minute; all processes count together, in the cache."""

import time
from collections.abc import Callable
from functools import wraps
from typing import Any, Concatenate, ParamSpec

from django.core.cache import cache
from django.http import HttpResponse
from django.utils.translation import gettext as _

from hosting.portal.access import PortalRequest
from hosting.portal.pages import page

P = ParamSpec("P")
_WINDOW_S = 60


def take(what: str, person: Any, limit: int) -> bool:
    """Count one more of something for a person; False once the minute's budget is used up."""
    key = f"npanel.portal.{what}.{person}.{int(time.time()) // _WINDOW_S}"
    if cache.add(key, 1, _WINDOW_S * 2):
        return True
    try:
        return bool(cache.incr(key) <= limit)
    except ValueError:  # the minute ended just now
        return True


def within(
    what: str, limit: int, *, asked: str = "", posted: bool = False
) -> Callable[
    [Callable[Concatenate[PortalRequest, P], HttpResponse]], Callable[Concatenate[PortalRequest, P], HttpResponse]
]:
    """Decorator for a view of the portal: each person gets so many a minute, then 429 in plain words.

    Args:
        asked: only requests with this in their query count. posted: only those that send a form do.
    """

    def decorate(
        view: Callable[Concatenate[PortalRequest, P], HttpResponse],
    ) -> Callable[Concatenate[PortalRequest, P], HttpResponse]:
        @wraps(view)
        def served(request: PortalRequest, /, *args: P.args, **kwargs: P.kwargs) -> HttpResponse:
            counts = request.method == "POST" if posted else not asked or asked in request.GET
            if counts and not take(what, request.user.pk, limit):
                return too_many(request)
            return view(request, *args, **kwargs)

        return served

    return decorate


def too_many(request: PortalRequest) -> HttpResponse:
    """429: a page, or for what a page fetches a sentence."""
    part = request.headers.get("HX-Request") == "true"
    template = "portal/too_many_part.html" if part else "portal/too_many.html"
    response = page(request, template, {"title": _("One moment, please")}, status=429)
    response["Retry-After"] = str(_WINDOW_S)
    return response
