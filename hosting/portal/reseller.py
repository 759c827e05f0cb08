"""What resellers do: customers, services for them, plans, and how much of their terms is in use."""

from django.db.models import Count, Q
from django.http import HttpResponse
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from audit.actor import Actor
from hosting import selectors
from hosting.choices import ServiceState
from hosting.models import HostingPlan
from hosting.portal.access import PortalRequest, allowed, find, for_resellers
from hosting.portal.forms import (
    CustomerForm,
    NameAgain,
    NewServiceForm,
    NoQuestion,
    PlanForm,
    PortalForm,
    ReasonForm,
)
from hosting.portal.pages import Ask, ask, page, rows_by_name
from hosting.services.placement import offered_php

_LIVE = ~Q(services__state=ServiceState.TERMINATED)
ADD_CUSTOMER = Ask(
    "customer.create", _("New customer"), _("Add customer"), plans=False, done=_("The customer was added.")
)
DELETE_CUSTOMER = Ask(
    "customer.delete", _("Delete customer"), _("Delete customer"),
    _("Possible once all services are deleted. What was recorded of the customer stays."),
    plans=False, danger=True, done=_("The customer was deleted."),
)  # fmt: skip
ADD_SERVICE = Ask(
    "service.create", _("New service"), _("See what is set up"),
    _("The server is chosen by itself. Nothing happens there before you have seen the plan and applied it."),
)  # fmt: skip
SUSPEND = Ask(
    "service.suspend", _("Suspend service"), _("See what changes"),
    _("Visitors see a “suspended” page. Nothing is lost; resuming brings it all back."),
)  # fmt: skip
RESUME = Ask(
    "service.resume", _("Resume service"), _("See what changes"),
    _("Brings the sites back exactly as they were."),
)  # fmt: skip
DELETE = Ask(
    "service.delete", _("Delete service"), _("Prepare the deletion"),
    _("Shows what goes, and asks you to confirm it. Nothing happens before that; afterwards it can be restored for a "
      "while."),
    danger=True,
)  # fmt: skip
RESTORE = Ask(
    "service.restore", _("Restore service"), _("See what comes back"),
    _("Brings the service back exactly as it was, with its files and databases."),
)  # fmt: skip
ADD_PLAN = Ask("plan.create", _("New plan"), _("Add plan"), plans=False, done=_("The plan was added."))
CHANGE_PLAN = Ask(
    "plan.change", _("Change plan"), _("Change plan"),
    _("Counts for all services under it. Limits that the servers enforce reach them with each service's next change."),
    plans=False, done=_("The plan was changed."),
)  # fmt: skip
DELETE_PLAN = Ask(
    "plan.delete", _("Delete plan"), _("Delete plan"), plans=False, danger=True, done=_("The plan was deleted.")
)


@for_resellers
def customers(request: PortalRequest) -> HttpResponse:
    """The reseller's customers, by name."""
    part = request.GET.get("q", "").strip()[:100]
    rows = selectors.customers(request.actor).annotate(live=Count("services", filter=_LIVE))
    found = rows_by_name(rows.filter(name__istartswith=part) if part else rows, request)
    context = {"rows": found, "part": part, "may": allowed(request, None, "customer.create")}
    return page(request, "portal/customers.html", context, section="customers")


@for_resellers
def customer(request: PortalRequest, pk: int) -> HttpResponse:
    """One customer: services and people."""
    row = find(selectors.customers(request.actor), pk)
    services = row.services.exclude(state=ServiceState.TERMINATED).select_related("plan").prefetch_related("domains")
    context = {
        "object": row,
        "services": services.order_by("username")[:100],
        "members": row.memberships.select_related("user").order_by("user__email")[:50],
        "may": allowed(request, row, "service.create", "customer.delete", "member.add"),
    }
    return page(request, "portal/customer.html", context, section="customers")


@for_resellers
def add_customer(request: PortalRequest) -> HttpResponse:
    """A new customer."""
    form = CustomerForm(request.POST if request.method == "POST" else None)
    return ask(
        request, ADD_CUSTOMER, None, form, back=reverse("portal:customers"), section="customers", trail=_("Customers")
    )


