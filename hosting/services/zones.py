"""What zones must not be left without, or broken by."""

from django.db.models import QuerySet

from hosting.choices import ServiceState
from hosting.desired import zone_resource
from hosting.errors import HostingError
from hosting.models import Domain, HostingService
from hosting.names import reversed_name
from hosting.operations.carried import parent_zone
from hosting.state.zones import check_zone
from hosting.texts import N_


def check_zone_of(zone: Domain | None) -> None:
    """Refuse records that would break a zone (see :func:`hosting.state.zones.check_zone`)."""
    if zone is not None:
        check_zone(zone_resource(zone.service, zone))


def check_carries_nobody(domain: Domain, others: QuerySet[Domain]) -> None:
    """Refuse to let a zone go that other domains have their records in. Those of a deleted service have none."""
    below = others.filter(has_zone=False, reversed_key__startswith=reversed_name(domain.name))
    below = below.exclude(service__state=ServiceState.SOFT_DELETED, service__purge_at__isnull=False)
    for other in below.select_related("service").order_by("name"):
        if parent_zone(other) == domain:
            raise HostingError(
                N_("The records of %(name)s are in the zone of %(parent)s.", name=other.name, parent=domain.name),
                code="zone_in_use",
                hint=N_("Remove %(name)s first.", name=other.name),
            )


def check_zones_above(service: HostingService) -> None:
    """Refuse to bring a service back whose records were in a zone that is not there any more. Call once it is live."""
    for domain in service.domains.filter(has_zone=False).select_related("service"):
        if parent_zone(domain) is None:
            raise HostingError(
                N_("The zone that had the records of %(name)s is not there.", name=domain.name),
                code="zone_missing",
                hint=N_("Restore the service with that zone first."),
            )


def check_others_do_not_need(service: HostingService) -> None:
    """Refuse to let a service go whose zones hold records of another service's domains."""
    for domain in service.domains.filter(has_zone=True):
        check_carries_nobody(domain, Domain.objects.exclude(service=service))
