"""Domains: the list, one domain, adding one step by step, removing one."""

from typing import Any
from urllib.parse import urlencode

from django.http import HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from hosting import selectors
from hosting.desired import nameservers_of, sellers_nameservers
from hosting.desired.mail_records import mail_of
from hosting.errors import HostingError
from hosting.models import Domain, HostingService
from hosting.names import ancestors, host_name
from hosting.portal.access import PortalRequest, allowed, find, portal, require
from hosting.portal.budget import within
from hosting.portal.choosing import Choice, chosen_service
from hosting.portal.deleted import deleted_among
from hosting.portal.forms import DomainForm, NameAgain
from hosting.portal.overview import waiting
from hosting.portal.pages import Ask, ask, page, rows_by_name
from hosting.services.delegation import check_delegation

ADD = Ask("domain.add", _("Add your domain"), _("Check the name"))
#: Times that a person may have names looked up within a minute.
LOOKS = 30
REMOVE = Ask(
    "domain.remove", _("Remove domain"), _("See what is removed"),
    _("Visitors find nothing there any more. The files are kept aside, so it can be undone for a while."), danger=True,
)  # fmt: skip


@portal
def domains(request: PortalRequest) -> HttpResponse:
    """All domains, by name."""
    rows = selectors.domains(request.actor).filter(name_key__isnull=False).select_related("service__customer")
    context = {"rows": rows_by_name(rows, request), "may_add": chosen_service(request, ADD.use).any}
    return page(request, "portal/domains.html", context, section="domains")


@portal
@within("look-up", LOOKS, asked="look")
def domain(request: PortalRequest, pk: int) -> HttpResponse:
    """One domain: its address, its records, where it points, and a look at its site."""
    row = _held(request, pk)
    uses = ("domain.remove", "record.add", "mail_domain.enable")
    context = {
        "object": row,
        "records": row.records.count(),
        "mail": mail_of(row),
        "parent": _parent(row),
        "address": f"{'https' if row.certificate_id else 'http'}://{row.name}/",
        "may": allowed(request, row, *uses),
        "may_php": allowed(request, row.service, "service.php")["service_php"],
        "suspended": [row.service] if row.service.is_suspended else [],
        "deleted": deleted_among(request, [row.service]),
        "current": waiting(selectors.operations(request.actor), row.service),
        **_checked(request, row.name, row.service, _parent(row)),
        "check_url": reverse("portal:domain_status", args=(row.pk,)),
    }
    return page(request, "portal/domain.html", context, section="domains")


@portal
@within("look-up", LOOKS)
def status(request: PortalRequest, pk: int) -> HttpResponse:
    """Where a domain points, looked up now; a part of its page."""
    row = _held(request, pk)
    parent = _parent(row)
    servers = nameservers_of(parent or row, row.service.node)
    found = check_delegation(row.name, row.service.node, parent=parent.name if parent else "", servers=servers)
    context = {
        "delegation": found,
        "parent": parent,
        "check_url": request.path,
    }
    return page(request, "portal/delegation.html", context, section="domains")


@portal
def add(request: PortalRequest) -> HttpResponse:
    """First step: the name. What is wrong with it is said here; then the look at where it points."""
    choice = chosen_service(request, ADD.use)
    if choice.service is None:
        return choice.page(request, ADD.title, reverse("portal:domains"), "domains")
    require(request, ADD.use, choice.service)
    form = DomainForm(request.POST if request.method == "POST" else None, initial=_typed(request))
    if request.method == "POST" and form.is_valid():
        try:
            name = host_name(form.cleaned_data["name"])
        except HostingError as error:
            form.refuse(error)
        else:
            return HttpResponseRedirect(f"{reverse('portal:domain_check')}?{_query(choice, form, name)}")
    return _first_step(request, form, choice.service)


@portal
@within("look-up", LOOKS, asked="look")
def check(request: PortalRequest) -> HttpResponse:
    """Second step: where the name points now. Going on asks for the operation, whose plan is the third step."""
    choice = chosen_service(request, ADD.use)
    if choice.service is None:
        return HttpResponseRedirect(reverse("portal:domain_add"))
    require(request, ADD.use, choice.service)
    form = DomainForm(request.POST if request.method == "POST" else {**_typed(request)})
    if not form.is_valid():
        return _first_step(request, form, choice.service)
    if request.method == "POST":
        answer = ask(request, ADD, choice.service, form, back=reverse("portal:domains"), section="domains")
        return answer if answer.status_code == 302 else _first_step(request, form, choice.service)
    try:
        name = host_name(form.cleaned_data["name"])
    except HostingError as error:
        form.refuse(error)
        return _first_step(request, form, choice.service)
    return _second_step(request, form, choice.service, name)


