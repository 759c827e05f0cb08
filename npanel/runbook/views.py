"""The runbook in the console: the list of pages, and one page."""

from typing import Any

from django.http import Http404, HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils.translation import gettext as _

from npanel.runbook.pages import Page, find_page, index_page


def show_index(request: HttpRequest, context: dict[str, Any]) -> HttpResponse:
    """The list of pages."""
    return _show(request, context, index_page())


def show_page(request: HttpRequest, context: dict[str, Any], slug: str) -> HttpResponse:
    """One page."""
    return _show(request, context, find_page(slug))


def _show(request: HttpRequest, context: dict[str, Any], page: Page | None) -> HttpResponse:
    if page is None:
        raise Http404(_("The runbook has no such page."))
    return TemplateResponse(request, "admin/npanel/runbook.html", {**context, "title": page.title, "page": page})
