"""The DNS editor: the records of a domain's zone."""

from typing import Any

from django.http import Http404, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from hosting import selectors
from hosting.desired import kept_records, nameservers_of
from hosting.desired.mail_records import KEPT_TTL, Kept
from hosting.models import DnsRecord, Domain, Operation
from hosting.policies import Policy
from hosting.portal.access import PortalRequest, allowed, find, portal
from hosting.portal.deleted import deleted_among
from hosting.portal.forms import NoQuestion
from hosting.portal.overview import waiting
from hosting.portal.pages import Ask, ask, page
from hosting.portal.record_forms import FORMS, PURPOSES, form_for
from hosting.services.zone_edits import last_change
from hosting.state.records import RECORD_TYPES

#: Records shown at once; a longer zone is narrowed down by type or name.
_SHOWN = 500
ADD = Ask("record.add", _("Add record"), _("See what changes"), at_once=True, template="portal/record.html")
CHANGE = Ask("record.change", _("Change record"), _("See what changes"), at_once=True, template="portal/record.html")
DELETE = Ask(
    "record.delete", _("Delete record"), _("See what changes"), at_once=True, danger=True,
    template="portal/record_delete.html",
)  # fmt: skip


@portal
def records(request: PortalRequest, pk: int) -> HttpResponse:
    """The records, perhaps of one type or with a part of a name."""
    row = _zone(request, pk)
    if not row.has_zone:
        return HttpResponseRedirect(reverse("portal:domain", args=(row.pk,)))
    kind, part = request.GET.get("type", "")[:10], request.GET.get("q", "").strip()[:100]
    found = row.records.filter(**({"type": kind} if kind else {}), **({"name__icontains": part} if part else {}))
    context = {
        "object": row,
        "records": found.order_by("name", "type", "id")[:_SHOWN],
        "total": row.records.count(),
        "types": list(row.records.order_by("type").values_list("type", flat=True).distinct()),
        "kind": kind,
        "part": part,
        "kept": _kept(row, kind, part),
        "kept_ttl": KEPT_TTL,
        "nameservers": nameservers_of(row, row.service.node),
        "current": waiting(selectors.operations(request.actor), row.service),
        "suspended": [row.service] if row.service.is_suspended else [],
        "deleted": deleted_among(request, [row.service]),
        "may": allowed(request, row, "record.add", "zone.import_file"),
        "templates": selectors.templates_for(row.service.customer.reseller_id).exists(),
        "undo": _undoable(request, row),
    }
    return page(request, "portal/dns.html", context, section="domains")


@portal
def add(request: PortalRequest, pk: int, kind: str = "A") -> HttpResponse:
    """A new record of a type; the other types are a click away."""
    row, kind = _zone(request, pk), kind.upper()
    if kind not in RECORD_TYPES or not row.has_zone:
        raise Http404
    form = form_for(kind)(request.POST if request.method == "POST" else None, domain=row, type=kind)
    others = [name for name in RECORD_TYPES if name not in FORMS]
    context = {"kinds": list(FORMS), "others": others, **_about(row, kind)}
    return ask(
        request, ADD, row, form, back=_back(row), section="domains", about=row.name, context=context
    )  # fmt: skip


@portal
def change(request: PortalRequest, pk: int) -> HttpResponse:
    """Another name, content or TTL for a record."""
    record = _record(request, pk)
    kind, row = record.type, record.domain
    form_class = form_for(kind, record)
    form = form_class(request.POST if request.method == "POST" else None, domain=row, type=kind, record=record)
    return ask(
        request, CHANGE, record, form, back=_back(row), section="domains", about=row.name, context=_about(row, kind)
    )


@portal
def delete(request: PortalRequest, pk: int) -> HttpResponse:
    """Remove a record."""
    record = _record(request, pk)
    form = NoQuestion(request.POST if request.method == "POST" else None)
    context = {"record": record, **_about(record.domain, record.type)}
    return ask(
        request, DELETE, record, form,
        back=_back(record.domain), section="domains", about=record.domain.name, context=context,
    )  # fmt: skip


def _undoable(request: PortalRequest, row: Domain) -> Operation | None:
    """The last change of the zone, if this person may take it back."""
    operation = last_change(row) if row.service.is_live else None
    return operation if operation and Policy(request.actor).may("operation.rollback", operation) else None


def _kept(row: Domain, kind: str, part: str) -> list[Kept]:
    """What is kept for mail in the zone, narrowed down as the records are."""
    return [one for one in kept_records(row) if kind in ("", one.type) and part.lower() in one.name]


def _about(row: Domain, kind: str) -> dict[str, Any]:
    return {"object": row, "kind": kind, "purpose": PURPOSES.get(kind, "")}


def _back(row: Domain) -> str:
    return reverse("portal:dns", args=(row.pk,))


def _zone(request: PortalRequest, pk: int) -> Domain:
    rows = selectors.domains(request.actor).filter(name_key__isnull=False)
    return find(rows.select_related("service__node", "service__customer", "mail"), pk)


def _record(request: PortalRequest, pk: int) -> DnsRecord:
    rows = selectors.dns_records(request.actor).filter(domain__name_key__isnull=False)
    return find(rows.select_related("domain__service__customer"), pk)
