"""Reads, always scoped to an actor: what somebody may not see is not there."""

from django.db.models import Q, QuerySet

from accounts.actors import user_id
from accounts.choices import Role
from accounts.models import ApiToken, Customer, Membership, Reseller, User
from audit.actor import Actor
from audit.models import Event, LegalHold
from audit.reading import about
from hosting.models import (
    AutoCertificate,
    BulkItem,
    BulkRun,
    Certificate,
    Database,
    DatabaseUser,
    DnsRecord,
    Domain,
    DriftItem,
    FtpAccount,
    HostingPlan,
    HostingService,
    MailAlias,
    Mailbox,
    MailDomain,
    MailLookup,
    MailQueue,
    Node,
    Operation,
    QueuedMessage,
    RecordTemplate,
    Secondary,
    SshKey,
    Webhook,
    WebhookDelivery,
)
from observability.models import Incident

_SEE_ALL = (Role.ADMIN, Role.SUPPORT)
_NOBODY = Q(pk__in=())
#: Services or customers whose events one list shows, at most: ids are compared as text, and a statement holds so many.
_MANY = 2_000


def sees_all(actor: Actor) -> bool:
    """Whether the actor is one of the operators, who see everything."""
    return actor.role in _SEE_ALL


def _visible(actor: Actor, path: str) -> Q:
    """The condition on rows whose customer, reached by ``path``, the actor may see.

    Args:
        path: lookup from the row to its customer with two underscores at the end, or "" for customers themselves.
    """
    if sees_all(actor):
        return Q()
    if _sells(actor):
        return Q(**{f"{path}reseller__in": _reseller_of(actor)})
    if actor.role == Role.CUSTOMER and user_id(actor) is not None:
        mine = Customer.objects.filter(memberships__user=user_id(actor)).values("pk")
        return Q(**{f"{path}pk__in": mine})
    return _NOBODY


def _sells(actor: Actor) -> bool:
    return actor.role == Role.RESELLER and user_id(actor) is not None


def _reseller_of(actor: Actor) -> QuerySet[Reseller]:
    return Reseller.objects.filter(users=user_id(actor), is_active=True)


def resellers(actor: Actor) -> QuerySet[Reseller]:
    """Resellers the actor may see: all, or their own."""
    if sees_all(actor):
        return Reseller.objects.all()
    return _reseller_of(actor) if _sells(actor) else Reseller.objects.none()


def customers(actor: Actor) -> QuerySet[Customer]:
    """Customers the actor may see: all, those of their reseller, or those they are a member of."""
    return Customer.objects.filter(_visible(actor, ""))


def people(actor: Actor) -> QuerySet[User]:
    """People the actor may see: all, or those of the customers they see."""
    if sees_all(actor):
        return User.objects.all()
    return User.objects.filter(memberships__customer__in=customers(actor)).distinct()


def memberships(actor: Actor) -> QuerySet[Membership]:
    """Memberships of the customers the actor may see."""
    found = Membership.objects.select_related("user", "customer")
    return found.filter(_visible(actor, "customer__")).order_by("customer", "pk")


def plans(actor: Actor) -> QuerySet[HostingPlan]:
    """Hosting plans the actor may see: all, those a reseller may sell, or those a customer is under."""
    if sees_all(actor):
        return HostingPlan.objects.all()
    if _sells(actor):
        return HostingPlan.objects.filter(
            Q(reseller__in=_reseller_of(actor)) | Q(reseller__isnull=True, for_resellers=True)
        )
    return HostingPlan.objects.filter(pk__in=services(actor).values("plan"))


def nodes(actor: Actor) -> QuerySet[Node]:
    """Nodes the actor may see: an operator's only; others see the name of the one their service is on."""
    return Node.objects.all() if sees_all(actor) else Node.objects.none()


def secondaries(actor: Actor) -> QuerySet[Secondary]:
    """Secondary name servers the actor may see: the operators' alone."""
    found = Secondary.objects.select_related("node", "carrier")
    return found if sees_all(actor) else found.none()


def services(actor: Actor) -> QuerySet[HostingService]:
    """Hosting services the actor may see, with customer, plan and node."""
    found = HostingService.objects.select_related("customer", "plan", "node")
    return found.filter(_visible(actor, "customer__"))


