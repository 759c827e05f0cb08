"""How much of what was sold is in use."""

from dataclasses import dataclass
from typing import Any

from django.db.models import Count, Sum
from django.utils.translation import gettext_lazy as _

from accounts.models import Reseller
from audit.actor import Actor
from hosting import selectors
from hosting.choices import ServiceState
from hosting.models import HostingService

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


def usage_of(row: HostingService) -> tuple[Usage, ...]:
    """What of a service is counted against its plan."""
    fullest = row.domains.annotate(many=Count("records")).order_by("-many").values_list("many", flat=True).first()
    return (
        Usage(_("Domains"), len(row.domains.all()), row.plan.domains),
        Usage(_("Databases"), row.databases.count(), row.plan.databases),
        Usage(_("Database users"), row.database_users.count(), row.plan.database_users),
        Usage(_("DNS records per domain"), fullest or 0, row.plan.dns_records),
    )


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
