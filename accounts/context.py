"""What templates know of the account pages' surroundings."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.template import TemplateDoesNotExist
from django.template.loader import get_template

from accounts.interfaces import ADMIN, this_interface
from accounts.middleware import OWN_PAGES, must_enrol

_PLAIN = "account/base_account.html"


def account(request: HttpRequest) -> dict[str, Any]:
    """The frame of the account pages: the console's or the portal's; a plain one for who must add a second factor."""
    match = getattr(request, "resolver_match", None)
    if match is None or not (match.view_name or "").startswith(OWN_PAGES) or not request.user.is_authenticated:
        return {}
    if must_enrol(request):
        return {"account_base": _PLAIN, "must_enrol": True}
    if this_interface() == ADMIN:
        return {**admin.site.each_context(request), "account_base": "admin/base.html"}
    return {"account_base": "portal/base.html" if _exists("portal/base.html") else _PLAIN}


def impersonation(request: HttpRequest) -> dict[str, Any]:
    """Who acts as whom, for the bar on every page of the portal."""
    row = getattr(request, "impersonation", None)
    if row is None:
        return {"impersonation": None}
    shown = {"operator": row.operator.email, "user": row.user.email, "reason": row.reason, "ends_at": row.until}
    return {"impersonation": shown}


def _exists(template: str) -> bool:
    try:
        get_template(template)
    except TemplateDoesNotExist:
        return False
    return True
