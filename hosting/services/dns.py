"""DNS records of a service's zones."""

from collections.abc import Iterable

from audit.actor import Actor
from hosting.choices import OperationKind
from hosting.desired import absolute, mail_domain_refs, zone_resource
from hosting.errors import HostingError
from hosting.models import DnsRecord, Domain, Operation
from hosting.operations.requests import request_operation
from hosting.services.limits import check_limit, locked_service
from hosting.services.rows import reread
from hosting.services.validation import save_valid
from hosting.state import DnsRecord as Record
from hosting.state import DnsZone, Ref
from hosting.state.zones import canonical_record, check_zone
from hosting.texts import N_
from hosting.transactions import retried


@retried
def add_record(
    *,
    actor: Actor,
    domain: Domain,
    name: str,
    type: str,
    content: str,
    ttl: int = 3600,
    wait_for_approval: bool = False,
    reason: str = "",
) -> Operation:
    """Add a record to a domain's zone.

    Args:
        name: relative to the domain, ``@`` for itself. content: in presentation form (RFC 1035 §5).
        ttl: seconds.

    Raises:
        HostingError: ``invalid``, ``no_zone``, ``limit_reached``, ``not_found`` (somebody has just deleted the domain),
            or what :func:`check_zone` says of the whole zone.
    """
    zone = locked_zone(domain)
    check_has_zone(zone)
    check_limit(zone.service, "dns_records", zone.records.count())
    record = DnsRecord(domain=zone)
    fill(record, name=name, type=type, content=content, ttl=ttl)
    _save(record)
    return publish(actor, zone, {"add": _shown(record)}, wait_for_approval, reason)


@retried
def change_record(
    *,
    actor: Actor,
    record: DnsRecord,
    name: str | None = None,
    content: str | None = None,
    ttl: int | None = None,
    wait_for_approval: bool = False,
    reason: str = "",
) -> Operation:
    """Change a record; what is None stays as it is.

    Raises:
        HostingError: as :func:`add_record`.
    """
    row = _locked_record(record)
    before = _shown(row)
    fill(
        row,
        name=row.name if name is None else name,
        type=row.type,
        content=row.content if content is None else content,
        ttl=row.ttl if ttl is None else ttl,
    )
    _save(row)
    return publish(actor, row.domain, {"before": before, "after": _shown(row)}, wait_for_approval, reason)


@retried
def delete_record(*, actor: Actor, record: DnsRecord, wait_for_approval: bool = False, reason: str = "") -> Operation:
    """Remove a record.

    Raises:
        HostingError: ``not_found``, ``service_gone``, or what :func:`check_zone` says of the zone that is left.
    """
    row = _locked_record(record)
    domain, shown = row.domain, _shown(row)
    row.delete()
    return publish(actor, domain, {"remove": shown}, wait_for_approval, reason)


def locked_zone(domain: Domain) -> Domain:
    """The domain as it is now, with its service locked."""
    service = locked_service(domain.service)
    row = reread(domain)
    row.service = service
    return row


def _locked_record(record: DnsRecord) -> DnsRecord:
    """The record as it is now, with its service locked."""
    domain = locked_zone(reread(record, "domain__service").domain)
    row = reread(record)
    row.domain = domain
    return row


def check_has_zone(domain: Domain) -> None:
    """Refuse a domain whose records are in the zone above it."""
    if not domain.has_zone:
        raise HostingError(
            N_("%(name)s has no zone of its own: its records are in the zone above it.", name=domain.name),
            code="no_zone",
            hint=N_("Add the record to the domain above, under this name."),
            field="domain",
        )


def fill(record: DnsRecord, *, name: str, type: str, content: str, ttl: int) -> None:
    """Put into a row what a person typed; it is neither checked nor saved yet.

    Raises:
        HostingError: ``name_outside_zone``.
    """
    zone = record.domain.name
    typed = name.strip().lower()
    short = typed.rstrip(".")
    if typed != short and short != zone and not short.endswith(f".{zone}"):
        raise HostingError(
            N_("%(typed)s is not inside the zone %(zone)s.", typed=typed, zone=zone),
            code="name_outside_zone",
            hint=N_("Leave out the dot at the end to write a name relative to the domain."),
            field="name",
        )
    record.name = "@" if short in ("", "@", zone) else short.removesuffix(f".{zone}")
    record.type, record.content, record.ttl = type.strip().upper(), content.strip(), ttl


def _save(record: DnsRecord) -> None:
    save_valid(record)
    check_each_once(record.domain.records.filter(name=record.name, type=record.type))


def check_each_once(rows: Iterable[DnsRecord]) -> None:
    """Two spellings of one record would be one in the zone, and deleting a row would seem to do nothing.

    Raises:
        HostingError: ``record_duplicate``, or what is wrong with a record alone.
    """
    known: set[tuple[str, str, str]] = set()
    for row in rows:
        form = canonical(row)
        if (form.name, form.type, form.content) in known:
            raise HostingError(
                N_("%(name)s has this %(type)s record already.", name=row.name, type=row.type),
                code="record_duplicate",
                hint=N_("Change the one that is there."),
                field="content",
            )
        known.add((form.name, form.type, form.content))


def canonical(row: DnsRecord) -> Record:
    """A row's record as it is in the zone."""
    zone = row.domain.name
    return canonical_record(absolute(row.name, zone), row.type, row.content, row.ttl, zone)


def publish(actor: Actor, domain: Domain, wanted: dict[str, object], wait_for_approval: bool, reason: str) -> Operation:
    """Check the zone as a whole, then have it published."""
    check_zone(zone_resource(domain.service, domain, rows=domain.records.all()))
    return request_operation(
        actor=actor,
        kind=OperationKind.CHANGE_DNS,
        node=domain.service.node,
        service=domain.service,
        refs=[Ref(DnsZone.kind, domain.name), *mail_domain_refs(domain)],
        wait_for_approval=wait_for_approval,
        reason=reason,
        wanted={"zone": domain.name, **wanted},
    )


def _shown(record: DnsRecord) -> str:
    return f"{record.name} {record.ttl} {record.type} {record.content}"