def domains(actor: Actor) -> QuerySet[Domain]:
    """Domains the actor may see."""
    return Domain.objects.select_related("service").filter(_visible(actor, "service__customer__"))


def auto_certificates(actor: Actor) -> QuerySet[AutoCertificate]:
    """What NPanel does about certificates of domains the actor may see, while their names are held."""
    found = AutoCertificate.objects.select_related("domain__service", "domain__certificate")
    return found.filter(_visible(actor, "domain__service__customer__"), domain__name_key__isnull=False)


def zones(actor: Actor) -> QuerySet[Domain]:
    """Domains the actor may see that have a zone of their own, while their names are held."""
    return domains(actor).filter(has_zone=True, name_key__isnull=False)


def dns_records(actor: Actor) -> QuerySet[DnsRecord]:
    """DNS records the actor may see."""
    found = DnsRecord.objects.select_related("domain__service")
    return found.filter(_visible(actor, "domain__service__customer__"))


def certificates(actor: Actor) -> QuerySet[Certificate]:
    """Certificates the actor may see; their keys nobody sees."""
    found = Certificate.objects.select_related("service").defer("private_key_sealed")
    return found.filter(_visible(actor, "service__customer__"))


def record_templates(actor: Actor) -> QuerySet[RecordTemplate]:
    """Templates of records the actor may see: all, or the operators' own and those of their reseller."""
    if sees_all(actor):
        return RecordTemplate.objects.all()
    if _sells(actor):
        return RecordTemplate.objects.filter(Q(reseller=None) | Q(reseller__in=_reseller_of(actor)))
    mine = customers(actor)
    if not mine.exists():
        return RecordTemplate.objects.none()
    return RecordTemplate.objects.filter(Q(reseller=None) | Q(reseller__in=mine.values("reseller")))


def templates_for(reseller: int | None) -> QuerySet[RecordTemplate]:
    """Templates that zones of a reseller's customers (None: of the operators' own) can be given."""
    return RecordTemplate.objects.filter(Q(reseller=None) | Q(reseller=reseller))


def databases(actor: Actor) -> QuerySet[Database]:
    """Databases the actor may see."""
    return Database.objects.select_related("service").filter(_visible(actor, "service__customer__"))


def database_users(actor: Actor) -> QuerySet[DatabaseUser]:
    """Database accounts the actor may see."""
    return DatabaseUser.objects.select_related("service").filter(_visible(actor, "service__customer__"))


def ftp_accounts(actor: Actor) -> QuerySet[FtpAccount]:
    """FTP accounts the actor may see."""
    return FtpAccount.objects.select_related("service").filter(_visible(actor, "service__customer__"))


def ssh_keys(actor: Actor) -> QuerySet[SshKey]:
    """SSH keys of services the actor may see."""
    return SshKey.objects.select_related("service__plan").filter(_visible(actor, "service__customer__"))


def mail_domains(actor: Actor) -> QuerySet[MailDomain]:
    """Domains with mail that the actor may see."""
    found = MailDomain.objects.select_related("domain__service")
    return found.filter(_visible(actor, "domain__service__customer__"))


def mailboxes(actor: Actor) -> QuerySet[Mailbox]:
    """Mailboxes the actor may see."""
    found = Mailbox.objects.select_related("mail__domain__service", "autoreply")
    return found.filter(_visible(actor, "mail__domain__service__customer__"))


def mail_aliases(actor: Actor) -> QuerySet[MailAlias]:
    """Mail aliases the actor may see."""
    found = MailAlias.objects.select_related("mail__domain__service")
    return found.filter(_visible(actor, "mail__domain__service__customer__"))


def mail_queues(actor: Actor) -> QuerySet[MailQueue]:
    """Mail queues of nodes; only operators see any."""
    found = MailQueue.objects.select_related("node")
    return found if sees_all(actor) else found.none()


def mail_lookups(actor: Actor) -> QuerySet[MailLookup]:
    """Questions about mail that the actor may see: all, or those about their services."""
    found = MailLookup.objects.select_related("node", "service__customer", "domain")
    return found.filter(_visible(actor, "service__customer__"))


def queued_messages(actor: Actor) -> QuerySet[QueuedMessage]:
    """Waiting messages the actor may see: all, or those that their services sent or are to get."""
    found = QueuedMessage.objects.select_related("node", "service__customer")
    return found.filter(_visible(actor, "service__customer__"))


