"""The zones of a service's domains."""

import ipaddress
from collections.abc import Iterable, Iterator

from hosting.desired.family import Family, not_adoptable
from hosting.models import DnsRecord, Domain, HostingService, Node
from hosting.state import Change, DnsZone, Resource
from hosting.state import DnsRecord as Record
from hosting.state.zones import canonical_record
from hosting.texts import N_


def _resources(service: HostingService) -> Iterator[Resource]:
    return (zone_resource(service, domain) for domain in service.domains.all() if domain.has_zone)


def zone_resource(service: HostingService, domain: Domain, rows: Iterable[DnsRecord] | None = None) -> DnsZone:
    """The zone of a domain: its rows, and the name servers of its node.

    Raises:
        HostingError: a record's content is not valid for its type.
    """
    name = domain.name
    records = {
        canonical_record(absolute(row.name, name), row.type, row.content, row.ttl, name)
        for row in (domain.records.all() if rows is None else rows)
    }
    servers = nameservers(service.node, name)
    records |= {canonical_record(name, "NS", f"{server}.", 86400, name) for server in servers}
    if not service.node.nameservers:
        records |= {
            canonical_record(server, *address, 86400, name) for server in servers for address in addresses(service.node)
        }
    return DnsZone(
        owner=service.username,
        name=name,
        primary=servers[0],
        hostmaster=f"hostmaster.{name}",
        records=tuple(sorted(records)),
        signed=domain.dnssec,
    )


def nameservers(node: Node, zone: str) -> list[str]:
    """Where a zone is delegated to: the node's name servers, or (none set) two names inside the zone itself."""
    return list(node.nameservers) or [f"ns1.{zone}", f"ns2.{zone}"]


def addresses(node: Node) -> list[tuple[str, str]]:
    """Record type and content for each public address of a node."""
    found = []
    for text in node.public_addresses or [node.address]:
        try:
            address = ipaddress.ip_address(text)
        except ValueError:
            continue
        found.append(("AAAA" if address.version == 6 else "A", str(address)))
    return found


def absolute(name: str, zone: str) -> str:
    """A record's full name from its name relative to the zone."""
    return zone if name == "@" else f"{name}.{zone}"


def relative(name: str, zone: str) -> str:
    """A record's name relative to the zone."""
    return "@" if name == zone else name.removesuffix(f".{zone}")


def _adopt_zone(service: HostingService, found: Change) -> None:
    domain = service.domains.filter(name=found.key).first()
    if domain is None and found.after is None:
        return
    if domain is None:
        raise not_adoptable(found, N_("add the domain instead"))
    if found.after is None:
        domain.has_zone = domain.dnssec = False
        domain.save(update_fields=["has_zone", "dnssec"])
        return
    if not isinstance(found.after, DnsZone):
        raise not_adoptable(found, N_("it is no zone"))
    own = set(zone_resource(service, domain, rows=()).records)
    if not own <= set(found.after.records):
        raise not_adoptable(found, N_("its name servers come from the node"))
    domain.has_zone, domain.dnssec = True, found.after.signed
    domain.save(update_fields=["has_zone", "dnssec"])
    domain.records.all().delete()
    DnsRecord.objects.bulk_create(_record_row(domain, record) for record in found.after.records if record not in own)


def _record_row(domain: Domain, record: Record) -> DnsRecord:
    return DnsRecord(
        domain=domain,
        name=relative(record.name, domain.name),
        type=record.type,
        content=record.content,
        ttl=record.ttl,
    )


FAMILY = Family(resources=_resources, prefetch=("domains__records",), adopters={DnsZone.kind: _adopt_zone})
