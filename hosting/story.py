"""The story of a trace or correlation id: what is known of it, in order of time. Three doors render it."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import groupby
from typing import Any

from django.db.models import Model, QuerySet
from django.utils.translation import gettext as _

from audit.actor import Actor
from audit.choices import Outcome
from audit.errors import UnknownVerb
from audit.models import Event
from audit.verbs import get_verb
from hosting import selectors
from hosting.choices import EntryState, OperationState
from hosting.models import JournalEntry, Operation
from hosting.operations.present import change_diff, kind_label
from hosting.translated import translated_sentence
from observability.context import valid_correlation_id, valid_trace_id
from observability.log_reader import Reading, lines_of

#: What one story holds at most; where there is more, it says so.
MOST_OPERATIONS, MOST_EVENTS, MOST_LINES, MOST_ENTRIES = 20, 200, 500, 1_000
_QUIET = ("debug", "info")
#: What a line is of where a story begins.
_BEGINS = ("http_request", "command")
#: What a line may say of an operation, at any level, that the operation itself does not keep.
_TOLD = ("retrying", "timeout", "partial")
_BAD = (OperationState.FAILED, OperationState.ROLLED_BACK, OperationState.ROLLBACK_FAILED)


@dataclass(frozen=True, slots=True)
class Moment:
    """One thing that happened.

    Args:
        chapter: which part of the story it belongs to; see :data:`_CHAPTERS`.
        sort: request, event, operation, plan, change, command, probe, result or line.
        node: its name, for operators. exit: the exit status of a command. about: the row it is told from.
    """

    at: datetime
    chapter: str
    sort: str
    what: str
    note: str = ""
    failed: bool = False
    seconds: float | None = None
    node: str = ""
    exit: int | None = None
    level: str = ""
    diff: tuple[str, ...] = ()
    about: Model | None = None


@dataclass(frozen=True, slots=True)
class Chapter:
    """Moments that follow each other and belong together."""

    name: str
    label: str
    moments: list[Moment]

    @property
    def began(self) -> datetime:
        """When its first moment was."""
        return self.moments[0].at


@dataclass(frozen=True, slots=True)
class Story:
    """All that is known of an id.

    Args:
        cut: whether there is more than is told. reading: the log files that were read, None where they were not.
    """

    wanted: str
    moments: list[Moment]
    cut: bool
    reading: Reading | None

    @property
    def is_trace(self) -> bool:
        """Whether the id is a trace's; else it is a correlation id."""
        return valid_trace_id(self.wanted)

    @property
    def failures(self) -> int:
        """How many moments failed."""
        return sum(moment.failed for moment in self.moments)

    @property
    def seconds(self) -> float:
        """From the first moment to the last."""
        return (self.moments[-1].at - self.moments[0].at).total_seconds() if self.moments else 0.0

    @property
    def slowest(self) -> float:
        """What the longest step took; bars are measured against it. A result sums its steps up, so it is none."""
        return max((moment.seconds or 0.0 for moment in self.moments if moment.sort != "result"), default=0.0)


def chapters(moments: Iterable[Moment]) -> list[Chapter]:
    """Moments in chapters, as they follow each other."""
    groups = groupby(moments, key=lambda moment: moment.chapter)
    return [Chapter(name, _label(name), list(group)) for name, group in groups]


def _label(name: str) -> str:
    return {
        "request": _("Asked"), "plan": _("Planned"), "apply": _("Carried out"), "rollback": _("Taken back"),
        "verify": _("Checked"), "result": _("Ended"), "log": _("Logged"),
    }[name]  # fmt: skip


def document(told: Story) -> dict[str, Any]:
    """A story for programs: all its moments, and which log files were read."""
    files = told.reading.files if told.reading else []
    moments = [_fields(moment) for moment in told.moments]
    return {"id": told.wanted, "moments": moments, "failures": told.failures, "cut": told.cut, "log_files": files}