def operations(actor: Actor) -> QuerySet[Operation]:
    """Operations the actor may see, newest first; those of nodes are the operators' alone."""
    found = Operation.objects.select_related("node", "service").order_by("-created_at")
    return found.filter(_visible(actor, "service__customer__"))


def bulk_runs(actor: Actor) -> QuerySet[BulkRun]:
    """Bulk runs the actor may see, newest first."""
    found = BulkRun.objects.order_by("-created_at")
    return found if sees_all(actor) else found.none()


def bulk_items(actor: Actor) -> QuerySet[BulkItem]:
    """The services of the bulk runs the actor may see, with what became of each."""
    return BulkItem.objects.filter(run__in=bulk_runs(actor)) if not sees_all(actor) else BulkItem.objects.all()


def drift_items(actor: Actor) -> QuerySet[DriftItem]:
    """Drift the actor may see: the operators' alone."""
    found = DriftItem.objects.select_related("node", "service", "operation")
    return found if sees_all(actor) else found.none()


def webhooks(actor: Actor) -> QuerySet[Webhook]:
    """Webhooks the actor may see: all, those of their reseller and its customers, or those of their customers."""
    found = Webhook.objects.select_related("customer", "reseller")
    if sees_all(actor):
        return found
    if _sells(actor):
        return found.filter(Q(reseller__in=_reseller_of(actor)) | Q(customer__reseller__in=_reseller_of(actor)))
    return found.filter(_visible(actor, "customer__"))


def webhook_deliveries(actor: Actor) -> QuerySet[WebhookDelivery]:
    """Deliveries of the webhooks the actor may see, newest first."""
    found = WebhookDelivery.objects.select_related("webhook__customer").order_by("-created_at")
    return found if sees_all(actor) else found.filter(webhook__in=webhooks(actor))


def own_tokens(actor: Actor) -> QuerySet[ApiToken]:
    """The actor's own API tokens; nobody sees another person's."""
    return ApiToken.objects.filter(user=user_id(actor)) if user_id(actor) is not None else ApiToken.objects.none()


def events(actor: Actor) -> QuerySet[Event]:
    """Audit events the actor may see, newest first: all, or those of the customers and services they see."""
    found = Event.objects.order_by("-id")
    if sees_all(actor):
        return found
    of_services, of_customers = _concerning(actor, most=_MANY)
    return found.filter(of_services | of_customers)


def incidents(actor: Actor) -> QuerySet[Incident]:
    """Incidents, newest first; only operators see any."""
    return Incident.objects.all() if sees_all(actor) else Incident.objects.none()


def legal_holds(actor: Actor) -> QuerySet[LegalHold]:
    """Legal holds on the audit log, newest first, without the parts of others; only operators see any."""
    return LegalHold.objects.filter(part_of=None) if sees_all(actor) else LegalHold.objects.none()


def activity(
    actor: Actor, *, service: HostingService | None = None, before: int | None = None, count: int = 50
) -> list[Event]:
    """What was done with the customers and hosting services the actor may see, by anybody, newest first.

    Ids come first, from the index on type and id of targets, which holds them: however long the audit log is, only
    the events of these targets are looked at.

    Args:
        service: one that the actor may see, for its events alone.
        before: only events with a lower id. count: at most so many.
    """
    found = Event.objects.order_by() if before is None else Event.objects.filter(pk__lt=before).order_by()
    first, second = (found.filter(part).values("id") for part in _concerning(actor, service))
    ids = first.union(second, all=True).order_by("-id")[:count]
    return list(Event.objects.filter(pk__in=[row["id"] for row in ids]).order_by("-pk"))


def _concerning(actor: Actor, service: HostingService | None = None, most: int | None = None) -> tuple[Q, Q]:
    """The conditions on events of the services and of the customers that the actor may see; or of one service alone.

    Args:
        most: the newest of each, at most so many.
    """
    of_services = services(actor) if service is None else services(actor).filter(pk=service.pk)
    of_customers = customers(actor) if service is None else Customer.objects.none()
    keys = (rows.order_by("-pk").values_list("pk", flat=True)[:most] for rows in (of_services, of_customers))
    return about(next(keys), "service"), about(next(keys), Customer._meta.label_lower)
