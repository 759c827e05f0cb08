"""Writes audit events: in the caller's transaction, with the ids of the work at hand, without secrets."""

import contextlib
import hashlib
import json
from dataclasses import dataclass, fields
from typing import Any

from django.conf import settings
from django.db import DatabaseError, InterfaceError, models, transaction

from audit import spool
from audit.actor import Actor
from audit.choices import Outcome
from audit.errors import AuditWriteFailed
from audit.inserting import insert
from audit.models import Event
from audit.verbs import Verb, get_verb
from observability import context, metrics
from observability.logging import bind_to_request, get_logger
from observability.operations import AUDIT_WRITE
from observability.redaction import AUDIT_LIMITS, redact, redact_text

#: The request's own line names the customer whom it was about, for the search by their name.
_CUSTOMER = "accounts.customer"
_MAX_STATE_BYTES = 262_144
_MAX_REASON = 4_000
_BARE = ("session_digest", "impersonator_id", "impersonator_login")
_ACTOR_COLUMNS = tuple((one.name, one.name if one.name in _BARE else f"actor_{one.name}") for one in fields(Actor))
_LIMITS = tuple(
    (column.attname, int(column.max_length))
    for column in Event._meta.concrete_fields
    if isinstance(column, models.CharField) and column.max_length
)


@dataclass(frozen=True, slots=True)
class Target:
    """What was acted on, as text: a type (``hosting.service``), its id, and the name people know it by."""

    type: str
    id: str
    label: str = ""

    @classmethod
    def of(cls, instance: models.Model) -> "Target":
        """The target for a saved model instance."""
        return cls(instance._meta.label_lower, str(instance.pk or ""), str(instance))


AnyTarget = Target | tuple[str, str, str] | models.Model


def record(
    *,
    verb: Verb | str,
    actor: Actor,
    target: AnyTarget,
    outcome: Outcome | str,
    reason: str = "",
    before: Any = None,
    after: Any = None,
    operation_id: Any = "",
    node: str = "",
    using: str = "default",
) -> Event:
    """Write one event in the caller's transaction, or in one of its own when there is none.

    Args:
        verb: a registered verb or its name.
        actor: who.
        target: a Target, a ``(type, id, label)`` triple or a saved model instance.
        outcome: one of :class:`audit.choices.Outcome`.
        reason: what the actor said, or why it failed; redacted, at most 4,000 characters.
        before: the state before, anything that JSON or a dataclass can hold; redacted, at most 256 KiB.
        after: the state after, likewise.
        operation_id: the Operation that does the work, if any.
        node: the node concerned, if any.
        using: the database alias of the facts.

    Raises:
        UnknownVerb: nobody registered the verb.
        ValueError: the outcome does not exist, or an id is longer than its column.
        AuditWriteFailed: the database refused; the caller's transaction must roll back.
    """
    event = build_event(
        verb=verb, actor=actor, target=target, outcome=outcome, reason=reason, before=before, after=after,
        operation_id=operation_id, node=node,
    )  # fmt: skip
    _insert(event, using)
    if event.target_type == _CUSTOMER:
        bind_to_request(tenant_id=event.target_id)
    return event


def record_outcome(**fields: Any) -> Event | None:
    """Write an event about something that has already happened and can't be rolled back any more.

    Takes what :func:`record` takes. When the database refuses, the event goes to the local spool
    (:mod:`audit.spool`) and None is returned: the caller pauses the node until ``manage.py audit_replay``.
    The insert has a savepoint of its own, so the caller's transaction lives on.

    Raises:
        AuditWriteFailed: the spool failed too.
        DatabaseError: the caller's transaction is lost as a whole (a deadlock, a lost connection); nothing was spooled,
            because whoever tries that transaction again writes the event again.
    """
    using = fields.pop("using", "default")
    event = build_event(**fields)
    try:
        with transaction.atomic(using=using):
            _insert(event, using)
    except AuditWriteFailed as error:
        if transaction.get_connection(using).needs_rollback:
            raise error.__cause__ or error from None
        spool.append(event)
        get_logger(AUDIT_WRITE).error("outcome spooled", status="failed", event_uid=str(event.uid), exc_info=error)
        return None
    return event


def build_event(
    *,
    verb: Verb | str,
    actor: Actor,
    target: AnyTarget,
    outcome: Outcome | str,
    reason: str = "",
    before: Any = None,
    after: Any = None,
    operation_id: Any = "",
    node: str = "",
) -> Event:
    """An unsaved event with everything copied, redacted and bounded; see :func:`record`."""
    trace = context.current()
    aimed = _as_target(target)
    event = Event(
        **_actor_fields(actor),
        verb=get_verb(str(verb)).name,
        target_type=aimed.type,
        target_id=aimed.id,
        target_label=redact_text(aimed.label),
        outcome=Outcome(outcome).value,
        reason=redact_text(str(reason), _MAX_REASON),
        trace_id=trace.trace_id,
        correlation_id=trace.correlation_id,
        request_id=trace.request_id,
        operation_id=str(operation_id or ""),
        before=_state(before),
        after=_state(after),
        node=node,
        version=str(getattr(settings, "NPANEL_VERSION", "")),
    )
    _fit_columns(event)
    return event


def _as_target(target: AnyTarget) -> Target:
    if isinstance(target, models.Model):
        return Target.of(target)
    return target if isinstance(target, Target) else Target(*(str(part) for part in target))


def _actor_fields(actor: Actor) -> dict[str, str]:
    return {column: str(getattr(actor, name)) for name, column in _ACTOR_COLUMNS}


def _state(value: Any) -> Any:
    """``value`` without secrets; one that is too large leaves its size and digest instead."""
    if value is None:
        return None
    cleaned = redact(value, AUDIT_LIMITS)
    if len(json.dumps(cleaned)) <= _MAX_STATE_BYTES:
        return cleaned
    text = json.dumps(cleaned, sort_keys=True)
    return {"too_large": True, "bytes": len(text), "sha256": hashlib.sha256(text.encode()).hexdigest()}


def _fit_columns(event: Event) -> None:
    """Shorten names that people read, visibly; refuse to shorten an id, which would then name something else."""
    for name, limit in _LIMITS:
        value = getattr(event, name)
        if len(value) <= limit:
            continue
        if name not in ("target_label", "actor_login", "impersonator_login", "node"):
            raise ValueError(f"{name} is longer than {limit} characters.")
        setattr(event, name, value[: limit - 1] + "…")


def _insert(event: Event, using: str) -> None:
    try:
        with _transaction(using):
            insert(event, using)
    except (DatabaseError, InterfaceError) as error:
        raise AuditWriteFailed(f"The audit event {event.verb} could not be written.") from error
    outcome = event.outcome
    transaction.on_commit(lambda: metrics.audit_events.labels(outcome=outcome).inc(), using=using, robust=True)


def _transaction(using: str) -> contextlib.AbstractContextManager[Any]:
    """The caller's transaction when there is one: no savepoint, so that a failure condemns it as a whole."""
    if transaction.get_connection(using).in_atomic_block:
        return contextlib.nullcontext()
    return transaction.atomic(using=using)
