"""ORM rows to Resources, and back when a difference is adopted; the only module that knows both."""

import dataclasses
import ipaddress
from collections.abc import Callable, Iterable, Mapping

from hosting.adapters.base import NodeFacts, adapters
from hosting.errors import HostingError
from hosting.models import Database, DatabaseGrant, DatabaseUser, DnsRecord, Domain, HostingService, Node
from hosting.state import (
    Change,
    DnsZone,
    DocumentRoot,
    Grant,
    PhpPool,
    Ref,
    Resource,
    Secret,
    SystemUser,
    VirtualHost,
    state_of,
)
from hosting.state import Database as DatabaseResource
from hosting.state import DatabaseUser as DatabaseUserResource
from hosting.state import DnsRecord as Record
from hosting.state.zones import canonical_record
from hosting.texts import N_, Text


def node_facts(node: Node, secrets: Mapping[str, str] | None = None) -> NodeFacts:
    """What adapters may know of a node; ``secrets`` only inside the worker."""
    known = node.facts
    return NodeFacts(
        name=node.name,
        hostname=known.get("hostname", node.name),
        address=node.address,
        addresses=tuple(node.public_addresses) or (node.address,),
        nameservers=tuple(node.nameservers),
        memory_mb=known.get("memory_mb", 1024),
        cpus=known.get("cpus", 1),
        discovered=known.get("discovered", {}),
        secrets=secrets or {},
    )


def setup_resources(facts: NodeFacts) -> dict[Ref, Resource]:
    """What the node itself needs: the union of what all adapters ask for."""
    return state_of(resource for adapter in adapters().values() for resource in adapter.setup(facts))


def service_resources(service: HostingService) -> dict[Ref, Resource]:
    """Everything that is wanted on the node for one service (nothing once it is being deleted)."""
    if not service.is_live:
        return {}
    domains = list(service.domains.all())
    return state_of(
        [
            _system_user(service),
            _php_pool(service),
            *(part for domain in domains for part in _site(service, domain)),
            *(zone_resource(service, domain) for domain in domains if domain.has_zone),
            *(_database(service, database) for database in service.databases.all()),
            *(_database_user(service, user) for user in service.database_users.all()),
        ]
    )


def node_resources(node: Node) -> dict[Ref, Resource]:
    """Everything that is wanted on a node for all its services (the drift scan's side of the comparison)."""
    services = (
        node.services.exclude(username_key=None)
        .select_related("plan", "node")
        .prefetch_related("domains__records", "databases", "database_users__grants__database")
    )
    return state_of(resource for service in services for resource in service_resources(service).values())


def _system_user(service: HostingService) -> SystemUser:
    return SystemUser(
        owner=service.username,
        home=service.home,
        shell=service.shell,
        quota_mb=service.plan.disk_mb or 0,
        locked=service.is_suspended,
    )


def _php_pool(service: HostingService) -> PhpPool:
    return PhpPool(
        owner=service.username,
        version=service.php_version,
        home=service.home,
        max_children=service.plan.php_processes,
        memory_mb=service.plan.memory_mb,
    )


def _site(service: HostingService, domain: Domain) -> tuple[Resource, ...]:
    return (
        DocumentRoot(owner=service.username, path=domain.root),
        VirtualHost(
            owner=service.username,
            name=domain.name,
            root=f"{service.home}/{domain.root}",
            aliases=(f"www.{domain.name}",) if domain.www else (),
            php=domain.php,
            suspended=service.is_suspended,
        ),
    )


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


def _database(service: HostingService, database: Database) -> DatabaseResource:
    return DatabaseResource(
        owner=service.username, name=database.name, charset=database.charset, collation=database.collation
    )


def _database_user(service: HostingService, user: DatabaseUser) -> DatabaseUserResource:
    return DatabaseUserResource(
        owner=service.username,
        name=user.name,
        host=user.host,
        password_hash=Secret(user.password_hash),
        grants=tuple(sorted(Grant(grant.database.name, tuple(grant.privileges)) for grant in user.grants.all())),
        locked=service.is_suspended,
    )


# --- adopting what a node has ---------------------------------------------------------------------------------------


def adopt(service: HostingService, found: Change) -> None:
    """Make the wanted facts say what the node has.

    Args:
        service: whose Resource it is (saved by this function where it changes).
        found: from what is wanted (``before``) to what was observed (``after``).

    Raises:
        HostingError: ``not_adoptable``, when a service could not be what it is with that.
    """
    if found.kind not in _ADOPTERS:
        raise _not_adoptable(found, N_("there is no setting that could hold it"))
    _ADOPTERS[found.kind](service, found)


