"""Hosting services: list, form, object page and what can be done with one."""

from functools import partial
from typing import Any

from django.contrib import admin
from django.db.models import Count, QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import URLPattern, path
from django.utils.html import format_html
from django.utils.translation import gettext_lazy as _

from accounts.actors import actor_from_request
from accounts.policies import OperatorPolicy
from audit.actor import Actor
from hosting import selectors
from hosting.admin import bulk, cells
from hosting.admin.filters import CustomerScope, NodeScope
from hosting.admin.forms import DatabaseForm, DatabaseUserForm, DomainForm, PhpForm, ServiceForm
from hosting.admin.operations import OPERATIONS_SHOWN
from hosting.admin.pages import Action, ObjectAdmin, counted
from hosting.choices import DriftState, OperationState, ServiceState
from hosting.models import HostingService, Mailbox, MailDomain, Operation
from hosting.services import databases, lifecycle, sites

UNFINISHED = (OperationState.PENDING, OperationState.RUNNING, OperationState.PLANNED)
#: Rows of a table on an object's page; more are a link away.
SHOWN = 20


def _create(actor: Actor, subject: None, data: dict[str, Any]) -> Operation:
    return sites.create_service(actor=actor, **data)


def _apply(actor: Actor, service: HostingService, data: dict[str, Any]) -> Operation:
    return sites.apply_service(actor=actor, service=service, **data)


def _suspend(actor: Actor, service: HostingService, data: dict[str, Any]) -> Operation:
    return sites.suspend_service(actor=actor, service=service, **data)


def _resume(actor: Actor, service: HostingService, data: dict[str, Any]) -> Operation:
    return sites.resume_service(actor=actor, service=service, **data)


def _delete(actor: Actor, service: HostingService, data: dict[str, Any]) -> Operation:
    return sites.delete_service(actor=actor, service=service, **data)


def _restore(actor: Actor, service: HostingService, data: dict[str, Any]) -> Operation:
    return lifecycle.restore_service(actor=actor, service=service, **data)


def _purge(actor: Actor, service: HostingService, data: dict[str, Any]) -> Operation:
    return lifecycle.purge_service(actor=actor, service=service, reason=data["reason"])


def _change_php(actor: Actor, service: HostingService, data: dict[str, Any]) -> Operation:
    return sites.change_php(actor=actor, service=service, **data)


def _add_domain(actor: Actor, service: HostingService, data: dict[str, Any]) -> Operation:
    return sites.add_domain(actor=actor, service=service, **data)


def _add_database(actor: Actor, service: HostingService, data: dict[str, Any]) -> Operation:
    return databases.create_database(actor=actor, service=service, **data)


def _add_database_user(actor: Actor, service: HostingService, data: dict[str, Any]) -> Operation:
    return databases.create_database_user(actor=actor, service=service, **data)


CREATE = Action(
    "add", _("New service"), _("Plan the service"), _create, ServiceForm, at_once=False,
    note=_("NPanel plans first. Nothing happens on the node before you have seen the plan and applied it."),
)  # fmt: skip
APPLY = Action(
    "apply", _("Compare with the node"), _("Make a plan"), _apply, icon="scan-search",
    note=_("Looks at the node and plans what is needed to make it match this service. Often that is nothing."),
)  # fmt: skip
SUSPEND = Action(
    "suspend", _("Suspend service"), _("Plan the suspension"), _suspend, icon="circle-pause",
    note=_("Visitors see a suspended page and sign-ins are locked. Nothing is lost; resuming brings it all back."),
)  # fmt: skip
RESUME = Action(
    "resume", _("Resume service"), _("Plan the resumption"), _resume, icon="circle-play",
    note=_("Brings the sites and sign-ins back exactly as they were."),
)  # fmt: skip
DELETE = Action(
    "remove", _("Delete service"), _("Prepare the deletion"), _delete, at_once=False, danger=True, icon="trash-2",
    note=_("Shows what goes and asks you to confirm it. Deleted services can be restored for a while."),
)  # fmt: skip
RESTORE = Action(
    "restore", _("Restore service"), _("Plan the restore"), _restore, icon="rotate-ccw",
    note=_("Brings the service back exactly as it was, with its files and databases."),
)  # fmt: skip
PURGE = Action(
    "purge", _("Purge service"), _("Prepare the purge"), _purge, at_once=False, danger=True, icon="trash-2",
    note=_("Shows what is removed for good and asks you to confirm it. After that nothing can be restored."),
)  # fmt: skip
CHANGE_PHP = Action("php", _("Change PHP version"), _("Plan the change"), _change_php, PhpForm, icon="code")
ADD_DOMAIN = Action("add-domain", _("Add domain"), _("Plan the domain"), _add_domain, DomainForm, icon="globe")
ADD_DATABASE = Action(
    "add-database", _("Add database"), _("Plan the database"), _add_database, DatabaseForm, icon="database"
)
ADD_DATABASE_USER = Action(
    "add-database-user", _("Add database user"), _("Plan the database user"), _add_database_user, DatabaseUserForm,
    icon="key-round",
)  # fmt: skip


