"""ORM rows to Resources, and back when a difference is adopted; the only package that knows both."""

from collections.abc import Iterable, Mapping

from hosting.adapters.base import NodeFacts, adapters
from hosting.desired import certificates, databases, mail, mail_certificates, sites, zones
from hosting.desired.certificates import certificate_refs, keep_certificate
from hosting.desired.family import not_adoptable
from hosting.desired.mail import mail_domain_refs, mail_refs
from hosting.desired.mail_certificates import mail_certificate_refs
from hosting.desired.zones import (
    absolute,
    addresses,
    kept_canonical,
    kept_records,
    nameservers,
    relative,
    zone_resource,
)
from hosting.models import HostingService, Node
from hosting.state import Change, Ref, Resource, state_of
from hosting.texts import N_

__all__ = [
    "absolute",
    "addresses",
    "adopt",
    "adopt_all",
    "certificate_refs",
    "keep_certificate",
    "kept_canonical",
    "kept_records",
    "mail_certificate_refs",
    "mail_domain_refs",
    "mail_refs",
    "nameservers",
    "node_facts",
    "node_resources",
    "relative",
    "service_resources",
    "setup_resources",
    "zone_resource",
]

#: In the order in which their differences are adopted: a domain before what hangs on it.
_FAMILIES = (sites.FAMILY, certificates.FAMILY, mail.FAMILY, mail_certificates.FAMILY, zones.FAMILY, databases.FAMILY)
_ADOPTERS = {kind: adopter for family in _FAMILIES for kind, adopter in family.adopters.items()}


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
    return state_of(resource for family in _FAMILIES for resource in family.resources(service))


def node_resources(node: Node) -> dict[Ref, Resource]:
    """Everything that is wanted on a node for all its services (the drift scan's side of the comparison)."""
    services = (
        node.services.exclude(username_key=None)
        .select_related("plan", "node")
        .prefetch_related(*(name for family in _FAMILIES for name in family.prefetch))
    )
    return state_of(resource for service in services for resource in service_resources(service).values())


def adopt(service: HostingService, found: Change) -> None:
    """Make the wanted facts say what the node has.

    Args:
        service: whose Resource it is (saved by this function where it changes).
        found: from what is wanted (``before``) to what was observed (``after``).

    Raises:
        HostingError: ``not_adoptable``, when a service could not be what it is with that.
    """
    if found.kind not in _ADOPTERS:
        raise not_adoptable(found, N_("there is no setting that could hold it"))
    _ADOPTERS[found.kind](service, found)


def adopt_all(service: HostingService, found: Iterable[Change]) -> None:
    """Adopt several differences of one service, each after what it needs.

    Raises:
        HostingError: ``not_adoptable``; nothing is kept if the caller's transaction rolls back.
    """
    order = list(_ADOPTERS)
    for change in sorted(found, key=lambda c: (order.index(c.kind) if c.kind in order else -1, c.key)):
        adopt(service, change)
