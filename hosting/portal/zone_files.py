"""A whole zone at once: its records as a text to edit, a zone file to import, and the zone to take away."""

from typing import Any

from django.http import HttpResponse
from django.urls import reverse
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_safe

from hosting import selectors
from hosting.models import Domain
from hosting.portal.access import PortalRequest, find, portal
from hosting.portal.forms import PortalForm
from hosting.portal.pages import Ask, ask
from hosting.services.zone_edits import Look, look_at_import, records_as_text
from hosting.zone_forms import ZoneFileFields, text_field, zone_download


def _look(row: Domain, data: dict[str, Any]) -> Look:
    return look_at_import(domain=row, **data)


EDIT = Ask(
    "zone.import_file", _("Edit as text"), _("See the plan"), at_once=True, template="portal/zone_text.html",
    look=_look,
    note=_("A line for each record. Add, change and delete lines; all of it is one change, which can be undone."),
)  # fmt: skip
IMPORT = Ask(
    "zone.import_file", _("Import a zone file"), _("See the plan"), at_once=True, template="portal/zone_text.html",
    look=_look, note=_("For a domain that moves here with its records."),
)  # fmt: skip


class ZoneTextForm(PortalForm):
    """All records of a zone as lines."""

    text = text_field(
        20, label=_("Records"), required=False,
        help_text=_("Name, seconds that others may remember it, IN, type, content. @ is the domain itself."),
    )  # fmt: skip


class ZoneFileForm(ZoneFileFields, PortalForm):
    """A zone file."""


@portal
def edit(request: PortalRequest, pk: int) -> HttpResponse:
    """All records as a text."""
    row = _zone(request, pk)
    form = ZoneTextForm(request.POST if request.method == "POST" else None)
    if not form.is_bound:
        form.initial["text"] = records_as_text(row)
    return ask(request, EDIT, row, form, back=_back(row), section="domains", about=row.name, context={"object": row})


@portal
def load(request: PortalRequest, pk: int) -> HttpResponse:
    """A zone file from elsewhere: first a look at what it would do."""
    row = _zone(request, pk)
    form = ZoneFileForm(*((request.POST, request.FILES) if request.method == "POST" else ()))
    return ask(request, IMPORT, row, form, back=_back(row), section="domains", about=row.name, context={"object": row})


@require_safe
@portal
def export(request: PortalRequest, pk: int) -> HttpResponse:
    """The whole zone as a file."""
    return zone_download(_zone(request, pk))


def _zone(request: PortalRequest, pk: int) -> Domain:
    rows = selectors.zones(request.actor)
    return find(rows.select_related("service__node", "service__customer", "service__plan"), pk)


def _back(row: Domain) -> str:
    return reverse("portal:dns", args=(row.pk,))
