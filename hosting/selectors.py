"""Reads, always scoped to an actor: what somebody may not see is not there."""

from django.db.models import QuerySet

from accounts.choices import Role
from accounts.models import Customer, User
from audit.actor import Actor
from audit.models import Event
from hosting.models import (
    Database,
    DatabaseUser,
    DnsRecord,
    Domain,
    DriftItem,
    HostingService,
    Node,
    Operation,
)

_SEE_ALL = (Role.ADMIN, Role.SUPPORT)


def _sees_all(actor: Actor) -> bool:
    return actor.role in _SEE_ALL


def customers(actor: Actor) -> QuerySet[Customer]:
    """Customers the actor may see."""
    return Customer.objects.all() if _sees_all(actor) else Customer.objects.none()


def nodes(actor: Actor) -> QuerySet[Node]:
    """Nodes the actor may see."""
    return Node.objects.all() if _sees_all(actor) else Node.objects.none()


def services(actor: Actor) -> QuerySet[HostingService]:
    """Hosting services the actor may see, with customer, plan and node."""
    found = HostingService.objects.select_related("customer", "plan", "node")
    return found if _sees_all(actor) else found.none()


def domains(actor: Actor) -> QuerySet[Domain]:
    """Domains the actor may see."""
    found = Domain.objects.select_related("service")
    return found if _sees_all(actor) else found.none()


def dns_records(actor: Actor) -> QuerySet[DnsRecord]:
    """DNS records the actor may see."""
    found = DnsRecord.objects.select_related("domain__service")
    return found if _sees_all(actor) else found.none()


def operations(actor: Actor) -> QuerySet[Operation]:
    """Operations the actor may see, newest first."""
    found = Operation.objects.select_related("node", "service").order_by("-created_at")
    return found if _sees_all(actor) else found.none()


def drift_items(actor: Actor) -> QuerySet[DriftItem]:
    """Drift the actor may see."""
    found = DriftItem.objects.select_related("node", "service", "operation")
    return found if _sees_all(actor) else found.none()


def databases(actor: Actor) -> QuerySet[Database]:
    """Databases the actor may see."""
    found = Database.objects.select_related("service")
    return found if _sees_all(actor) else found.none()


def database_users(actor: Actor) -> QuerySet[DatabaseUser]:
    """Database accounts the actor may see."""
    found = DatabaseUser.objects.select_related("service")
    return found if _sees_all(actor) else found.none()


def people(actor: Actor) -> QuerySet[User]:
    """People the actor may see."""
    return User.objects.all() if _sees_all(actor) else User.objects.none()


def events(actor: Actor) -> QuerySet[Event]:
    """Audit events the actor may see, newest first."""
    return Event.objects.all() if _sees_all(actor) else Event.objects.none()