def _fields(moment: Moment) -> dict[str, Any]:
    about = moment.about
    return {
        "at": moment.at.isoformat(timespec="milliseconds"), "chapter": moment.chapter, "sort": moment.sort,
        "what": moment.what, "note": moment.note, "failed": moment.failed, "seconds": moment.seconds,
        "node": moment.node, "exit": moment.exit, "level": moment.level, "diff": list(moment.diff),
        "about": None if about is None else f"{about._meta.model_name}:{about.pk}",
    }  # fmt: skip


def is_id(wanted: str) -> bool:
    """Whether a text can be a trace id or a correlation id at all."""
    return valid_trace_id(wanted) or valid_correlation_id(wanted)


def story(actor: Actor, wanted: str, *, all_lines: bool = False) -> Story:
    """What the actor may know of a trace or correlation id; operators also of commands, nodes and log lines.

    Args:
        all_lines: log lines of each level, not only warnings and up.
    """
    everything = selectors.sees_all(actor)
    events = _under(wanted, selectors.events(actor), "id", MOST_EVENTS)
    operations = _under(wanted, selectors.operations(actor), "created_at", MOST_OPERATIONS)
    entries = _journals(operations[:MOST_OPERATIONS])
    lines, reading = lines_of(wanted, limit=MOST_LINES) if everything else ([], None)
    told = [_event(event, everything) for event in events[:MOST_EVENTS]]
    for operation in operations[:MOST_OPERATIONS]:
        told.extend(_operation(operation, [e for e in entries if e.operation_id == operation.pk], everything))
    told.extend(_line(line) for line in lines if all_lines or _matters(line))
    cut = len(events) > MOST_EVENTS or len(operations) > MOST_OPERATIONS or len(entries) == MOST_ENTRIES
    return Story(wanted, sorted(told, key=lambda m: m.at), cut or bool(reading and reading.cut), reading)


def _under(wanted: str, rows: QuerySet[Any], order: str, most: int) -> list[Any]:
    """Rows under an id, one more than is told at most: each column is asked alone, which its index answers."""
    found: dict[Any, Any] = {}
    for column in ("trace_id", "correlation_id"):
        found |= {row.pk: row for row in rows.filter(**{column: wanted}).order_by(order)[: most + 1]}
    return sorted(found.values(), key=lambda row: getattr(row, order))


def _journals(operations: list[Operation]) -> list[JournalEntry]:
    found = JournalEntry.objects.filter(operation__in=[operation.pk for operation in operations])
    return list(found.order_by("operation", "seq")[:MOST_ENTRIES])


def _event(event: Event, everything: bool) -> Moment:
    """An audit event; from which address an operator came is the operators' own."""
    place = event.actor_ip if everything else ""
    who = " · ".join(part for part in (event.impersonator_login or event.actor_login, place, event.reason) if part)
    chapter = "request" if event.outcome == Outcome.REQUESTED else "result"
    failed = event.outcome in (Outcome.FAILED, Outcome.DENIED)
    what = f"{_verb(event.verb)} {event.target_label}".strip()
    node = event.node if everything else ""
    return Moment(event.occurred_at, chapter, "event", what, who, failed, node=node, about=event)


def _verb(name: str) -> str:
    """What people call a verb; one of an older version stays as it is."""
    try:
        return str(get_verb(name).label)
    except UnknownVerb:
        return name


def _operation(operation: Operation, entries: list[JournalEntry], everything: bool) -> Iterator[Moment]:
    node = operation.node.name if everything and operation.node else ""
    asked = _("Asked by %s") % operation.actor_login if operation.actor_login else ""
    yield Moment(operation.created_at, "request", "operation", str(operation), asked, about=operation, node=node)
    begun = operation.started_at or operation.created_at
    if operation.plan is not None:
        yield Moment(begun, "plan", "plan", plan_summary(operation), node=node, about=operation)
    yield from (_change(entry, node, everything) for entry in entries)
    if everything:
        yield from _commands(operation, entries, node)
        yield from _probes(operation, node)
    if operation.finished_at is not None:
        yield _result(operation, node, everything)


def plan_summary(operation: Operation) -> str:
    """One sentence on a plan, without a look at its journal."""
    counts = (operation.plan or {}).get("counts", {})
    words = {"create": _("%d to create"), "update": _("%d to change"), "delete": _("%d to remove")}
    said = [text % int(counts[action]) for action, text in words.items() if counts.get(action)]
    return ", ".join(said) or _("Nothing to change")


