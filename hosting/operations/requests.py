"""Asks for an operation: the row that is outbox, lock and record, with its audit event, in the caller's transaction."""

import dataclasses
from collections.abc import Iterable

from django.db import transaction

from audit.actor import Actor
from audit.choices import Outcome
from audit.record import Target, record
from hosting.choices import OperationKind
from hosting.governance import Assessment, assess, is_governed
from hosting.models import HostingService, Intent, Node, Operation
from hosting.operations.doorbell import ring
from hosting.operations.spans import note_request
from hosting.state import Ref
from hosting.validators import kept_reason
from hosting.verbs import OPERATION_VERBS
from observability.context import current
from observability.logging import bind_to_request


def request_operation(
    *,
    actor: Actor,
    kind: OperationKind,
    node: Node,
    service: HostingService | None = None,
    refs: Iterable[Ref] | None = None,
    reverts: Operation | None = None,
    wait_for_approval: bool = False,
    unattended: bool = False,
    reason: str = "",
    wanted: dict[str, object] | None = None,
    states: tuple[str, str] | None = None,
) -> Operation:
    """Save a pending operation and its audit event, and ring the worker once both are committed.

    Args:
        refs: limit it to these Resources (None: all of the service, or the node's own).
        wait_for_approval: the worker only plans; a person approves the plan. A governed kind always waits (for its
            confirmation), whatever is said here.
        unattended: a governed kind may go on by itself as long as its plan does nothing (a wish that is taken back).
        wanted: what was asked for, as the audit event shows it (no secrets).
        states: the service's state before and after the wish, if it changes it; cancelling puts it back.
    """
    trace = current()
    operation = Operation(
        kind=kind,
        node=node,
        service=service,
        target_key=f"service:{service.pk}" if service else f"node:{node.pk}",
        target_label=service.username if service else node.name,
        customer_name=service.customer.name[:190] if service else "",
        refs=None if refs is None else sorted(str(ref) for ref in refs),
        reverts=reverts,
        actor=dataclasses.asdict(actor),
        actor_login=actor.login,
        reason=kept_reason(reason),
        trace_id=trace.trace_id,
        correlation_id=trace.correlation_id,
        request_id=trace.request_id,
        needs_approval=wait_for_approval or (is_governed(kind) and not unattended),
        result={} if states is None else {"state_before": str(states[0]), "state_wanted": str(states[1])},
    )
    with transaction.atomic():
        operation.save(force_insert=True)
        if operation.needs_approval and is_governed(kind):
            Intent.objects.create(operation=operation, **intent_facts(assess(kind, ())))
        record(
            verb=OPERATION_VERBS[kind],
            actor=actor,
            target=audit_target(operation),
            outcome=Outcome.REQUESTED,
            reason=reason,
            after=wanted,
            operation_id=str(operation.pk),
            node=node.name,
        )
        transaction.on_commit(ring)
    note_request(operation)
    if service is not None:
        bind_to_request(tenant_id=str(service.customer_id))
    return operation


def intent_facts(found: Assessment) -> dict[str, object]:
    """What an intent keeps of an assessment."""
    return {
        "risk": found.risk.value,
        "reversibility": found.reversibility.value,
        "impacted": list(found.impacted),
    }


def actor_of(operation: Operation) -> Actor:
    """Who asked for an operation."""
    return Actor(**operation.actor)


def audit_target(operation: Operation) -> Target:
    """What an operation worked on, as audit events name it."""
    kind, _colon, identity = operation.target_key.partition(":")
    return Target(kind, identity, operation.target_label)
