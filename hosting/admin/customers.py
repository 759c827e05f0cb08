"""Customers: list, form, page."""

from typing import Any, ClassVar

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import URLPattern, path
from django.utils.translation import gettext_lazy as _

from accounts.actors import actor_from_request
from accounts.belongings import keep
from accounts.console import FactsAdmin
from accounts.models import Belonging, Customer
from accounts.verbs import CUSTOMER_CHANGE
from audit.actor import Actor
from audit.verbs import Verb
from hosting import selectors
from hosting.admin import cells
from hosting.admin.forms import CustomerForm, NoQuestion
from hosting.admin.members import INVITE
from hosting.admin.operations import OPERATIONS_SHOWN
from hosting.admin.pages import Action, ObjectAdmin, live_services
from hosting.services import customers

#: Rows on the page; and of operations on the overview.
SHOWN, RECENT = 20, 5
#: Whose operations are shown: the customer's newest services.
SERVICES_LOOKED_AT = 500


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
        return selectors.customers(actor_from_request(request)).annotate(service_count=live_services("customer"))

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

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        """A former name still finds the customer's history."""
        if "name" in form.changed_data:
            keep(obj.pk, Belonging.NAME, [form.initial["name"]])
        super().save_model(request, obj, form, change)

    def facts(self, request: HttpRequest, obj: Customer, tab: str) -> dict[str, Any]:
        actor = actor_from_request(request)
        services = selectors.services(actor).filter(customer=obj)
        shown: dict[str, Any] = {"service_count": services.count(), "menu": [DELETE]}
        if tab == "people":
            shown["members"] = selectors.memberships(actor).filter(customer=obj)
        if tab == "overview":
            shown["services"] = services.prefetch_related("domains").order_by("-id")[:SHOWN]
        if tab in ("overview", "operations"):
            ids = list(services.values_list("pk", flat=True).order_by("-id")[:SERVICES_LOOKED_AT])
            many = OPERATIONS_SHOWN if tab == "operations" else RECENT
            shown["operations"] = selectors.operations(actor).filter(service__in=ids)[:many]
        return shown

    def tabs(self, request: HttpRequest, obj: Customer) -> tuple[tuple[str, Any, int | None], ...]:
        return (
            ("overview", _("Overview"), None),
            ("people", _("People"), obj.memberships.count()),
            ("operations", _("Operations"), None),
            ("audit", _("Audit"), None),
        )

    @admin.display(description=_("name"), ordering="name")
    def label(self, customer: Customer) -> str:
        return customer.name

    @admin.display(description=_("services"))
    def num_services(self, customer: Any) -> int:
        return int(customer.service_count)

    @admin.display(description=_("created"), ordering="id")
    def created(self, customer: Customer) -> str:
        return cells.when(customer.created_at)
