"""Tells observability what hosting keeps for a time (operations, their journals), and audits runs of retention."""

import datetime
import json
from collections.abc import Iterator, Mapping
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import Exists, OuterRef, Q, QuerySet, Sum, TextField, Value
from django.db.models.functions import Cast, Coalesce, Concat, Length, Lower, TruncDate
from django.forms.models import model_to_dict
from django.utils.translation import gettext_lazy as _

from audit.actor import Actor
from audit.choices import Outcome
from audit.record import Target, record
from audit.retained import owned_by
from hosting.choices import FINAL_STATES, OperationKind, OperationState, ServiceState
from hosting.models import JournalEntry, Operation
from hosting.verbs import OPERATION_VERBS, RETENTION_RUN
from observability.batches import Batch, InBatches
from observability.models.retention import RetentionRun, RunState
from observability.names import Known
from observability.redaction import Limits, redact
from observability.retained import register_kind
from observability.retention import on_run

_STATUS = {
    OperationState.SUCCEEDED: "success",
    OperationState.ROLLED_BACK: "failed",
    OperationState.FAILED: "failed",
    OperationState.ROLLBACK_FAILED: "failed",
}
_OUTCOMES = {RunState.RUNNING: Outcome.REQUESTED, RunState.SUCCEEDED: Outcome.SUCCEEDED}
#: An archive keeps whole plans and journals; only what no page would show either is cut.
_LIMITS = Limits(depth=20, items=100_000, text=1_000_000)
#: Operations in memory at a time.
_AT_ONCE = 200
_NAMED = (
    "target_label",
    "target_key",
    "customer_name",
    "actor_login",
    "reason",
    "actor",
    "plan",
    "commands",
    "result",
    "error",
    "refs",
)
#: What a restore, a purge or a rollback of a service looks for.
_PILLARS = (OperationKind.DELETE, OperationKind.ROLLBACK)


class Operations(InBatches):
    """Ended operations with plan, commands, journal and confirmation.

    Those that changed something for a service that is still there stay: a rollback and a purge need them.
    """

    name = "operations"
    label = _("Operations and their journals")

    def batches(self, before: datetime.date) -> Iterator[Batch]:
        """One for each day on which something ended."""
        limit = datetime.datetime.combine(before, datetime.time(), datetime.UTC)
        for moment in _removable().filter(finished_at__lt=limit).datetimes("finished_at", "day"):
            day = moment.date()
            size = sum(len(line) + 1 for line in _lines(_of_day(day)))
            end = moment + datetime.timedelta(days=1)
            yield Batch(f"{self.name}/{day.year}/{day}", day, size, moment.isoformat(), end.isoformat())

    def lines(self, batch: Batch) -> Iterator[bytes]:
        """One line for each operation, in the order in which they ended."""
        return _lines(_of_day(batch.day))

    @transaction.atomic
    def remove(self, batch: Batch, lines: int) -> None:
        """Delete the operations of a day, with their journals."""
        ids = list(_of_day(batch.day).values_list("pk", flat=True))
        if len(ids) != lines:
            raise RuntimeError(f"{len(ids)} operations of {batch.day} may go, but {lines} are archived; they stay.")
        JournalEntry.objects.filter(operation__in=ids).delete()
        Operation.objects.filter(pk__in=ids).delete()

    def hot_lines(self, narrowed: Mapping[str, Any]) -> Iterator[bytes]:
        """Ended operations, oldest first; indexes tell whose a name is, and only a name of none is sought in texts."""
        return _lines(_narrowed(narrowed).order_by("finished_at", "pk"))

    def bytes_by_day(self) -> dict[datetime.date, int]:
        """How long the texts of each day's operations and journals are in the database, counted there."""
        found: dict[datetime.date, int] = {}
        for rows, moment, columns in (
            (
                Operation.objects.exclude(finished_at=None),
                "finished_at",
                ("plan", "commands", "result", "error", "actor"),
            ),
            (JournalEntry.objects.exclude(operation__finished_at=None), "operation__finished_at", ("change", "error")),
        ):
            size = sum((Coalesce(Length(Cast(name, TextField())), 0) for name in columns), Value(0))
            for day, total in rows.values_list(TruncDate(moment)).annotate(total=Sum(size)).order_by():
                found[day] = found.get(day, 0) + int(total)
        return found


def _removable() -> QuerySet[Operation]:
    """What nothing needs any more: of no service, of a purged one, or without a trace on a node."""
    journal = JournalEntry.objects.filter(operation=OuterRef("pk"))
    gone = Q(service=None) | Q(service__state=ServiceState.TERMINATED, service__archive_until=None)
    idle = ~Q(kind__in=_PILLARS) & ~Exists(journal)
    return Operation.objects.filter(gone | idle, state__in=FINAL_STATES).exclude(finished_at=None)


def _of_day(day: datetime.date) -> QuerySet[Operation]:
    start = datetime.datetime.combine(day, datetime.time(), datetime.UTC)
    rows = _removable().filter(finished_at__gte=start, finished_at__lt=start + datetime.timedelta(days=1))
    return rows.order_by("finished_at", "pk").select_related("intent").prefetch_related("journal")


