"""The zones of a service's domains."""

import ipaddress
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any

from django.core.exceptions import ValidationError

from accounts.name_servers import validate_name_servers
from hosting.desired.family import Family, not_adoptable
from hosting.desired.mail_records import KEPT_TTL, Kept, mail_records
from hosting.models import DnsRecord, Domain, HostingService, Node
from hosting.state import Change, DnsZone, Resource
from hosting.state import DnsRecord as Record
from hosting.state.zones import canonical_record
from hosting.texts import N_


def _resources(service: HostingService) -> Iterator[Resource]:
    return (zone_resource(service, domain) for domain in service.domains.all() if domain.has_zone)


def zone_resource(
    service: HostingService, domain: Domain, rows: Iterable[DnsRecord] | None = None, *, with_kept: bool = True
) -> DnsZone:
    """The zone of a domain: its rows, the name servers of its node, and what is kept in it for mail.

    Raises:
        HostingError: a record's content is not valid for its type.
    """
    name = domain.name
    rows = list(domain.records.all() if rows is None else rows)
    records = {canonical_record(absolute(row.name, name), row.type, row.content, row.ttl, name) for row in rows}
    servers = nameservers_of(domain, service.node)
    records |= kept_canonical(domain, rows) if with_kept else set()
    records |= {canonical_record(name, "NS", f"{server}.", 86400, name) for server in servers}
    there = {record.name for record in records if record.type in ("A", "AAAA", "CNAME")}
    records |= {
        canonical_record(server, *address, 86400, name)
        for server in servers
        if server.endswith(f".{name}") and server not in there
        for address in addresses(service.node)
    }
    return DnsZone(
        owner=service.username,
        name=name,
        primary=servers[0],
        hostmaster=f"hostmaster.{name}",
        records=tuple(sorted(records)),
        signed=domain.dnssec,
        **_sharing(service.node),
    )


def _sharing(node: Node) -> dict[str, Any]:
    keys = tuple(sorted(node.transfer_keys))
    return {"catalog": node.catalog if keys else "", "transfers": keys}


def as_shared(node: Node, resource: Resource) -> Resource:
    """A zone as it was once, for the secondaries that its node has today; anything else as it is."""
    return replace(resource, **_sharing(node)) if isinstance(resource, DnsZone) else resource


def kept_records(domain: Domain) -> list[Kept]:
    """The records that NPanel itself keeps in a domain's zone for its mail."""
    return mail_records(domain, domain.records.all(), addresses(domain.service.node)) if domain.has_zone else []


def kept_canonical(domain: Domain, rows: Iterable[DnsRecord]) -> set[Record]:
    """What is kept for mail in the zone of a domain beside these rows, as the name server gives it back."""
    found = mail_records(domain, rows, addresses(domain.service.node))
    name = domain.name
    return {canonical_record(absolute(kept.name, name), kept.type, kept.content, KEPT_TTL, name) for kept in found}


def nameservers_of(domain: Domain, node: Node) -> list[str]:
    """Where a domain is delegated to: its reseller's own name servers of the time it was added, or the node's."""
    return domain.name_servers.split() or nameservers(node, domain.name)


def sellers_nameservers(service: HostingService) -> str:
    """The name servers that new domains of a service are delegated to, "" for the node's."""
    reseller = service.customer.reseller
    return reseller.name_servers if reseller is not None else ""


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


def dns_address(node: Node) -> str:
    """The first address that a node's name server answers on ("" while none is known)."""
    return next((address for _type, address in addresses(node)), "")


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
    if as_shared(service.node, found.after) != found.after:
        raise not_adoptable(found, N_("which name servers may fetch it comes from the node"))
    domain.name_servers = _delegated_to(service, domain, found.after)
    rows = _rows_that_make(service, domain, found.after)
    if rows is None:
        raise not_adoptable(found, N_("its name servers come from the node, and records for mail from its mail"))
    domain.has_zone, domain.dnssec = True, found.after.signed
    domain.save(update_fields=["has_zone", "dnssec", "name_servers"])
    domain.records.all().delete()
    DnsRecord.objects.bulk_create(rows)


def _delegated_to(service: HostingService, domain: Domain, zone: DnsZone) -> str:
    """What a domain keeps of its name servers; one that comes back has its reseller's of the time it was added."""
    ours = service.customer.reseller_id is None or nameservers_of(domain, service.node)[0] == zone.primary
    if ours or domain.name_servers:
        return domain.name_servers
    named = {one.content.removesuffix(".") for one in zone.records if (one.name, one.type) == (zone.name, "NS")}
    found = " ".join([zone.primary, *sorted(named - {zone.primary})])
    try:
        validate_name_servers(found)
    except ValidationError:
        return domain.name_servers
    return found


def _rows_that_make(service: HostingService, domain: Domain, zone: DnsZone) -> list[DnsRecord] | None:
    """The customer's rows with which the zone would be as it was found: with as few of the kept records as can be."""
    found, bare = set(zone.records), set(zone_resource(service, domain, rows=()).records)
    known = {record for record in found if _has_row(domain, record)}
    kept = kept_canonical(domain, [_record_row(domain, record) for record in known])
    for theirs in (found - (bare - known), found - (bare - known) - (kept - known), found - bare | known):
        for candidate in (theirs, theirs | (found & kept_canonical(domain, ()))):
            rows = [_record_row(domain, record) for record in sorted(candidate)]
            if set(zone_resource(service, domain, rows=rows).records) == found:
                return rows
    return None


def _has_row(domain: Domain, record: Record) -> bool:
    name = domain.name
    return any(
        canonical_record(absolute(row.name, name), row.type, row.content, row.ttl, name) == record
        for row in domain.records.all()
    )


def _record_row(domain: Domain, record: Record) -> DnsRecord:
    return DnsRecord(
        domain=domain,
        name=relative(record.name, domain.name),
        type=record.type,
        content=record.content,
        ttl=record.ttl,
    )


FAMILY = Family(
    resources=_resources,
    prefetch=("domains__records", "domains__mail__dkim_keys"),
    adopters={DnsZone.kind: _adopt_zone},
)
