"""The rules between the records of a zone whose breach would break it, and the canonical form of its records."""

from collections import defaultdict
from collections.abc import Iterable, Mapping

from hosting.errors import UnsafeValue
from hosting.state.records import (
    HOST_LABEL,
    HOST_TARGETS,
    LABEL,
    MAX_TTL,
    MIN_TTL,
    RECORD_TYPES,
    UNSAFE,
    ZoneInvalid,
    canonical_name,
    canonical_record,
    check_name,
    target_of,
    text_content,
    wire_length,
)
from hosting.state.resources import DnsRecord, DnsZone
from hosting.texts import N_, NOTHING

__all__ = [
    "MAX_RECORDS",
    "MAX_SET_BYTES",
    "MAX_TTL",
    "MIN_TTL",
    "RECORD_TYPES",
    "ZoneInvalid",
    "canonical_name",
    "canonical_record",
    "check_zone",
    "text_content",
]

MAX_RECORDS = 10_000
#: Bytes of record data in one set: it must fit into one DNS message over TCP (RFC 1035 §4.2.2), with room for the rest.
MAX_SET_BYTES = 60_000

_Names = Mapping[str, list[DnsRecord]]


def check_zone(zone: DnsZone) -> None:
    """Refuse a zone that a name server could not serve, or would serve other than its owner means.

    Raises:
        ZoneInvalid: with the first rule that is broken, the record at fault, and what to do.
        UnsafeValue: a control character or line break.
    """
    _check_start_of_authority(zone)
    _check_canonical(zone)
    names: dict[str, list[DnsRecord]] = defaultdict(list)
    for record in zone.records:
        names[record.name].append(record)
    _check_apex(zone, names)
    for records in names.values():
        _check_aliases(records)
        _check_sets(records)
    _check_delegations(zone, names)
    _check_targets_inside(zone, names)


def _check_start_of_authority(zone: DnsZone) -> None:
    if UNSAFE.search("".join((zone.name, zone.primary, zone.hostmaster, zone.catalog, *zone.transfers))):
        raise UnsafeValue(N_("The zone's name or SOA holds a control character."))
    if not all(map(HOST_LABEL.fullmatch, zone.name.split("."))) or not 1 <= len(zone.name) <= 253:
        raise ZoneInvalid(N_("%(name)s is not a zone name.", name=repr(zone.name)), code="name_invalid")
    primary = N_("The primary name server %(host)s is not a domain name.", host=repr(zone.primary))
    hostmaster = N_("The hostmaster %(host)s is not a domain name.", host=repr(zone.hostmaster))
    for detail, host in ((primary, zone.primary), (hostmaster, zone.hostmaster)):
        if len(host) > 253 or not all(map(LABEL.fullmatch, host.split("."))):
            raise ZoneInvalid(detail, code="soa_invalid")
    if not 1 <= zone.retry <= zone.refresh < zone.expire <= 2**31 - 1 or not MIN_TTL <= zone.minimum <= MAX_TTL:
        hint = N_("retry ≤ refresh < expire (RFC 1912 §2.2), minimum within the TTL range.")
        raise ZoneInvalid(N_("The SOA's timers make no sense together."), code="soa_invalid", hint=hint)


def _check_canonical(zone: DnsZone) -> None:
    if len(zone.records) > MAX_RECORDS:
        raise ZoneInvalid(N_("A zone holds at most %(count)s records.", count=MAX_RECORDS), code="zone_too_large")
    for record in zone.records:
        check_name(record.name, zone.name)
        form = canonical_record(record.name, record.type, record.content, record.ttl, zone.name)
        if form != record:
            detail = N_("The %(type)s record of %(name)s is not in canonical form.", type=record.type, name=record.name)
            hint = N_(
                "Write it as: %(name)s %(type)s %(content)s", name=form.name, type=form.type, content=form.content
            )
            raise ZoneInvalid(detail, code="record_not_canonical", hint=hint, record=record)


def _check_apex(zone: DnsZone, names: _Names) -> None:
    apex = names.get(zone.name, [])
    for record in apex:
        if record.type in ("CNAME", "DS"):
            hint = N_("Point the bare domain with A and AAAA records instead.") if record.type == "CNAME" else NOTHING
            detail = N_("%(name)s itself cannot have a %(type)s record.", name=zone.name, type=record.type)
            raise ZoneInvalid(detail, code=f"{record.type.lower()}_at_apex", hint=hint, record=record)
    if not any(record.type == "NS" for record in apex):
        hint = N_("Every zone names its name servers (RFC 1034 §4.2.1).")
        raise ZoneInvalid(N_("%(name)s has no NS record.", name=zone.name), code="ns_missing", hint=hint)