def _narrowed(wanted: Mapping[str, Any]) -> QuerySet[Operation]:
    rows = Operation.objects.filter(state__in=FINAL_STATES).exclude(finished_at=None).prefetch_related("journal")
    for key, column in (("since", "finished_at__gte"), ("until", "finished_at__lt"), ("trace", "trace_id"),
                        ("correlation", "correlation_id")):  # fmt: skip
        if wanted.get(key):
            rows = rows.filter(**{column: wanted[key]})
    for name in wanted.get("known") or ():
        ids = _ids_of(name)
        rows = rows.filter(pk__in=ids) if ids else rows.filter(_mentioning(name.names[0].lower()))
    return rows.select_related("intent")


def _ids_of(name: Known) -> set[UUID]:
    """Operations of a customer, a service or an actor of that name: one index each, asked alone."""
    conditions = (
        Q(customer_name__in=name.names), Q(target_label__in=name.names), Q(actor_login__in=name.names),
        Q(target_key__in=name.target_keys),
    )  # fmt: skip
    return {
        pk for wanted in conditions for pk in Operation.objects.filter(wanted).order_by().values_list("pk", flat=True)
    }


def _mentioning(name: str) -> Exists | Q:
    """Rows that hold a name anywhere, found by the database: many times faster than reading them all as lines."""
    escaped = json.dumps(name)[1:-1]  # how JSON columns have it
    texts = Operation.objects.annotate(text=_joined(_NAMED)).filter(Q(text__contains=name) | Q(text__contains=escaped))
    journal = JournalEntry.objects.annotate(text=_joined(("key", "change", "error")))
    entries = journal.filter(Q(text__contains=name) | Q(text__contains=escaped), operation=OuterRef("pk"))
    return Q(Exists(texts.filter(pk=OuterRef("pk")))) | Q(Exists(entries))


def _joined(columns: tuple[str, ...]) -> Lower:
    return Lower(
        Concat(
            *(Coalesce(Cast(column, TextField()), Value("", TextField())) for column in columns), Value("", TextField())
        )
    )


def _lines(rows: QuerySet[Operation]) -> Iterator[bytes]:
    """Some rows at a time: MariaDB's client would hold the whole answer."""
    keys = list(rows.values_list("pk", flat=True))
    for start in range(0, len(keys), _AT_ONCE):
        chosen = keys[start : start + _AT_ONCE]
        found = rows.order_by().in_bulk(chosen)
        # Taken out one by one: an operation and its journal point to each other, and would wait for the collector.
        for operation in (found.pop(key) for key in chosen if key in found):
            yield _line(operation)
            vars(operation).pop("_prefetched_objects_cache", None)


def _line(operation: Operation) -> bytes:
    """An operation as one line, with the fields of a log line and the rest under ``context``."""
    ended, error = operation.finished_at, operation.error or {}
    if ended is None:
        raise ValueError("an operation that has not ended is not retained")
    line = {
        "timestamp": ended.astimezone(datetime.UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "level": "error" if _STATUS.get(OperationState(operation.state)) == "failed" else "info",
        "service": "hosting",
        "operation": "operation_apply",
        "trace_id": operation.trace_id,
        "message": f"{operation.kind} {operation.target_label}: {operation.state}",
        "correlation_id": operation.correlation_id,
        "request_id": operation.request_id,
        "actor_id": operation.actor.get("id", ""),
        "actor_role": operation.actor.get("role", ""),
        "duration_ms": None if operation.seconds is None else round(operation.seconds * 1000),
        "status": _STATUS.get(OperationState(operation.state), ""),
        "error_code": error.get("code", ""),
        "context": redact(_details(operation), _LIMITS),
    }
    return json.dumps({k: v for k, v in line.items() if v not in (None, "")}, separators=(",", ":")).encode()


def _details(operation: Operation) -> dict[str, Any]:
    names = ("kind", "state", "phase", "target_key", "target_label", "customer_name",
             "refs", "actor", "actor_login", "reason", "plan",
             "plan_digest", "attempts", "error", "result", "commands", "round_trips", "created_at", "started_at",
             "finished_at")  # fmt: skip
    intent = getattr(operation, "intent", None)
    return {
        "operation_id": str(operation.pk),
        **{name: getattr(operation, name) for name in names},
        "journal": [model_to_dict(entry, exclude=("id", "operation")) for entry in operation.journal.all()],
        "intent": None if intent is None else model_to_dict(intent, exclude=("id", "operation", "bulk")),
    }


def _audit(run: RetentionRun, actor: Actor | None) -> None:
    """Record that a run begins, and what it did."""
    facts = {"archived": run.archived, "lines": run.lines, "bytes": run.bytes, "deleted": run.deleted}
    record(
        verb=RETENTION_RUN,
        actor=actor or Actor.system("retention"),
        target=Target("observability.retentionrun", str(run.pk), run.kind),
        outcome=_OUTCOMES.get(RunState(run.state), Outcome.FAILED),
        after=facts if run.finished_at else None,
        reason=run.error[:300],
    )


def register() -> None:
    """Hand the operations and the audit to observability."""
    register_kind(Operations())
    owned_by(OPERATION_VERBS[OperationKind.CREATE], "customer")
    on_run(_audit)
