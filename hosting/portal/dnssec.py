"""DNSSEC of a domain: on and off, and the DS record that the registrar needs."""

from typing import Any

from django.http import HttpResponse
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from hosting import selectors
from hosting.models import Domain
from hosting.portal.access import PortalRequest, allowed, find, portal
from hosting.portal.budget import within
from hosting.portal.domains import LOOKS
from hosting.portal.forms import NoQuestion
from hosting.portal.overview import waiting
from hosting.portal.pages import Ask, ask, page
from hosting.services.dnssec import ds_records, parent_says

ON = Ask("zone.sign", _("DNSSEC"), _("See what changes"), at_once=True, template="portal/dnssec.html")
OFF = Ask(
    "zone.unsign", _("DNSSEC"), _("Switch signing off"), danger=True, template="portal/dnssec.html",
)  # fmt: skip
#: Words of a DS record, as registrars' forms ask for them.
_PARTS = (_("Key tag"), _("Algorithm"), _("Digest type"), _("Digest"))


@portal
@within("look-up", LOOKS, asked="look")
def dnssec(request: PortalRequest, pk: int) -> HttpResponse:
    """Whether the zone is signed, what to tell the registrar, and the button for the other state."""
    rows = selectors.zones(request.actor)
    row = find(rows.select_related("service__node", "service__customer", "service__plan"), pk)
    question = OFF if row.dnssec else ON
    context, back = _context(request, row), reverse("portal:dns", args=(row.pk,))
    if not context["may"][question.use.replace(".", "_")] and request.method != "POST":
        shown = {"ask": question, "title": question.title, "back": back, "about": row.name}
        return page(request, question.template, {**shown, **context}, section="domains")
    form = NoQuestion(request.POST if request.method == "POST" else None)
    return ask(request, question, row, form, back=back, section="domains", about=row.name, context=context)


def _context(request: PortalRequest, row: Domain) -> dict[str, Any]:
    records = ds_records(row)
    return {
        "object": row,
        "ds": [(record, list(zip(_PARTS, record.split(), strict=False))) for record in records],
        "says": parent_says(row) if request.GET.get("look") else "",
        "may": allowed(request, row, "zone.sign", "zone.unsign"),
        "current": waiting(selectors.operations(request.actor), row.service),
    }