@for_resellers
def delete_customer(request: PortalRequest, pk: int) -> HttpResponse:
    """Delete a customer without services, once the name is typed."""
    row = find(selectors.customers(request.actor), pk)
    form = NameAgain(request.POST if request.method == "POST" else None, name=row.name)
    back = reverse("portal:customer", args=(row.pk,))
    return ask(request, DELETE_CUSTOMER, row, form, back=back, section="customers", about=row.name)


@for_resellers
def services(request: PortalRequest) -> HttpResponse:
    """All services of the reseller's customers, by user name."""
    part = request.GET.get("q", "").strip()[:100]
    rows = selectors.services(request.actor).exclude(state=ServiceState.TERMINATED).prefetch_related("domains")
    if part:
        rows = rows.filter(Q(username__startswith=part.lower()) | Q(domains__name__startswith=part.lower())).distinct()
    context = {"rows": rows_by_name(rows, request, "username"), "part": part}
    return page(request, "portal/services.html", context, section="services")


@for_resellers
def add_service(request: PortalRequest, pk: int) -> HttpResponse:
    """A service for a customer."""
    row = find(selectors.customers(request.actor), pk)
    form = NewServiceForm(
        request.POST if request.method == "POST" else None,
        plans=selectors.plans(request.actor).order_by("name"), versions=offered_php(),
    )  # fmt: skip
    back = reverse("portal:customer", args=(row.pk,))
    return ask(request, ADD_SERVICE, row, form, back=back, section="customers", about=row.name)


@for_resellers
def suspend(request: PortalRequest, pk: int) -> HttpResponse:
    """Suspend a service."""
    return _with_service(request, pk, SUSPEND, ReasonForm)


@for_resellers
def resume(request: PortalRequest, pk: int) -> HttpResponse:
    """Resume a service that the reseller suspended."""
    return _with_service(request, pk, RESUME, ReasonForm)


@for_resellers
def delete(request: PortalRequest, pk: int) -> HttpResponse:
    """Prepare a service's deletion; it is confirmed on the page of its operation."""
    return _with_service(request, pk, DELETE, NoQuestion)


@for_resellers
def restore(request: PortalRequest, pk: int) -> HttpResponse:
    """Bring a deleted service back."""
    return _with_service(request, pk, RESTORE, ReasonForm)


def _with_service(request: PortalRequest, pk: int, question: Ask, form_class: type[PortalForm]) -> HttpResponse:
    row = find(selectors.services(request.actor), pk)
    form = form_class(request.POST if request.method == "POST" else None)
    back = reverse("portal:service", args=(row.pk,))
    return ask(request, question, row, form, back=back, section="services", about=row.username)


@for_resellers
def plans(request: PortalRequest) -> HttpResponse:
    """Plans that the reseller may sell: their own, and the operator's."""
    rows = selectors.plans(request.actor).annotate(live=Count("services", filter=_LIVE & _own(request.actor)))
    context = {"plans": rows.order_by("reseller", "name"), "may": allowed(request, None, "plan.create")}
    return page(request, "portal/plans.html", context, section="plans")


def _own(actor: Actor) -> Q:
    return Q(services__customer__reseller__in=selectors.resellers(actor))


@for_resellers
def add_plan(request: PortalRequest) -> HttpResponse:
    """A plan of the reseller's own."""
    form = PlanForm(request.POST if request.method == "POST" else None)
    return _ask_of_plan(request, ADD_PLAN, None, form)


@for_resellers
def change_plan(request: PortalRequest, pk: int) -> HttpResponse:
    """Other limits for a plan of the reseller's own."""
    row = find(selectors.plans(request.actor), pk)
    form = PlanForm(request.POST if request.method == "POST" else None, plan=row)
    return _ask_of_plan(request, CHANGE_PLAN, row, form)


@for_resellers
def delete_plan(request: PortalRequest, pk: int) -> HttpResponse:
    """Delete a plan that no service is under."""
    row = find(selectors.plans(request.actor), pk)
    form = NoQuestion(request.POST if request.method == "POST" else None)
    return _ask_of_plan(request, DELETE_PLAN, row, form)


def _ask_of_plan(request: PortalRequest, question: Ask, row: HostingPlan | None, form: PortalForm) -> HttpResponse:
    back, about = reverse("portal:plans"), row.name if row is not None else ""
    return ask(request, question, row, form, back=back, section="plans", about=about, trail=_("Plans"))