def adopt_all(service: HostingService, found: Iterable[Change]) -> None:
    """Adopt several differences of one service, each after what it needs.

    Raises:
        HostingError: ``not_adoptable``; nothing is kept if the caller's transaction rolls back.
    """
    order = list(_ADOPTERS)
    for change in sorted(found, key=lambda c: (order.index(c.kind) if c.kind in order else -1, c.key)):
        adopt(service, change)


def _adopt_pool(service: HostingService, found: Change) -> None:
    if not isinstance(found.after, PhpPool):
        raise _not_adoptable(found, N_("a service can't be without its PHP pool"))
    wanted = _php_pool(service)
    if found.after != _with_version(wanted, found.after.version):
        raise _not_adoptable(found, N_("processes and memory come from the hosting plan"))
    service.php_version = found.after.version
    service.save(update_fields=["php_version"])


def _with_version(pool: PhpPool, version: str) -> PhpPool:
    return dataclasses.replace(pool, version=version)


def _adopt_root(service: HostingService, found: Change) -> None:
    wanted = any(f"{service.username}/{domain.root}" == found.key for domain in service.domains.all())
    if wanted != (found.after is not None):
        raise _not_adoptable(found, N_("remove or add the domain instead"))


def _adopt_host(service: HostingService, found: Change) -> None:
    domain = service.domains.filter(name=found.key).first()
    if found.after is None:
        _forget_domain(domain, found)
        return
    if not isinstance(found.after, VirtualHost):
        raise _not_adoptable(found, N_("it is no site"))
    domain = domain or Domain(service=service, name=found.key, has_zone=False)
    domain.www, domain.php = bool(found.after.aliases), found.after.php
    if found.after != _site(service, domain)[1]:
        raise _not_adoptable(found, N_("no setting can hold all of it (edited by hand, other names, or suspended)"))
    domain.claim()
    domain.save()


def _forget_domain(domain: Domain | None, found: Change) -> None:
    if domain is not None and domain.is_primary:
        raise _not_adoptable(found, N_("a service can't be without its main domain"))
    if domain is not None:
        domain.delete()


def _adopt_zone(service: HostingService, found: Change) -> None:
    domain = service.domains.filter(name=found.key).first()
    if domain is None and found.after is None:
        return
    if domain is None:
        raise _not_adoptable(found, N_("add the domain instead"))
    if found.after is None:
        domain.has_zone = False
        domain.save(update_fields=["has_zone"])
        return
    if not isinstance(found.after, DnsZone):
        raise _not_adoptable(found, N_("it is no zone"))
    own = set(zone_resource(service, domain, rows=()).records)
    if not own <= set(found.after.records):
        raise _not_adoptable(found, N_("its name servers come from the node"))
    domain.has_zone = True
    domain.save(update_fields=["has_zone"])
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


def _adopt_database(service: HostingService, found: Change) -> None:
    if found.after is None:
        service.databases.filter(name=found.key).delete()
    elif isinstance(found.after, DatabaseResource):
        service.databases.update_or_create(
            name=found.after.name, defaults={"charset": found.after.charset, "collation": found.after.collation}
        )


def _adopt_database_user(service: HostingService, found: Change) -> None:
    name, _at, host = found.key.rpartition("@")
    if found.after is None:
        service.database_users.filter(name=name, host=host).delete()
        return
    if not isinstance(found.after, DatabaseUserResource) or found.after.locked != service.is_suspended:
        raise _not_adoptable(found, N_("its lock follows the service's suspension"))
    user, _new = service.database_users.update_or_create(
        name=name, host=host, defaults={"password_hash": found.after.password_hash.value}
    )
    user.grants.all().delete()
    for grant in found.after.grants:
        database = service.databases.filter(name=grant.database).first()
        if database is None:
            raise _not_adoptable(
                found,
                N_("it has rights on %(database)s, which is not known; adopt that first", database=grant.database),
            )
        DatabaseGrant.objects.create(user=user, database=database, privileges=list(grant.privileges))


#: In this order: a site's domain before its folder and zone, a database before its users.
_ADOPTERS: dict[str, Callable[[HostingService, Change], None]] = {
    PhpPool.kind: _adopt_pool,
    VirtualHost.kind: _adopt_host,
    DocumentRoot.kind: _adopt_root,
    DnsZone.kind: _adopt_zone,
    DatabaseResource.kind: _adopt_database,
    DatabaseUserResource.kind: _adopt_database_user,
}


def _not_adoptable(found: Change, reason: Text) -> HostingError:
    return HostingError(
        N_("%(ref)s can't be adopted: %(reason)s.", ref=found.ref, reason=reason),
        code="not_adoptable",
        hint=N_("Repair it, or change the facts first."),
    )
