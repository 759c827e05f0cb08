"""Customers: list, form, page."""

from collections.abc import Sequence
from typing import Any, ClassVar

from django.contrib import admin
from django.db.models import Count, Q, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import URLPattern, path
from django.utils.translation import gettext_lazy as _

from accounts.actors import actor_from_request
from accounts.console import FactsAdmin
from accounts.models import Customer
from accounts.verbs import CUSTOMER_CHANGE
from audit.actor import Actor
from audit.verbs import Verb
from hosting import selectors
from hosting.admin import cells
from hosting.admin.forms import CustomerForm, NoQuestion
from hosting.admin.members import INVITE
from hosting.admin.pages import Action, ObjectAdmin
from hosting.choices import ServiceState
from hosting.services import customers

SHOWN = 20


def _create(actor: Actor, subject: None, data: dict[str, Any]) -> Customer:
    return customers.create_customer(actor=actor, **data)


def _delete(actor: Actor, customer: Customer, data: dict[str, Any]) -> None:
    customers.delete_customer(actor=actor, customer=customer)


CREATE = Action("add", _("New customer"), _("Create customer"), _create, CustomerForm, plans=False)
DELETE = Action(
    "remove", _("Delete customer"), _("Delete customer"), _delete, NoQuestion, plans=False, danger=True, icon="trash-2",
    note=_("Possible once all hosting services are deleted. What was recorded of the customer stays in the audit log."),
    done=_("The customer was deleted."),
)  # fmt: skip


@admin.register(Customer)
class CustomerAdmin(ObjectAdmin, FactsAdmin):
    """Customers. Made and deleted through services; name and contact are facts that are edited here."""

    list_display = ("label", "email", "num_services", "created")
    list_display_links = ("label",)
    search_fields = ("name__startswith", "email__startswith")
    search_help_text = _("Name or e-mail, from the beginning")
    fields = ("name", "email", "notes")
    recorded = ("name", "email", "notes")
    verbs: ClassVar[dict[str, Verb]] = {"change": CUSTOMER_CHANGE}
    adding = CREATE
    object_template = "admin/npanel/customer.html"
    object_actions = (INVITE, DELETE)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Customer]:
        live = ~Q(services__state=ServiceState.TERMINATED) & Q(services__isnull=False)
        return selectors.customers(actor_from_request(request)).annotate(service_count=Count("services", filter=live))

    def get_urls(self) -> list[URLPattern]:
        """The form for what is edited directly."""
        view = self.admin_site.admin_view(self.edit_view)
        return [path("<path:object_id>/edit/", view, name="accounts_customer_edit"), *super().get_urls()]

    def edit_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Django's own form; saving it is recorded."""
        return FactsAdmin.change_view(self, request, object_id)

    def response_change(self, request: HttpRequest, obj: Customer) -> HttpResponseRedirect:
        """Back to the customer."""
        return HttpResponseRedirect(cells.address_of(obj))

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def tabs(self, request: HttpRequest, obj: Any) -> Sequence[tuple[str, Any, int | None]]:
        """Overview, people, audit."""
        overview, *rest = super().tabs(request, obj)
        return (overview, ("people", _("People"), obj.memberships.count()), *rest)

    def facts(self, request: HttpRequest, obj: Customer, tab: str) -> dict[str, Any]:
        if tab == "people":
            members = selectors.memberships(actor_from_request(request)).filter(customer=obj)
            return {"members": members, "service_count": obj.services.count(), "menu": [DELETE]}
        services = selectors.services(actor_from_request(request)).filter(customer=obj)
        rows = services.select_related("plan", "node").prefetch_related("domains").order_by("-id")[:SHOWN]
        return {"services": rows, "service_count": services.count(), "menu": [DELETE]}

    @admin.display(description=_("name"), ordering="name")
    def label(self, customer: Customer) -> str:
        return customer.name

    @admin.display(description=_("services"))
    def num_services(self, customer: Any) -> int:
        return int(customer.service_count)

    @admin.display(description=_("created"), ordering="created_at")
    def created(self, customer: Customer) -> str:
        return cells.when(customer.created_at)
