"""Zones as text (a BIND zone file), texts as records, and what makes the difference between two sets of records."""

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass

from hosting.errors import HostingError
from hosting.state.records import RECORD_TYPES, canonical_record
from hosting.state.resources import DnsRecord, DnsZone
from hosting.state.zone_reader import MAX_BYTES, Entry, ZoneFileInvalid, entries
from hosting.texts import N_, NOTHING, Text

__all__ = ["MAX_BYTES", "LeftOut", "RecordChanges", "ZoneFile", "ZoneFileInvalid", "changes", "read", "records_text",
           "zone_text"]  # fmt: skip

#: What a name server that signs makes by itself.
_MADE_BY_SIGNING = frozenset({"CDNSKEY", "CDS", "DNSKEY", "NSEC", "NSEC3", "NSEC3PARAM", "RRSIG"})


@dataclass(frozen=True, slots=True)
class LeftOut:
    """An entry of a file that does not become a record, and why."""

    line: int
    name: str
    type: str
    reason: Text


@dataclass(frozen=True, slots=True)
class ZoneFile:
    """What a text says: records in canonical form, each once, and what is left out of it."""

    records: tuple[DnsRecord, ...]
    left_out: tuple[LeftOut, ...]


@dataclass(frozen=True, slots=True)
class RecordChanges:
    """How one set of records becomes another.

    Args:
        changed: pairs of a record and what becomes of it: the same name and type, another content or TTL.
    """

    added: tuple[DnsRecord, ...]
    changed: tuple[tuple[DnsRecord, DnsRecord], ...]
    removed: tuple[DnsRecord, ...]
    kept: tuple[DnsRecord, ...]

    def __bool__(self) -> bool:
        return bool(self.added or self.changed or self.removed)


def read(text: str, empty: DnsZone) -> ZoneFile:
    """The records that a zone file would make.

    Args:
        empty: the zone with nothing but what the node gives every zone: SOA, name servers and their addresses. In a
            text these are nothing to say, and foreign ones in their place are left out.

    Raises:
        ZoneFileInvalid: with the line. UnsafeValue, ZoneInvalid: what a record of it breaks.
    """
    found: dict[DnsRecord, None] = {}
    left_out: list[LeftOut] = []
    servers = {record.name for record in empty.records if record.type in ("A", "AAAA")}
    for entry in entries(text, empty.name):
        if reason := _not_taken(entry, empty.name, servers):
            if not _is_mine(entry, empty):
                left_out.append(LeftOut(entry.line, entry.name, entry.type, reason))
            continue
        found[_record(entry, empty.name)] = None
    return ZoneFile(tuple(found), tuple(left_out))


def _not_taken(entry: Entry, zone: str, servers: Collection[str]) -> Text:
    if entry.name != zone and not entry.name.endswith(f".{zone}"):
        return N_("It is not inside this zone.")
    if entry.type == "SOA":
        return N_("The start of the zone comes from the name server here.")
    if entry.type == "NS" and entry.name == zone:
        return N_("The name servers of the zone itself come from the server here.")
    if entry.type in ("A", "AAAA") and entry.name in servers:
        return N_("The addresses of the name servers come from the server here.")
    if entry.type in _MADE_BY_SIGNING:
        return N_("The name server makes it when it signs the zone.")
    if entry.type not in RECORD_TYPES:
        return N_("Records of this type are not kept here.")
    return NOTHING


def _is_mine(entry: Entry, empty: DnsZone) -> bool:
    """Whether it is what the node gives the zone anyway, as in a text that was exported here."""
    if entry.type == "SOA":
        return entry.name == empty.name and entry.content.split()[:2] == [f"{empty.primary}.", f"{empty.hostmaster}."]
    if entry.type not in ("NS", "A", "AAAA") or not f".{entry.name}".endswith(f".{empty.name}"):
        return False
    record = _record(entry, empty.name)
    return any((own.name, own.type, own.content) == (record.name, record.type, record.content) for own in empty.records)


def _record(entry: Entry, zone: str) -> DnsRecord:
    try:
        return canonical_record(f"{entry.name}.", entry.type, entry.content, entry.ttl, zone)
    except HostingError as error:
        raise ZoneFileInvalid(error.detail_text, line=entry.line, code=error.code, hint=error.hint_text) from error


def changes(before: Iterable[DnsRecord], after: Iterable[DnsRecord]) -> RecordChanges:
    """The least that has to be done to records so that ``before`` becomes ``after``."""
    old, new = set(before), set(after)
    gone, come = _by_set(old - new), _by_set(new - old)
    changed: list[tuple[DnsRecord, DnsRecord]] = []
    for key in sorted(gone.keys() & come.keys()):
        changed += _paired(gone[key], come[key])
    return RecordChanges(
        added=tuple(sorted(record for records in come.values() for record in records)),
        changed=tuple(changed),
        removed=tuple(sorted(record for records in gone.values() for record in records)),
        kept=tuple(sorted(old & new)),
    )


def _by_set(records: Iterable[DnsRecord]) -> dict[tuple[str, str], list[DnsRecord]]:
    sets: dict[tuple[str, str], list[DnsRecord]] = defaultdict(list)
    for record in sorted(records):
        sets[record.name, record.type].append(record)
    return sets


def _paired(gone: list[DnsRecord], come: list[DnsRecord]) -> list[tuple[DnsRecord, DnsRecord]]:
    """Pairs of the same content first (only the TTL differs), then in order; what is paired is taken out of both."""
    same = {record.content: record for record in come}
    pairs = [(record, same[record.content]) for record in gone if record.content in same]
    for old, new in pairs:
        gone.remove(old)
        come.remove(new)
    count = min(len(gone), len(come))
    pairs += zip(gone[:count], come[:count], strict=True)
    del gone[:count], come[:count]
    return pairs


def zone_text(zone: DnsZone, serial: int) -> str:
    """A whole zone as a zone file, with its SOA and name servers, for any name server."""
    timers = (serial, zone.refresh, zone.retry, zone.expire, zone.minimum)
    soa = f"{zone.primary}. {zone.hostmaster}. {' '.join(map(str, timers))}"
    apex = [record for record in zone.records if record.type == "NS" and record.name == zone.name]
    rest = [record for record in zone.records if record not in apex]
    lines = [("@", zone.minimum, "SOA", soa), *map(_line_of(zone.name), [*apex, *rest])]
    return "\n".join([f"$ORIGIN {zone.name}.", f"$TTL {zone.minimum}", *_columns(lines), ""])


def records_text(records: Iterable[DnsRecord], zone: str) -> str:
    """Records as lines of a zone file, with names relative to the zone: for a person to change."""
    return "\n".join([*_columns(list(map(_line_of(zone), sorted(records, key=_order(zone))))), ""])


_Line = tuple[str, int, str, str]


def _order(zone: str) -> Callable[[DnsRecord], tuple[bool, str, str, str]]:
    return lambda record: (record.name != zone, record.name, record.type, record.content)


def _line_of(zone: str) -> Callable[[DnsRecord], _Line]:
    def shown(record: DnsRecord) -> _Line:
        name = "@" if record.name == zone else record.name.removesuffix(f".{zone}")
        return name, record.ttl, record.type, record.content

    return shown


def _columns(lines: Sequence[_Line]) -> list[str]:
    width = min(max((len(line[0]) for line in lines), default=0), 32)
    return [f"{name:<{width}} {ttl:>6} IN {kind:<5} {content}" for name, ttl, kind, content in lines]
