"""Where a domain's addresses are published: in a zone of its own, or in the customer's zone above it."""

from collections.abc import Iterator

from django.db.models import QuerySet

from audit.actor import Actor
from hosting.choices import OperationKind, ServiceState
from hosting.desired import addresses, relative, zone_resource
from hosting.errors import HostingError
from hosting.models import DnsRecord, Domain, HostingService
from hosting.names import ancestors, reversed_name
from hosting.operations.requests import request_operation
from hosting.state import DnsZone, Ref
from hosting.state.zones import check_zone


def parent_zone(domain: Domain) -> Domain | None:
    """The nearest zone above a domain that its customer has here, if there is one."""
    above = Domain.objects.filter(
        name_key__in=ancestors(domain.name), service__customer=domain.service.customer_id, has_zone=True
    ).exclude(service__state=ServiceState.SOFT_DELETED)
    return max(above.select_related("service__node"), key=lambda zone: len(zone.name), default=None)


def add_address_records(zone: Domain, domain: Domain) -> None:
    """Point a new domain's names to its node, but touch no name that the customer has records for."""
    labels = [relative(name, zone.name) for name in site_names(domain)]
    taken = set(zone.records.filter(name__in=labels).values_list("name", flat=True))
    DnsRecord.objects.bulk_create(
        DnsRecord(domain=zone, name=label, type=kind, content=content)
        for label in labels
        if label not in taken
        for kind, content in addresses(domain.service.node)
    )


def site_names(domain: Domain) -> list[str]:
    """The host names that a domain's site answers for."""
    return [domain.name, *([f"www.{domain.name}"] if domain.www else [])]


def check_zone_of(zone: Domain | None) -> None:
    """Refuse records that would break a zone (see :func:`hosting.state.zones.check_zone`)."""
    if zone is not None:
        check_zone(zone_resource(zone.service, zone))


def check_carries_nobody(domain: Domain, others: QuerySet[Domain]) -> None:
    """Refuse to let a zone go that other domains have their records in."""
    below = others.filter(has_zone=False, reversed_key__startswith=reversed_name(domain.name))
    for other in below.select_related("service").order_by("name"):
        if parent_zone(other) == domain:
            raise HostingError(
                f"The records of {other.name} are in the zone of {domain.name}.",
                code="zone_in_use",
                hint=f"Remove {other.name} first.",
            )


def check_others_do_not_need(service: HostingService) -> None:
    """Refuse to let a service go whose zones hold records of another service's domains."""
    for domain in service.domains.filter(has_zone=True):
        check_carries_nobody(domain, Domain.objects.exclude(service=service))


def withdraw_elsewhere(actor: Actor, service: HostingService) -> None:
    """Take a leaving service's addresses out of zones of other services: they may become a stranger's."""
    for zone, domain in _carried_elsewhere(service):
        labels = [relative(name, zone.name) for name in site_names(domain)]
        for kind, content in addresses(service.node):
            zone.records.filter(name__in=labels, type=kind, content=content).delete()
        publish_elsewhere(actor, zone, domain)


def announce_elsewhere(actor: Actor, service: HostingService) -> None:
    """Put a returning service's addresses back into zones of the customer's other services."""
    for zone, domain in _carried_elsewhere(service):
        add_address_records(zone, domain)
        publish_elsewhere(actor, zone, domain)


def _carried_elsewhere(service: HostingService) -> Iterator[tuple[Domain, Domain]]:
    for domain in service.domains.filter(has_zone=False):
        zone = parent_zone(domain)
        if zone is not None and zone.service_id != service.pk:
            yield zone, domain


def publish_elsewhere(actor: Actor, zone: Domain | None, domain: Domain) -> None:
    """Records that went into a zone of another service of the customer are that service's to publish."""
    if zone is not None and zone.service_id != domain.service_id:
        request_operation(
            actor=actor,
            kind=OperationKind.CHANGE_DNS,
            node=zone.service.node,
            service=zone.service,
            refs=[Ref(DnsZone.kind, zone.name)],
            wanted={"zone": zone.name, "for": domain.name},
        )
