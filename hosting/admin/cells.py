"""Cells of the console's lists: a badge, a link, a time, a size, each on one line."""

from datetime import datetime
from typing import Any

from django.contrib.admin.utils import quote
from django.db.models import Model
from django.urls import reverse
from django.utils.html import format_html
from django.utils.translation import gettext as _

from hosting.choices import TONES
from hosting.templatetags.console import ago, unicode_name

NOTHING = "–"


def address_of(obj: Model) -> str:
    """The console's page of an object."""
    meta = obj._meta
    return reverse(f"admin:{meta.app_label}_{meta.model_name}_change", args=(quote(obj.pk),))


def link(obj: Model | None, words: Any = None) -> str:
    """A link to an object's page."""
    if obj is None:
        return NOTHING
    return format_html('<a href="{}">{}</a>', address_of(obj), str(obj) if words is None else words)


def badge(value: str, word: Any) -> str:
    """A state as a word with its colour."""
    return format_html('<span class="badge tone-{}">{}</span>', TONES.get(value, "neutral"), word)


def service_badge(state: str, word: Any, out_of_sync: bool) -> str:
    """A service's state, and a second badge when its node is not as wanted."""
    if not out_of_sync:
        return badge(state, word)
    return format_html('{} <span class="badge tone-warn">{}</span>', badge(state, word), _("Out of sync"))


def when(moment: datetime | None) -> str:
    """A relative time with the exact one on hover."""
    return ago(moment) if moment else NOTHING


def host(name: str) -> str:
    """A host name as people write it, with the stored spelling on hover where they differ."""
    shown = unicode_name(name)
    return name if shown == name else format_html('<span title="{}">{}</span>', name, shown)


def address(local_part: str, domain: str) -> str:
    """A mail address as people write it, with the stored spelling on hover where they differ."""
    stored, shown = f"{local_part}@{domain}", f"{local_part}@{unicode_name(domain)}"
    return stored if shown == stored else format_html('<span title="{}">{}</span>', stored, shown)


def yes(value: bool, word: Any) -> str:
    """A word where something is so, nothing where it is not."""
    return str(word) if value else NOTHING
