"""Tells observability how the audit record is kept and read: as log lines, hot and archived, and by segments."""

import datetime
import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from django.conf import settings
from django.core.serializers.json import DjangoJSONEncoder
from django.db import connection
from django.db.models import Func, Q, QuerySet, Sum, TextField, Value
from django.db.models.functions import Cast, Coalesce, Length, Lower, TruncDate
from django.utils.translation import gettext_lazy as _

from audit import segments
from audit.archives import decoded
from audit.canonical import COLUMNS, stored
from audit.choices import Outcome
from audit.grants import FORBIDDEN, effective_rights
from audit.models import Event, Seal, Segment, SubjectKey
from audit.named import about
from audit.sealing import SealerBusy
from audit.verbs import Verb
from observability.archive import ArchiveLocked, ArchiveStore, Manifest
from observability.operations import AUDIT_WRITE
from observability.retained import Kind, Periods, RetentionRefused, Step, register_kind

_LEVELS = {Outcome.DENIED.value: "warning", Outcome.FAILED.value: "error"}
_STATES = ("before", "after")
_STATUS = {Outcome.SUCCEEDED.value: "success", Outcome.FAILED.value: "failed", Outcome.ROLLED_BACK.value: "failed"}
_OPTIONAL = ("correlation_id", "request_id", "actor_id", "actor_role")
_LEFT_OUT = frozenset({*_OPTIONAL, "trace_id", "occurred_at"})
#: The part of what :func:`_narrowed` gives that :func:`_made_for` finds.
_MADE = 1
_owners: dict[str, str] = {}
#: Where a name may be mentioned.
_MENTIONED = ("target_label", "target_id", "actor_id", "actor_login", "impersonator_id", "impersonator_login", "node",
              "operation_id", "reason", "before", "after")  # fmt: skip
_MEASURED = ("target_label", "actor_login", "reason", "before", "after")
#: What the other columns of a row take, about.
_FIXED = 400


class AuditEvents(Kind):
    """Audit events: archived as sealed days, hot for a month, and gone after a year, unless they are held."""

    name = "audit"
    label = _("Audit log")

    @property
    def periods(self) -> Periods:
        """Settings of their own, which can't go below what the record promises."""
        return Periods(segments.hot_days(), segments.archive_days(), copied=True)

    def is_run_here(self) -> bool:
        """Where this process seals and its account may remove: the accounts of production are apart."""
        return settings.NPANEL_AUDIT_SEALER == "worker" and may_remove()

    def plan(self, store: ArchiveStore, now: datetime.datetime) -> Iterator[Step]:
        """Days to archive, days whose rows go, archives to delete, and what is held."""
        return segments.steps(now=now, store=store, dry_run=True)

    def carry_out(self, store: ArchiveStore, now: datetime.datetime, begin: Callable[[str], None]) -> Iterator[Step]:
        """Do it, day by day, and record it."""
        try:
            yield from segments.steps(now=now, store=store, begin=begin)
        except SealerBusy as error:
            raise RetentionRefused(str(error)) from error

    def archives(self, store: ArchiveStore, broken: list[str] | None = None) -> Iterator[Manifest]:
        """Those whose events have left the database: others are copies of what is hot."""
        hot = Seal.objects.order_by("seq").values_list("seq", flat=True).first()
        gone = Segment.objects.all() if hot is None else Segment.objects.filter(last_seq__lt=hot)
        names = set(gone.values_list("archive", flat=True))
        return (manifest for manifest in super().archives(store, broken) if manifest.name in names)

    def archived_lines(self, manifest: Manifest, store: ArchiveStore) -> Iterator[bytes]:
        """The events of a segment as log lines, each proved by its seal."""
        if not _may("SELECT", SubjectKey._meta.db_table):
            raise ArchiveLocked(f"This database account may not read the keys of {manifest.name}.")
        segment = Segment.objects.get(archive=manifest.name)
        return map(line_of, decoded(segment, store))

    def hot_lines(self, narrowed: Mapping[str, Any]) -> Iterator[bytes]:
        """Events as the database finds them: what indexes know of a name at once, then those that mention it."""
        if narrowed.get("operation") not in (None, "", AUDIT_WRITE):
            return
        made: set[int] = set()
        for number, rows in enumerate(_narrowed(narrowed)):
            for row in rows.order_by("id").values(*COLUMNS).iterator(2_000):
                if row["id"] in made:
                    continue
                if number == _MADE:
                    made.add(row["id"])
                yield line_of(row)

    def bytes_by_day(self) -> dict[datetime.date, int]:
        """How long each day's events are in the database, without its indexes, counted there."""
        size = sum((Coalesce(Length(Cast(name, TextField())), 0) for name in _MEASURED), Value(_FIXED))
        rows = Event.objects.values_list(TruncDate("occurred_at")).annotate(total=Sum(size)).order_by()
        return {day: int(total) for day, total in rows}