class SyncFilter(admin.SimpleListFilter):
    """Services whose node is not as wanted."""

    title = _("sync")
    parameter_name = "sync"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [("out", _("Out of sync")), ("in", _("In sync"))]

    def queryset(self, request: HttpRequest, queryset: QuerySet[HostingService]) -> QuerySet[HostingService]:
        return queryset.filter(out_of_sync=self.value() == "out") if self.value() else queryset


@admin.register(HostingService)
class HostingServiceAdmin(ObjectAdmin):
    """Hosting services."""

    list_display = (
        "pick",
        "user_name",
        "badge",
        "main_domain",
        "customer_name",
        "plan_name",
        "node_name",
        "php",
        "created",
    )
    list_display_links = ("user_name",)
    list_filter = ("state", SyncFilter, CustomerScope, NodeScope)
    search_fields = ("username__startswith", "domains__name__startswith", "customer__name__startswith")
    search_help_text = _("User name, domain or customer, from the beginning")
    audit_types = ("service",)
    adding = CREATE
    object_template = "admin/npanel/service.html"
    object_actions = (
        APPLY,
        SUSPEND,
        RESUME,
        DELETE,
        RESTORE,
        PURGE,
        CHANGE_PHP,
        ADD_DOMAIN,
        ADD_DATABASE,
        ADD_DATABASE_USER,
    )

    def get_urls(self) -> list[URLPattern]:
        """The page on which many services are asked about."""
        ask = path("bulk/", self.admin_site.admin_view(self.bulk_view), name="hosting_hostingservice_bulk")
        return [ask, *super().get_urls()]

    def bulk_view(self, request: HttpRequest) -> HttpResponse:
        """Ask before the same is done for many services."""
        return bulk.ask_view(request, partial(self.page, request))

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """The list, with what can be done with chosen rows."""
        wishes = bulk.CHOICES if OperatorPolicy(request.user).may_act else ()
        answer: HttpResponse = super().changelist_view(request, {**(extra_context or {}), "wishes": wishes})
        return answer

    def get_list_display(self, request: HttpRequest) -> tuple[Any, ...]:
        """Who may not act has nothing to choose rows for."""
        shown = tuple(super().get_list_display(request))
        return shown if OperatorPolicy(request.user).may_act else shown[1:]

    @admin.display(description="")
    def pick(self, service: HostingService) -> str:
        label = _("Choose %s") % service.username
        return format_html(
            '<label class="pick"><input type="checkbox" name="service" value="{}" aria-label="{}"></label>',
            service.pk,
            label,
        )

    def get_queryset(self, request: HttpRequest) -> QuerySet[HostingService]:
        services = selectors.services(actor_from_request(request))
        return services.select_related(None).prefetch_related("customer", "plan", "node", "domains")

    @admin.display(description=_("service"), ordering="username")
    def user_name(self, service: HostingService) -> str:
        return service.username

    @admin.display(description=_("state"))
    def badge(self, service: HostingService) -> str:
        return cells.service_badge(service.state, state_word(service), service.out_of_sync)

    @admin.display(description=_("main domain"))
    def main_domain(self, service: HostingService) -> str:
        return next((cells.host(domain.name) for domain in service.domains.all() if domain.is_primary), cells.NOTHING)

    @admin.display(description=_("customer"))
    def customer_name(self, service: HostingService) -> str:
        return cells.link(service.customer)

    @admin.display(description=_("plan"))
    def plan_name(self, service: HostingService) -> str:
        return service.plan.name

    @admin.display(description=_("node"))
    def node_name(self, service: HostingService) -> str:
        return cells.link(service.node)

    @admin.display(description=_("PHP"))
    def php(self, service: HostingService) -> str:
        return service.php_version

    @admin.display(description=_("created"), ordering="id")
    def created(self, service: HostingService) -> str:
        return cells.when(service.created_at)

    def tabs(self, request: HttpRequest, obj: HostingService) -> tuple[tuple[str, Any, int | None], ...]:
        drift = obj.drift.filter(state=DriftState.OPEN).count()
        return (
            ("overview", _("Overview"), None),
            ("plan", _("Plan and drift"), drift or None),
            ("operations", _("Operations"), None),
            ("audit", _("Audit"), None),
        )

    def facts(self, request: HttpRequest, obj: HostingService, tab: str) -> dict[str, Any]:
        return {**_head(obj), **_TABS.get(tab, _nothing)(obj)}


