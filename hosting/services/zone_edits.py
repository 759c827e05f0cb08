"""Many records of a zone at once: zone files out and in, and lists of changes. One operation each, so one undo."""

import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from audit.actor import Actor
from hosting.choices import OperationKind, OperationState
from hosting.desired import kept_canonical, relative, zone_resource
from hosting.errors import HostingError
from hosting.models import DnsRecord, Domain, HostingService, Operation
from hosting.services.dns import canonical, check_each_once, check_has_zone, fill, locked_zone, publish
from hosting.services.validation import check_texts, validated
from hosting.state import DnsRecord as Record
from hosting.state import DnsZone, Ref, zone_files
from hosting.state.zone_files import LeftOut, RecordChanges, ZoneFile
from hosting.state.zones import check_zone
from hosting.texts import N_
from hosting.transactions import retried
from hosting.translated import told

#: Records that one list of changes may name.
MOST_AT_ONCE = 500
#: Lines of a change that its audit event holds, and characters of each.
_LINES_KEPT, _LONGEST_LINE = 100, 300


@dataclass(frozen=True, slots=True)
class Look:
    """What importing a text would do.

    Args:
        changes: from the records that are there. left_out: entries of the text that do not become records.
    """

    changes: RecordChanges
    left_out: tuple[LeftOut, ...]

    def facts(self) -> dict[str, Any]:
        """JSON-ready, in the reader's language."""
        found = self.changes
        return {
            "added": list(map(asdict, found.added)),
            "changed": [{"before": asdict(old), "after": asdict(new)} for old, new in found.changed],
            "removed": list(map(asdict, found.removed)),
            "kept": len(found.kept),
            "left_out": [
                {"line": one.line, "name": one.name, "type": one.type, "reason": told(one.reason)}
                for one in self.left_out
            ],
        }


def zone_file(domain: Domain) -> str:
    """The whole zone of a domain as a zone file, with its SOA and name servers.

    Raises:
        HostingError: ``no_zone``, or what is wrong with a record.
    """
    check_has_zone(domain)
    return zone_files.zone_text(zone_resource(domain.service, domain), serial=int(time.time()))


def records_as_text(domain: Domain) -> str:
    """The records of a domain's zone that are its owner's, as lines of a zone file.

    Raises:
        HostingError: ``no_zone``, or what is wrong with a record.
    """
    check_has_zone(domain)
    return zone_files.records_text(map(canonical, _rows(domain)), domain.name)


def look_at_import(*, domain: Domain, text: str, keep_others: bool = False) -> Look:
    """What :func:`import_zone_file` would do, with the same refusals; nothing is saved.

    Raises:
        HostingError: as :func:`import_zone_file`.
    """
    check_has_zone(domain)
    file, rows = _read(domain, text), _rows(domain)
    found = _changes(file, rows, keep_others)
    _check_room(domain, len(rows), len(found.kept) + len(found.changed) + len(found.added))
    after = (*found.kept, *found.added, *(new for _old, new in found.changed))
    check_zone(zone_resource(domain.service, domain, rows=[_with(DnsRecord(domain=domain), one) for one in after]))
    return Look(found, file.left_out)


@retried
def import_zone_file(
    *,
    actor: Actor,
    domain: Domain,
    text: str,
    keep_others: bool = False,
    wait_for_approval: bool = False,
    reason: str = "",
) -> Operation:
    """Make a zone's records those of a zone file, in one operation.

    Args:
        text: in the form of RFC 1035 §5.1. SOA and name servers of the zone itself stay the node's own.
        keep_others: keep the records of names and types that the text does not have.

    Raises:
        HostingError: ``zone_file_invalid`` and others that name the line, ``no_zone``, ``limit_reached``,
            ``not_found``, or what :func:`hosting.state.zones.check_zone` says of the zone.
    """
    zone = locked_zone(domain)
    check_has_zone(zone)
    rows = _rows(zone)
    found = _changes(_read(zone, text), rows, keep_others)
    _check_room(zone, len(rows), len(found.kept) + len(found.changed) + len(found.added))
    by_form = {canonical(row): row for row in rows}
    changed = [_with(by_form[old], new) for old, new in found.changed]
    added = [_with(DnsRecord(domain=zone), record) for record in found.added]
    _save(zone, added, changed, [by_form[record] for record in found.removed])
    return publish(actor, zone, _told(found), wait_for_approval, reason)


@retried
def edit_zone(
    *,
    actor: Actor,
    domain: Domain,
    add: Sequence[Mapping[str, Any]] = (),
    change: Sequence[Mapping[str, Any]] = (),
    delete: Sequence[int] = (),
    wait_for_approval: bool = False,
    reason: str = "",
) -> Operation:
    """Add, change and delete many records of a zone in one operation: all of it, or nothing.

    Args:
        add: records with name, type, content, and perhaps ttl.
        change: the id of a record with what is to be another way: name, content, ttl.
        delete: ids of records.

    Raises:
        HostingError: ``nothing_chosen``, ``too_many``, ``not_found``, ``no_zone``, ``invalid``, ``record_duplicate``,
            ``limit_reached``, or what :func:`hosting.state.zones.check_zone` says of the zone.
    """
    zone = locked_zone(domain)
    check_has_zone(zone)
    _check_number(len(add) + len(change) + len(delete))
    rows = {row.pk: row for row in _rows(zone)}
    before = [canonical(row) for row in rows.values()]
    removed = [_row(rows, pk) for pk in dict.fromkeys(delete)]
    changed = {int(one["id"]): _changed(_row(rows, int(one["id"])), one) for one in change}
    added = [_changed(DnsRecord(domain=zone, type=one["type"]), one) for one in add]
    gone = {row.pk for row in removed}
    after = [*(row for row in rows.values() if row.pk not in gone), *added]
    _check_room(zone, len(rows), len(after))
    check_each_once(after)
    found = zone_files.changes(before, map(canonical, after))
    _save(zone, added, [row for pk, row in changed.items() if pk not in gone], removed)
    return publish(actor, zone, _told(found), wait_for_approval, reason)