def may_remove() -> bool:
    """Whether this process's database account may let events go; the triggers ask the rest."""
    return _may("DELETE", Event._meta.db_table)


def _may(right: str, table: str) -> bool:
    if connection.vendor != "mysql":
        return True
    with connection.cursor() as cursor:
        rights = effective_rights(cursor, table)
    return right in rights or rights >= FORBIDDEN  # as ALL PRIVILEGES reads


def line_of(row: Mapping[str, Any]) -> bytes:
    """An event's row as one line with the fields of a log line, and the event under ``context``."""
    states = {name: json.loads(row[name]) if isinstance(row[name], str) else row[name] for name in _STATES}
    event = {name: value for name, value in {**row, **states}.items() if name not in _LEFT_OUT}
    event["target"] = f"{row['target_type']}:{row['target_id']}"  # as the search by name knows it
    line = {
        "timestamp": f"{stored(row['occurred_at'])}Z",
        "level": _LEVELS.get(row["outcome"], "info"),
        "service": "audit",
        "operation": AUDIT_WRITE,
        "trace_id": row["trace_id"],
        "message": f"{row['verb']} {row['target_label'] or row['target_id']}: {row['outcome']}",
        **{name: row[name] for name in _OPTIONAL if row[name]},
        "status": _STATUS.get(row["outcome"]),
        "context": {name: value for name, value in event.items() if value not in (None, "")},
    }
    found = {name: value for name, value in line.items() if value is not None}
    return json.dumps(found, separators=(",", ":"), cls=DjangoJSONEncoder).encode()


def _narrowed(wanted: Mapping[str, Any]) -> list[QuerySet[Event]]:
    """The rows that may hold what is wanted; where names are: exactly so named, made for one so named, the others.

    The second part is few, and is left out of the third by who reads them.
    A name that is known to stand for targets needs no look at texts.
    """
    rows = Event.objects.all()
    for key, column in (("since", "occurred_at__gte"), ("until", "occurred_at__lt"), ("trace", "trace_id"),
                        ("correlation", "correlation_id")):  # fmt: skip
        if wanted.get(key):
            rows = rows.filter(**{column: wanted[key]})
    names = []
    for name in wanted.get("known") or ():
        theirs = about(name)
        if theirs is not None and len(wanted["known"]) == 1:
            return [rows.filter(theirs), rows.filter(target_label__in=name.names).exclude(theirs)]
        rows = rows if theirs is None else rows.filter(theirs)
        names += [name.names[0]] if theirs is None else []
    if not names:
        return [rows]
    named = _named(names[0])
    mentioning = rows.annotate(text=_text())
    for name in map(str.lower, names):
        escaped = json.dumps(name)[1:-1]  # how JSON columns have it
        found = Q(text__contains=name)
        mentioning = mentioning.filter(found if escaped == name else found | Q(text__contains=escaped))
    return [rows.filter(named), rows.filter(_made_for(names[0])).exclude(named), mentioning.exclude(named)]


def _named(name: str) -> Q:
    """Events that an index finds: of the target, of the actor or of the operation that is called so."""
    kinds = list(Event.objects.order_by("target_type").values_list("target_type", flat=True).distinct())
    return Q(target_label=name) | Q(actor_login=name) | Q(operation_id=name) | Q(target_type__in=kinds, target_id=name)


def owned_by(verb: Verb, key: str) -> None:
    """Say that events of a verb name in ``after[key]`` whose the thing is: they are found by that name at once."""
    _owners[verb.name] = key


def _made_for(name: str) -> Q:
    found = Q(pk__in=[])
    for verb, key in _owners.items():
        found |= Q(verb=verb, **{f"after__{key}": name})
    return found


class _Joined(Func):
    """Columns as one text, with blanks between them."""

    function = "CONCAT_WS"
    template = "%(function)s(' ', %(expressions)s)"
    output_field = TextField()

    def as_sqlite(self, compiler: Any, connection: Any, **extra: Any) -> Any:
        """SQLite has an operator for it; one function within another for each column is too deep for its parser."""
        return self.as_sql(compiler, connection, template="(%(expressions)s)", arg_joiner=" || ' ' || ", **extra)


def _text() -> Lower:
    return Lower(_Joined(*(Coalesce(Cast(name, TextField()), Value("")) for name in _MENTIONED)))


def register() -> None:
    """Have the record kept, and found by the search."""
    register_kind(AuditEvents())