@portal
@within("look-up", LOOKS)
def check_result(request: PortalRequest) -> HttpResponse:
    """Where a name that is about to be added points, looked up now; a part of the second step."""
    choice = chosen_service(request, ADD.use)
    form = DomainForm(_typed(request))
    if choice.service is None or not form.is_valid():
        return HttpResponse(status=400)
    require(request, ADD.use, choice.service)
    try:
        name = host_name(form.cleaned_data["name"])
    except HostingError:
        return HttpResponse(status=400)
    context = {
        **_looked_up(name, choice.service, _above(name, choice.service)),
        "check_url": request.get_full_path(),
        "look_query": f"{request.GET.urlencode()}&",
    }
    return page(request, "portal/delegation.html", context, section="domains")


@portal
def remove(request: PortalRequest, pk: int) -> HttpResponse:
    """Remove a domain, once its name is typed."""
    row = _held(request, pk)
    form = NameAgain(request.POST if request.method == "POST" else None, name=row.name)
    back = reverse("portal:domain", args=(row.pk,))
    return ask(request, REMOVE, row, form, back=back, section="domains", about=row.name)


def _held(request: PortalRequest, pk: int) -> Domain:
    rows = selectors.domains(request.actor).filter(name_key__isnull=False)
    rows = rows.select_related("service__node", "service__customer", "service__plan", "certificate", "mail")
    return find(rows.defer("certificate__private_key_sealed"), pk)


def _first_step(request: PortalRequest, form: DomainForm, service: HostingService) -> HttpResponse:
    context = {
        "title": ADD.title,
        "form": form,
        "object": service,
        "back": reverse("portal:domains"),
        "action": f"{reverse('portal:domain_add')}?{urlencode({'service': service.pk})}",
    }
    return page(request, "portal/domain_add.html", context, section="domains")


def _second_step(request: PortalRequest, form: DomainForm, service: HostingService, name: str) -> HttpResponse:
    query = request.GET.urlencode()
    context = {
        "title": ADD.title,
        "form": form,
        "name": name,
        "object": service,
        "again": f"{reverse('portal:domain_add')}?{query}",
        "check_url": f"{reverse('portal:domain_check_result')}?{query}",
        "look_query": f"{query}&",
        **_checked(request, name, service, _above(name, service)),
    }
    return page(request, "portal/domain_check.html", context, section="domains")


def _checked(request: PortalRequest, name: str, service: HostingService, parent: Domain | None) -> dict[str, Any]:
    """The look-up itself where somebody without scripts asked for it; else the page fetches it when it is there."""
    return _looked_up(name, service, parent) if request.GET.get("look") else {"delegation": None, "parent": parent}


def _looked_up(name: str, service: HostingService, parent: Domain | None) -> dict[str, Any]:
    servers = nameservers_of(parent, service.node) if parent else sellers_nameservers(service).split()
    found = check_delegation(name, service.node, parent=parent.name if parent else "", servers=servers)
    return {"delegation": found, "parent": parent}


def _above(name: str, service: HostingService) -> Domain | None:
    """The domain of the same customer whose zone will carry the records of a name below it."""
    held = Domain.objects.filter(name_key__in=ancestors(name), has_zone=True, service__customer=service.customer)
    return max(held, key=lambda domain: len(domain.name), default=None)


def _parent(row: Domain) -> Domain | None:
    return None if row.has_zone else _above(row.name, row.service)


def _typed(request: PortalRequest) -> dict[str, Any]:
    """What the first step asked for, carried in the address of the second."""
    if "name" not in request.GET:
        return {}
    return {name: request.GET.get(name, "") for name in ("name", "www", "php")}


def _query(choice: Choice, form: DomainForm, name: str) -> str:
    values: dict[str, Any] = {"name": name}
    values |= {name: "on" for name in ("www", "php") if form.cleaned_data[name]}
    if choice.service is not None:
        values["service"] = choice.service.pk
    return urlencode(values)
