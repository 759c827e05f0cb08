"""The console's page on a trace or correlation id: what happened under it, in order of time."""

from typing import Any

from django.core.paginator import Paginator
from django.http import Http404, HttpRequest
from django.utils.translation import gettext as _

from accounts.actors import actor_from_request
from hosting.admin.cells import address_of
from hosting.story import Moment, Story, chapters, is_id, story

#: Moments of one page.
SHOWN = 200


def timeline_story(request: HttpRequest, wanted: str) -> Story:
    """What the person may know of an id; with ``?lines=all`` log lines of each level.

    Raises:
        Http404: the text can be no id.
    """
    if not is_id(wanted):
        raise Http404
    return story(actor_from_request(request), wanted, all_lines=request.GET.get("lines") == "all")


def timeline_page(request: HttpRequest, told: Story) -> dict[str, Any]:
    """What the page shows."""
    page = Paginator(told.moments, SHOWN).get_page(request.GET.get("page"))
    parts = [(part, [(moment, _address(moment)) for moment in part.moments]) for part in chapters(page.object_list)]
    all_lines = request.GET.get("lines") == "all"
    return {"title": _("Timeline"), "story": told, "parts": parts, "page": page, "all_lines": all_lines}


def _address(moment: Moment) -> str:
    return "" if moment.about is None else address_of(moment.about)