def last_change(domain: Domain) -> Operation | None:
    """The newest change of a zone, if it can be taken back: nothing that touched the zone came after it."""
    ref = Ref(DnsZone.kind, domain.name)
    touching = _operations(domain.service).filter(journal__kind=ref.kind, journal__key=ref.key).distinct()
    for operation in touching.order_by("-created_at").prefetch_related("reverted_by")[:20]:
        if operation.kind == OperationKind.ROLLBACK or _is_taken_back(operation):
            continue
        return operation if operation.kind == OperationKind.CHANGE_DNS else None
    return None


def _operations(service: HostingService) -> Any:
    return service.operations.filter(state=OperationState.SUCCEEDED)


def _is_taken_back(operation: Operation) -> bool:
    return any(
        rollback.state == OperationState.SUCCEEDED and not _is_taken_back(rollback)
        for rollback in operation.reverted_by.all()
    )


def _rows(domain: Domain) -> list[DnsRecord]:
    rows = list(domain.records.order_by("pk"))
    for row in rows:
        row.domain = domain
    return rows


def _read(domain: Domain, text: str) -> ZoneFile:
    """What a text says, without what is kept for mail anyway, as in a text that was exported here."""
    file = zone_files.read(text, zone_resource(domain.service, domain, rows=(), with_kept=False))
    kept = kept_canonical(domain, _rows(domain))
    return replace(file, records=tuple(record for record in file.records if record not in kept))


def _changes(file: ZoneFile, rows: Iterable[DnsRecord], keep_others: bool) -> RecordChanges:
    before = [canonical(row) for row in rows]
    named = {(record.name, record.type) for record in file.records}
    others = [record for record in before if keep_others and (record.name, record.type) not in named]
    return zone_files.changes(before, [*file.records, *others])


def _with(row: DnsRecord, record: Record) -> DnsRecord:
    row.name, row.type = relative(record.name, row.domain.name), record.type
    row.content, row.ttl = record.content, record.ttl
    return row


def _changed(row: DnsRecord, wish: Mapping[str, Any]) -> DnsRecord:
    fill(
        row,
        name=str(wish.get("name", row.name)),
        type=row.type,
        content=str(wish.get("content", row.content)),
        ttl=int(wish.get("ttl", row.ttl)),
    )
    return row


def _row(rows: Mapping[int, DnsRecord], pk: int) -> DnsRecord:
    if pk not in rows:
        raise HostingError(
            N_("This zone has no record %(pk)s.", pk=pk),
            code="not_found",
            hint=N_("Somebody may have just deleted it. Look at the list again."),
        )
    return rows[pk]


def _check_number(count: int) -> None:
    if count == 0:
        raise HostingError(
            N_("There is nothing to do."), code="nothing_chosen", hint=N_("Name records to add, change or delete.")
        )
    if count > MOST_AT_ONCE:
        raise HostingError(
            N_("These are %(count)s records, and %(most)s can be changed at once.", count=count, most=MOST_AT_ONCE),
            code="too_many",
            hint=N_("Import them as a zone file, which may be longer."),
        )


def _check_room(zone: Domain, before: int, after: int) -> None:
    """Refuse more records than the plan allows; fewer than there were is fine, whatever the plan says by now."""
    limit = zone.service.plan.dns_records
    if limit is not None and after > limit and after > before:
        raise HostingError(
            N_(
                "The plan %(name)s allows %(limit)s DNS records, and this would be %(after)s.",
                name=zone.service.plan.name,
                limit=limit,
                after=after,
            ),
            code="limit_reached",
            hint=N_("Leave some out, or ask for a larger limit."),
        )


def _save(zone: Domain, added: list[DnsRecord], changed: list[DnsRecord], removed: list[DnsRecord]) -> None:
    """A few statements, however many records; what a row alone must be is checked first."""
    with validated():
        for row in (*added, *changed):
            row.clean_fields(exclude=["domain"])
            check_texts(row)
    zone.records.filter(pk__in=[row.pk for row in removed]).delete()
    DnsRecord.objects.bulk_update(changed, ["name", "type", "content", "ttl"], batch_size=MOST_AT_ONCE)
    DnsRecord.objects.bulk_create(added, batch_size=MOST_AT_ONCE)


def _told(found: RecordChanges) -> dict[str, object]:
    """The change as the audit log keeps it: how many, and the first lines."""
    lines = [f"+ {_line(record)}" for record in found.added] + [f"- {_line(record)}" for record in found.removed]
    lines += [f"~ {_line(old)} -> {_line(new)}" for old, new in found.changed]
    return {
        "added": len(found.added),
        "changed": len(found.changed),
        "removed": len(found.removed),
        "records": lines[:_LINES_KEPT],
    }


def _line(record: Record) -> str:
    return f"{record.name} {record.ttl} {record.type} {record.content}"[:_LONGEST_LINE]
