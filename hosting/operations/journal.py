"""The durable journal: every change is written down before it is made, and what became of it after."""

import dataclasses
import time
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Any

from django.db.models import Max
from django.utils import timezone

from hosting.adapters.base import adapter_for
from hosting.choices import EntryState
from hosting.connections.base import Connection, Context, Reply, Request, Run
from hosting.errors import HostingError
from hosting.models import JournalEntry, Operation
from hosting.operations.locks import guarded_update, renew
from hosting.sealing import seal, unseal
from hosting.state import Change, Ref, Resource
from hosting.texts import Text
from hosting.transactions import retried
from observability.redaction import redact_text

#: Commands kept for an operation's page; more of them are counted only.
_COMMANDS_KEPT = 400


def journal_context(operation: Operation) -> str:
    """What the secrets in an operation's plan and journal are sealed for."""
    return f"operation:{operation.pk}"


def sealed_json(change: Change, operation: Operation) -> dict[str, Any]:
    """A change for the database: secrets sealed to the worker, shown as fingerprint."""
    return change.to_json(lambda value: seal(value, journal_context(operation)))


def opened(entry: JournalEntry) -> Change:
    """The change of an entry, with its secrets (worker only)."""
    context = f"operation:{entry.operation_id}"
    return Change.from_json(entry.change, lambda value: unseal(value, context))


@retried
def intend(operation: Operation, changes: Sequence[Change], *, backward: bool = False) -> list[JournalEntry]:
    """Write down that these changes are about to be made. Committed before the caller touches the node."""
    guarded_update(operation, phase=operation.phase)
    last = JournalEntry.objects.filter(operation=operation).aggregate(last=Max("seq"))["last"] or 0
    entries = [
        JournalEntry(
            operation=operation,
            seq=last + number,
            backward=backward,
            kind=change.kind,
            key=change.key,
            change=sealed_json(change, operation),
        )
        for number, change in enumerate(changes, start=1)
    ]
    JournalEntry.objects.bulk_create(entries)
    return list(JournalEntry.objects.filter(operation=operation, seq__gt=last).order_by("seq"))


@retried
def settle(operation: Operation, entries: Sequence[JournalEntry], outcomes: Sequence[HostingError | None]) -> None:
    """Write down what became of each change."""
    guarded_update(operation, phase=operation.phase)
    for entry, outcome in zip(entries, outcomes, strict=True):
        entry.state = EntryState.APPLIED if outcome is None else EntryState.FAILED
        entry.error = None if outcome is None else error_json(outcome)
        entry.finished_at = timezone.now()
    JournalEntry.objects.bulk_update(entries, ["state", "error", "finished_at"])


@retried
def mark_unknown(operation: Operation) -> None:
    """Changes that were under way when the connection or the worker died may or may not have been made."""
    operation.journal.filter(state=EntryState.INTENDED).update(state=EntryState.UNKNOWN, finished_at=timezone.now())


@retried
def mark_reverted(operation: Operation) -> None:
    """All forward changes were taken back, and that was verified."""
    operation.journal.filter(backward=False).update(state=EntryState.REVERTED)


def journalled(operation: Operation, *, backward: bool = False) -> list[Change]:
    """All changes that the operation has begun in one direction, in order, with their secrets."""
    return [opened(entry) for entry in operation.journal.filter(backward=backward).order_by("seq")]


def before_states(changes: Iterable[Change]) -> dict[Ref, Resource | None]:
    """How each touched Resource was before the first change to it: what a rollback has to bring back."""
    before: dict[Ref, Resource | None] = {}
    for change in changes:
        before.setdefault(change.ref, _restorable(change.before))
    return before


def _restorable(resource: Resource | None) -> Resource | None:
    """What can be brought back: where an adapter keeps no hand-made edits, the Resource without them."""
    if not getattr(resource, "edited", "") or resource is None or adapter_for(resource.kind).keeps_edited:
        return resource
    return dataclasses.replace(resource, edited="")  # type: ignore[call-arg]


def error_json(error: HostingError) -> dict[str, Any]:
    """An error for the database and for people, without secrets."""
    words = {"detail": redact_text(error.detail), "hint": redact_text(error.hint)}
    texts = {"detail": _redacted(error.detail_text, words["detail"]), "hint": _redacted(error.hint_text, words["hint"])}
    return error.as_dict() | words | {"texts": {name: text for name, text in texts.items() if text}}


def _redacted(text: Text, words: str) -> dict[str, Any] | None:
    """A text to be translated later; None if its values, cleaned one by one, would show more than the whole does."""
    clean = text.with_values(redact_text)
    return clean.stored() if text and str(clean) == words else None


class RecordedConnection:
    """A Connection that keeps what ran (argv, exit, seconds) and holds the operation's lease for each batch."""

    def __init__(self, connection: Connection, operation: Operation) -> None:
        self._connection = connection
        self._operation = operation
        self.commands: list[dict[str, Any]] = list(operation.commands)
        self.round_trips = operation.round_trips

    def batch(
        self, requests: Sequence[Request], *, context: Context = Context(), stop_on_error: bool = False
    ) -> list[Reply | HostingError]:
        """See :class:`hosting.connections.base.Connection`."""
        renew(self._operation, max((getattr(r, "timeout", 5.0) for r in requests), default=0.0) * len(requests))
        began = time.monotonic()
        answers = self._connection.batch(requests, context=context, stop_on_error=stop_on_error)
        self.round_trips += 1
        for request, answer in zip(requests, answers, strict=True):
            self._keep(request, answer, time.monotonic() - began)
        return answers

    def close(self) -> None:
        """The connection is the process's, not the operation's: it stays open."""

    def save(self) -> None:
        """Write what ran to the operation."""
        guarded_update(self._operation, commands=self.commands, round_trips=self.round_trips)

    def _keep(self, request: Request, answer: Reply | HostingError, seconds: float) -> None:
        if not isinstance(request, Run) or len(self.commands) >= _COMMANDS_KEPT:
            return
        exit_status, took, said = -1, seconds, ""
        if isinstance(answer, HostingError):
            exit_status, said = getattr(answer, "exit_status", -1), answer.detail
        else:
            exit_status, took, said = answer.exit_status, answer.seconds, answer.stderr.decode("utf-8", "replace")
        self.commands.append(
            {
                "at": datetime.now(UTC).isoformat(timespec="milliseconds"),
                "argv": [redact_text(part) for part in request.argv],
                "user": request.user or "root",
                "exit": exit_status,
                "seconds": round(took, 4),
                "stderr": redact_text(said)[:500],
            }
        )