def _check_aliases(records: list[DnsRecord]) -> None:
    alias = next((record for record in records if record.type == "CNAME"), None)
    if alias is not None and len(records) > 1:
        detail = N_("%(name)s has a CNAME record, so it cannot have another CNAME record too.", name=alias.name)
        if other := next((record.type for record in records if record.type != "CNAME"), ""):
            detail = N_(
                "%(name)s has a CNAME record, so it cannot have a %(type)s record too.", name=alias.name, type=other
            )
        raise ZoneInvalid(detail, code="cname_conflict", hint=N_("Remove one of them (RFC 1034 §3.6.2)."), record=alias)


def _check_sets(records: list[DnsRecord]) -> None:
    sets: dict[str, list[DnsRecord]] = defaultdict(list)
    for record in records:
        sets[record.type].append(record)
    for kind, members in sets.items():
        name = members[0].name
        if len({record.content for record in members}) < len(members):
            raise ZoneInvalid(
                N_("%(name)s has the same %(kind)s record twice.", name=name, kind=kind),
                code="record_duplicate",
                record=members[0],
            )
        if len({record.ttl for record in members}) > 1:
            hint = N_("Give all records of one name and type the same TTL (RFC 2181 §5.2).")
            detail = N_("The %(kind)s records of %(name)s have different TTLs.", kind=kind, name=name)
            raise ZoneInvalid(detail, code="ttl_mixed", hint=hint, record=members[0])
        if sum(12 + wire_length(record) for record in members) > MAX_SET_BYTES:
            detail = N_("The %(kind)s records of %(name)s do not fit into one DNS answer.", kind=kind, name=name)
            raise ZoneInvalid(detail, code="record_too_large", record=members[0])


def _check_delegations(zone: DnsZone, names: _Names) -> None:
    cuts = {name for name, records in names.items() if name != zone.name and any(r.type == "NS" for r in records)}
    for record in zone.records:
        if record.type == "DS" and record.name not in cuts:
            hint = N_("It belongs beside the NS records of a delegated name (RFC 4035 §2.4).")
            raise ZoneInvalid(
                N_("%(name)s has a DS but no NS record.", name=record.name),
                code="ds_without_ns",
                hint=hint,
                record=record,
            )
        allowed = ("NS", "DS", "A", "AAAA") if record.name in cuts else ("A", "AAAA")
        if record.type not in allowed and not cuts.isdisjoint(_ancestry(record.name, zone.name)):
            detail = N_("%(name)s lies in a part that NS records give to another name server.", name=record.name)
            raise ZoneInvalid(
                detail, code="below_delegation", hint=N_("Keep this record in that server's zone."), record=record
            )


def _ancestry(name: str, zone: str) -> Iterable[str]:
    """The name and those above it, up to but without the zone itself."""
    while name != zone:
        yield name
        name = name.partition(".")[2]


def _check_targets_inside(zone: DnsZone, names: _Names) -> None:
    for record in zone.records:
        target = target_of(record)
        if record.type not in HOST_TARGETS or target is None or not f".{target}".endswith(f".{zone.name}"):
            continue
        found = _at(target, zone.name, names)
        if any(other.type == "CNAME" for other in found):
            detail = N_(
                "The %(type)s record of %(name)s points to %(target)s, which is an alias.",
                type=record.type,
                name=record.name,
                target=target,
            )
            hint = N_("Point it to a host with an address of its own (RFC 2181 §10.3).")
            raise ZoneInvalid(detail, code="target_is_alias", hint=hint, record=record)
        if record.type == "NS" and not any(other.type in ("A", "AAAA") for other in found):
            hint = N_("Give %(target)s an A or AAAA record first.", target=target)
            detail = N_(
                "The name server %(target)s of %(name)s has no address in this zone.", target=target, name=record.name
            )
            raise ZoneInvalid(detail, code="address_missing", hint=hint, record=record)


def _at(name: str, zone: str, names: _Names) -> list[DnsRecord]:
    """What a resolver finds at a name: its records or those of the closest wildcard (RFC 4592 §3.3)."""
    if name in names:
        return names[name]
    for above in _ancestry(name, zone):
        parent = above.partition(".")[2]
        if found := names.get(f"*.{parent}"):
            return found
    return []
