"""Template tags of the portal: times as people say them, amounts, and titles of operations."""

from datetime import datetime
from typing import Any

from django import template
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.html import format_html
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from hosting.portal.navigation import Entry, navigation
from hosting.portal.words import title
from hosting.templatetags.console import _ago, megabytes

register = template.Library()

_SPANS = (
    (86_400, lambda n: ngettext("%d day", "%d days", n)),
    (3_600, lambda n: ngettext("%d hour", "%d hours", n)),
    (60, lambda n: ngettext("%d minute", "%d minutes", n)),
)


@register.filter
def when(moment: datetime | None) -> str:
    """A time as people say it, with the exact one, in the reader's language, on hover."""
    if moment is None:
        return _("never")
    local = timezone.localtime(moment)
    exact = f"{date_format(local, 'DATETIME_FORMAT')} {local:%Z}"
    return format_html('<time datetime="{}" title="{}">{}</time>', moment.isoformat(), exact, _ago(moment))


@register.filter
def lasting(seconds: int) -> str:
    """A span of time in its largest whole unit."""
    for size, word in _SPANS:
        if seconds % size == 0:
            return word(seconds // size) % (seconds // size)
    return ngettext("%d second", "%d seconds", seconds) % seconds


@register.filter
def amount(usage: Any) -> str:
    """How much is in use of how much."""
    used = megabytes(usage.used) if usage.size else str(usage.used)
    if usage.limit is None:
        return _("%(used)s, no limit") % {"used": used}
    limit = megabytes(usage.limit) if usage.size else str(usage.limit)
    return _("%(used)s of %(limit)s") % {"used": used, "limit": limit}


@register.simple_tag(takes_context=True)
def portal_navigation(context: Any) -> list[Entry]:
    """The entries of the top navigation, also on pages that other apps show in the portal's frame."""
    role, acting = getattr(context.get("user"), "role", ""), bool(context.get("impersonation"))
    return navigation(role, context.get("section", ""), acting=acting)


@register.simple_tag
def operation_title(operation: Any) -> str:
    """An operation as a heading says it."""
    return title(operation)