def state_word(service: HostingService) -> str:
    """The state as people read it; a deletion that waits or runs has left nothing that could be restored yet."""
    if service.state == ServiceState.SOFT_DELETED and service.purge_at is None:
        return str(_("Being deleted"))
    return service.get_state_display()


def _menu(service: HostingService) -> list[Action]:
    if service.is_live:
        return [APPLY, CHANGE_PHP, RESUME if service.is_suspended else SUSPEND, DELETE]
    return [PURGE] if service.purge_at is not None else []


def _head(service: HostingService) -> dict[str, Any]:
    """What is shown above the tabs: the operation that holds the service, and the actions that fit its state."""
    unfinished = service.operations.filter(state__in=UNFINISHED).order_by("created_at")
    return {
        "main_domain": next((domain for domain in service.domains.all() if domain.is_primary), None),
        "current": unfinished.first(),
        "last_failed": service.operations.order_by("-created_at").first() if service.out_of_sync else None,
        "menu": _menu(service),
        "state_word": state_word(service),
        "restorable": service.state == ServiceState.SOFT_DELETED and service.purge_at is not None,
    }


def _overview(service: HostingService) -> dict[str, Any]:
    mails = MailDomain.objects.filter(domain__service=service).order_by("domain__name")
    domains = service.domains.annotate(records_count=Count("records")).order_by("-is_primary", "name")
    return {
        "domains": domains[:SHOWN],
        "databases": service.databases.order_by("name")[:SHOWN],
        "database_users": service.database_users.prefetch_related("grants__database").order_by("name")[:SHOWN],
        "mail_domains": mails.select_related("domain").annotate(many=counted(Mailbox.objects.all(), "mail"))[:SHOWN],
        "used": {
            "mail_domains": mails.count(),
            "mailboxes": Mailbox.objects.filter(mail__domain__service=service).count(),
            "domains": domains.count(),
            "databases": service.databases.count(),
            "database_users": service.database_users.count(),
        },
    }


def _plan(service: HostingService) -> dict[str, Any]:
    return {"drift": service.drift.filter(state=DriftState.OPEN).order_by("-id")[:SHOWN]}


def _operations(service: HostingService) -> dict[str, Any]:
    return {"operations": service.operations.order_by("-created_at")[:OPERATIONS_SHOWN]}


def _nothing(service: HostingService) -> dict[str, Any]:
    return {}


_TABS = {"overview": _overview, "plan": _plan, "operations": _operations}
