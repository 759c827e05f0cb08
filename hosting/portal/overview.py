"""The overview, a service's page and its PHP version."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from django.db.models import QuerySet
from django.http import HttpResponse
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from accounts.choices import Role
from hosting import selectors
from hosting.choices import OperationState, ServiceState
from hosting.models import Domain, HostingService, Operation
from hosting.portal.access import PortalRequest, allowed, find, portal
from hosting.portal.activity import told
from hosting.portal.choosing import LIVE, able_to
from hosting.portal.deleted import deleted_among
from hosting.portal.forms import PhpForm
from hosting.portal.pages import Ask, ask, page
from hosting.portal.usage import Usage, terms, usage_of

#: Services on the overview; more are on the list.
SHOWN = 20
_EVENTS = 8
UNFINISHED = (OperationState.PENDING, OperationState.RUNNING, OperationState.PLANNED)
CHANGE_PHP = Ask(
    "service.php",
    _("Change the PHP version"),
    _("See what changes"),
    _("All sites of this service run on the version you choose. It takes a few seconds and can be undone."),
)


@dataclass(frozen=True, slots=True)
class ServiceView:
    """A service with what the overview says of it."""

    service: HostingService
    main: Domain | None
    usage: tuple[Usage, ...]


@portal
def home(request: PortalRequest) -> HttpResponse:
    """What is there, what is running, what was done last, and what to do next."""
    shown = service_views(live_services(selectors.services(request.actor)).order_by("-id")[:SHOWN])
    services = [view.service for view in shown]
    current = selectors.operations(request.actor).filter(state__in=UNFINISHED).select_related("reverts")[:10]
    context = {
        "services": shown,
        "suspended": [service for service in services if service.is_suspended],
        "deleted": deleted_among(request, services),
        "current": [operation for operation in current if operation.service_id],
        "activity": told(request.actor, selectors.activity(request.actor, count=_EVENTS)),
        "customers": selectors.customers(request.actor).order_by("name")[:5],
        "terms": terms(request.actor) if request.user.role == Role.RESELLER else None,
        "steps": next_steps(request, shown),
    }
    return page(request, "portal/home.html", context, section="home")


@portal
def service(request: PortalRequest, pk: int) -> HttpResponse:
    """One service: its facts, sites, databases and what was done with it last."""
    row = find(selectors.services(request.actor), pk)
    (view,) = service_views([row])
    current = row.operations.filter(state__in=UNFINISHED).order_by("created_at").first()
    last = row.operations.order_by("-created_at").first() if row.out_of_sync else None
    uses = ("service.php", "domain.add", "database.create_with_user", "service.suspend", "service.resume")
    context = {
        "view": view,
        "object": row,
        "suspended": [row] if row.is_suspended else [],
        "deleted": deleted_among(request, [row]),
        "domains": row.domains.filter(name_key__isnull=False).order_by("-is_primary", "name")[:SHOWN],
        "databases": row.databases.order_by("name")[:SHOWN] if row.is_live else [],
        "current": [current] if current else [],
        "last_failed": last,
        "activity": told(request.actor, selectors.activity(request.actor, service=row, count=_EVENTS)),
        "may": allowed(request, row, *uses, "service.delete"),
        "state": ServiceState,
    }
    return page(request, "portal/service.html", context, section="services")


@portal
def php(request: PortalRequest, pk: int) -> HttpResponse:
    """Another PHP version."""
    row = find(selectors.services(request.actor), pk)
    form = PhpForm(request.POST if request.method == "POST" else None, service=row)
    back = reverse("portal:service", args=(row.pk,))
    return ask(request, CHANGE_PHP, row, form, back=back, section="services", about=row.username)


def live_services(rows: QuerySet[HostingService]) -> QuerySet[HostingService]:
    """Services that are not gone, with their domains."""
    return rows.exclude(state=ServiceState.TERMINATED).prefetch_related("domains")


def service_views(rows: Iterable[HostingService]) -> list[ServiceView]:
    """Services with their main domain and their usage."""
    services = list(rows)
    usage = usage_of(services)
    return [
        ServiceView(row, next((domain for domain in row.domains.all() if domain.is_primary), None), usage[row.pk])
        for row in services
    ]


def next_steps(request: PortalRequest, views: Iterable[ServiceView]) -> list[dict[str, Any]]:
    """What somebody whose account is still empty does first."""
    live = {view.service.pk: view for view in views if view.service.state in LIVE}
    able = able_to(request, "domain.add", [view.service for view in live.values()])
    if not able or len(able[0].domains.all()) > 1 or live[able[0].pk].usage[1].used:
        return []
    main = live[able[0].pk].main
    steps = [
        (_("Point your domain here"), _("See whether visitors find your site already."), "portal:domain", main),
        (_("Add your domain"), _("One more name for your sites, with DNS of its own."), "portal:domain_add", None),
        (_("Make a database"), _("For WordPress and most other programs."), "portal:database_add", None),
    ]  # fmt: skip
    return [
        {"title": title, "text": text, "url": reverse(url, args=(subject.pk,) if subject else ())}
        for title, text, url, subject in steps
        if subject is not None or url != "portal:domain"
    ]


def waiting(actor_operations: QuerySet[Operation], row: HostingService) -> list[Operation]:
    """Operations of a service that wait or run."""
    return list(actor_operations.filter(service=row, state__in=UNFINISHED).order_by("created_at")[:5])
