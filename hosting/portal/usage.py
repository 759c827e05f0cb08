"""How much of what was sold is in use."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from django.db.models import Count, Model, Sum
from django.utils.translation import gettext_lazy as _

from accounts.models import Reseller
from audit.actor import Actor
from hosting import selectors
from hosting.choices import ServiceState
from hosting.models import Database, DatabaseUser, DnsRecord, HostingService, Mailbox

#: From this share on, a bar stands out.
_NEARLY = 0.8


@dataclass(frozen=True, slots=True)
class Usage:
    """How much of something is in use, beside its limit.

    Args:
        limit: None for unlimited. size: whether both are MiB.
    """

    label: Any
    used: int
    limit: int | None
    size: bool = False

    @property
    def tone(self) -> str:
        """Colour of the bar: what is nearly or wholly used up stands out."""
        if self.limit is None or self.used < self.limit * _NEARLY:
            return ""
        return "bad" if self.used >= self.limit else "warn"


def usage_of(rows: Iterable[HostingService]) -> dict[int, tuple[Usage, ...]]:
    """What of each service is counted against its plan, by the service's key: as many queries for one as for many."""
    services = {row.pk: row for row in rows}
    databases, users = (_counted(model, services) for model in (Database, DatabaseUser))
    mailboxes = _counted(Mailbox, services, "mail__domain__service")
    records = DnsRecord.objects.filter(domain__service__in=services).order_by()
    fullest: dict[int, int] = {}
    for service, many in (
        records.values("domain__service", "domain").annotate(many=Count("pk")).values_list("domain__service", "many")
    ):
        fullest[service] = max(many, fullest.get(service, 0))
    return {
        pk: (
            Usage(_("Domains"), len(row.domains.all()), row.plan.domains),
            Usage(_("Mailboxes"), mailboxes.get(pk, 0), row.plan.mailboxes),
            Usage(_("Databases"), databases.get(pk, 0), row.plan.databases),
            Usage(_("Database users"), users.get(pk, 0), row.plan.database_users),
            Usage(_("DNS records per domain"), fullest.get(pk, 0), row.plan.dns_records),
        )
        for pk, row in services.items()
    }


def _counted(model: type[Model], services: Iterable[int], path: str = "service") -> dict[int, int]:
    """How many rows each service has; ``path`` leads from one to its service."""
    found = model._default_manager.filter(**{f"{path}__in": list(services)}).order_by().values_list(path)
    return dict(found.annotate(many=Count("pk")))


def terms(actor: Actor) -> tuple[Usage, ...]:
    """A reseller's limits and what is in use of them."""
    reseller: Reseller | None = selectors.resellers(actor).first()
    if reseller is None:
        return ()
    live = HostingService.objects.filter(customer__reseller=reseller).exclude(state=ServiceState.TERMINATED)
    sold = live.aggregate(sold=Sum("plan__disk_mb"))["sold"] or 0
    return (
        Usage(_("Customers"), reseller.customers.count(), reseller.max_customers),
        Usage(_("Services"), live.count(), reseller.max_services),
        Usage(_("Disk space sold"), sold, reseller.max_disk_mb, size=True),
    )
