"""Domains whose addresses are published in a zone above them, maybe of another service of the same customer."""

from hosting.choices import OperationKind, ServiceState
from hosting.desired import addresses, relative
from hosting.models import DnsRecord, Domain, HostingService, Operation
from hosting.names import ancestors
from hosting.operations.requests import actor_of, request_operation
from hosting.state import DnsZone, Ref, VirtualHost


def parent_zone(domain: Domain) -> Domain | None:
    """The nearest zone above a domain that its customer has here, if there is one."""
    return _zone_above(domain.name, domain.service.customer_id)


def _zone_above(name: str, customer_id: int) -> Domain | None:
    above = Domain.objects.filter(name_key__in=ancestors(name), service__customer=customer_id, has_zone=True).exclude(
        service__state=ServiceState.SOFT_DELETED
    )
    return max(above.select_related("service__node"), key=lambda zone: len(zone.name), default=None)


def site_names(name: str, www: bool = True) -> list[str]:
    """The host names that a domain's site answers for."""
    return [name, *([f"www.{name}"] if www else [])]


def add_address_records(zone: Domain, domain: Domain) -> int:
    """Point a domain's names to its node, but touch no name that the customer has records for.

    Returns:
        How many records were added.
    """
    labels = [relative(name, zone.name) for name in site_names(domain.name, domain.www)]
    taken = set(zone.records.filter(name__in=labels).values_list("name", flat=True))
    rows = [
        DnsRecord(domain=zone, name=label, type=kind, content=content)
        for label in labels
        if label not in taken
        for kind, content in addresses(domain.service.node)
    ]
    return len(DnsRecord.objects.bulk_create(rows))


def remove_address_records(zone: Domain, name: str, service: HostingService) -> int:
    """Take the addresses of a service's node out of a zone, for a name served no more: they may become a stranger's.

    Returns:
        How many records were removed.
    """
    labels = [relative(site, zone.name) for site in site_names(name)]
    gone = 0
    for kind, content in addresses(service.node):
        gone += zone.records.filter(name__in=labels, type=kind, content=content).delete()[0]
    return gone


def settle_elsewhere(operation: Operation) -> None:
    """Bring zones of the customer's other services in line with the sites that an operation has really made or removed.

    Called in the transaction that ends the operation, so a plan that waits, or is cancelled, publishes nothing.
    """
    service = operation.service
    if service is None:
        return
    sites = operation.journal.filter(kind=VirtualHost.kind, backward=False).values_list("key", flat=True)
    for name in sorted(set(sites)):
        zone = _zone_above(name, service.customer_id)
        if zone is not None and zone.service_id != service.pk and _settle_name(zone, name, service):
            _publish(operation, zone, name)


def _settle_name(zone: Domain, name: str, service: HostingService) -> bool:
    """Make one name's records right; whether any had to be changed."""
    domain = Domain.objects.filter(name_key=name, service=service).select_related("service__node").first()
    if domain is None or not domain.service.is_live:
        return remove_address_records(zone, name, service) > 0
    return not domain.has_zone and add_address_records(zone, domain) > 0


def _publish(operation: Operation, zone: Domain, name: str) -> None:
    request_operation(
        actor=actor_of(operation),
        kind=OperationKind.CHANGE_DNS,
        node=zone.service.node,
        service=zone.service,
        refs=[Ref(DnsZone.kind, zone.name)],
        wanted={"zone": zone.name, "for": name},
    )