def _change(entry: JournalEntry, node: str, everything: bool) -> Moment:
    signs = {"create": "+", "update": "~", "delete": "−"}
    key = f" {entry.key}" if everything else ""
    what = f"{signs.get(entry.change.get('action', ''), '')} {kind_label(entry.kind)}{key}".strip()
    took = None if entry.finished_at is None else (entry.finished_at - entry.started_at).total_seconds()
    failed = entry.state in (EntryState.FAILED, EntryState.UNKNOWN)
    note = translated_sentence(entry.error) if entry.error and everything else str(entry.get_state_display())
    return Moment(
        entry.started_at, "rollback" if entry.backward else "apply", "change", what, note, failed, took, node,
        diff=tuple(change_diff(entry.change)) if everything else (),
    )  # fmt: skip


def _commands(operation: Operation, entries: list[JournalEntry], node: str) -> Iterator[Moment]:
    """What ran on the node, each command in the part of the operation that it fell into.

    Some are asked only to learn something by their status: where the operation succeeded, none of them failed.
    """
    back = min((entry.started_at for entry in entries if entry.backward), default=None)
    first = min((entry.started_at for entry in entries), default=None)
    for command in operation.commands:
        at = _moment(command.get("at"), operation.created_at)
        chapter = "plan" if first is None or at < first else "rollback" if back and at >= back else "apply"
        status = int(command.get("exit", -1))
        yield Moment(
            at, chapter, "command", " ".join(command.get("argv", ())), command.get("stderr", "") if status else "",
            status != 0 and operation.state != OperationState.SUCCEEDED, command.get("seconds"), node, status,
        )  # fmt: skip


def _probes(operation: Operation, node: str) -> Iterator[Moment]:
    at = operation.finished_at or operation.created_at
    for probe in (operation.result or {}).get("probes", ()):
        kind, _colon, key = str(probe.get("ref", "")).partition(":")
        yield Moment(at, "verify", "probe", f"{kind_label(kind)} {key}", str(probe.get("answer", "")), node=node)


def _result(operation: Operation, node: str, everything: bool) -> Moment:
    error = translated_sentence(operation.error) if operation.error and everything else ""
    tries = _("attempt %d") % operation.attempts if operation.attempts > 1 else ""
    note = " · ".join(part for part in (tries, error) if part)
    what = f"{operation}: {operation.get_state_display()}"
    assert operation.finished_at is not None  # noqa: S101 - asked by the caller
    failed = operation.state in _BAD
    return Moment(
        operation.finished_at, "result", "result", what, note, failed, operation.seconds, node, about=operation
    )


def _matters(line: dict[str, Any]) -> bool:
    """Requests and commands are where a story begins, and tries end nowhere else; other lines only from warnings up."""
    told = line.get("operation") in _BEGINS or line.get("status") in _TOLD
    return told or line.get("level") not in _QUIET


def _line(line: dict[str, Any]) -> Moment:
    request = line.get("operation") in _BEGINS
    took, level = line.get("duration_ms"), str(line.get("level", ""))
    who = _("user %(user)s") % {"user": line["user_id"]} if line.get("user_id") else ""
    details = line.get("context")
    place = str(details.get("ip", "")) if request and isinstance(details, dict) else ""
    parts = (str(line.get("service", "")), "" if request else str(line.get("operation", "")), who, place)
    note = " · ".join(part for part in (*parts, str(line.get("error_message", ""))) if part)
    return Moment(
        _moment(line.get("timestamp"), datetime.now(UTC)), "request" if request else "log",
        "request" if request else "line", str(line.get("message", "")), note,
        line.get("status") in ("failed", "timeout") or level in ("error", "critical"),
        took / 1000 if isinstance(took, int | float) else None, level=level,
    )  # fmt: skip


def _moment(text: Any, otherwise: datetime) -> datetime:
    try:
        found = datetime.fromisoformat(str(text))
    except ValueError:
        return otherwise
    return found if found.tzinfo else found.replace(tzinfo=UTC)
