"""The end of an operation: result, facts, audit event, log line and metric, written in one place and once."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from audit.choices import Outcome
from audit.record import record_outcome
from hosting.adapters.base import adapter_for
from hosting.choices import FINAL_STATES, NodeState, OperationKind, OperationState, Phase, ServiceState
from hosting.desired import adopt_all, service_resources
from hosting.errors import HostingError, facts_of
from hosting.failpoints import failpoint
from hosting.models import ActivationTicket, HostingService, Node, Operation
from hosting.operations import issuing, purging, queued
from hosting.operations.carried import settle_elsewhere
from hosting.operations.journal import error_json
from hosting.operations.locks import guarded_update
from hosting.operations.planner import wishes_of_others
from hosting.operations.purging import removes_service
from hosting.operations.requests import actor_of, audit_target
from hosting.operations.signing import note_ds
from hosting.operations.transfers import note_transfers
from hosting.operations.webhooks import tell
from hosting.state import FinalArchive, Ref, Resource, plan
from hosting.texts import N_
from hosting.transactions import retried
from hosting.verbs import OPERATION_VERBS, SERVICE_RESTORE
from observability.logging import get_logger
from observability.metrics import operation_finished

log = get_logger("operation_apply")

_AUDIT_OUTCOMES = {
    OperationState.SUCCEEDED: Outcome.SUCCEEDED,
    OperationState.FAILED: Outcome.FAILED,
    OperationState.ROLLED_BACK: Outcome.ROLLED_BACK,
    OperationState.ROLLBACK_FAILED: Outcome.FAILED,
    OperationState.CANCELLED: Outcome.CANCELLED,
}


def finish(
    operation: Operation,
    state: OperationState,
    *,
    error: HostingError | None = None,
    result: Mapping[str, Any] | None = None,
    observed: Mapping[Ref, Resource] | None = None,
) -> None:
    """Record how an operation ended.

    Args:
        state: one of the final states.
        error: what went wrong, if something did.
        result: probes, reloads and whatever a page shows.
        observed: after a rollback on demand, what the node has now: the facts adopt it.
    """
    _commit(operation, state, error, dict(result or {}), observed)
    failpoint("runner.recorded")
    _announce(operation, error)


@retried
def _commit(
    operation: Operation,
    state: OperationState,
    error: HostingError | None,
    result: dict[str, Any],
    observed: Mapping[Ref, Resource] | None,
) -> None:
    if state not in FINAL_STATES:
        raise ValueError(f"{state} is not final")
    guarded_update(
        operation,
        state=state,
        phase=Phase.DONE,
        active_key=None,
        lease_owner="",
        lease_until=None,
        finished_at=timezone.now(),
        error=None if error is None else error_json(error),
        result={**operation.result, **result},
    )
    before = _service_state(operation)
    _settle_facts(operation, state, observed)
    tell(operation, before)
    ActivationTicket.objects.filter(operation=operation).delete()
    event = record_outcome(
        verb=OPERATION_VERBS[operation.kind],
        actor=actor_of(operation),
        target=audit_target(operation),
        outcome=_AUDIT_OUTCOMES[state],
        reason=operation.reason,
        after={
            "plan": operation.plan_digest,
            "changes": (operation.plan or {}).get("counts"),
            "error": facts_of(operation.error),
        },
        operation_id=str(operation.pk),
        node=operation.node.name if operation.node else "",
    )
    if event is None:
        pause_node(operation.node)


def _service_state(operation: Operation) -> str:
    """The service's state as the operation finds it; where asking for the operation changed it, the one before that."""
    if operation.service_id is None:
        return ""
    now = HostingService.objects.values_list("state", flat=True).get(pk=operation.service_id)
    return str(operation.result.get("state_before") or now)


def pause_node(node: Node | None) -> None:
    """What was done could only be spooled: nothing more is done on the node until the audit log takes events again."""
    if node is None:
        return
    note = N_("Audit events could not be written. Run manage.py audit_replay, then manage.py node_resume.").template
    Node.objects.filter(pk=node.pk).update(state=NodeState.PAUSED, note=note)
    log.error("node paused: audit events could only be spooled", node=node.name, status="partial")


def _settle_facts(operation: Operation, state: OperationState, observed: Mapping[Ref, Resource] | None) -> None:
    if operation.service_id is None:
        _settle_node(operation, state)
        return
    service = HostingService.objects.select_for_update().get(pk=operation.service_id)
    refs = None if operation.refs is None else set(operation.refs)
    if state == OperationState.SUCCEEDED:
        _settle_success(operation, service, refs, observed)
    elif not _changed_nothing(operation, state):
        service.mark_unsynced(refs or {"*"})
        if operation.kind == OperationKind.CREATE and service.is_live:  # one that is to be deleted stays so
            service.state = ServiceState.ERROR
    service.save()
    if state == OperationState.SUCCEEDED:
        settle_elsewhere(operation)
        note_ds(operation)


def _settle_node(operation: Operation, state: OperationState) -> None:
    """A bootstrapped node has the secondaries it was planned with; one whose bootstrap was taken back is not ready."""
    reverted = operation.reverts
    if state == OperationState.SUCCEEDED:
        note_transfers(operation)
    if state == OperationState.SUCCEEDED and reverted is not None and reverted.kind == OperationKind.BOOTSTRAP:
        Node.objects.filter(operations=operation).update(state=NodeState.NEW)
    if state == OperationState.SUCCEEDED and operation.kind in queued.KINDS:
        queued.settle(operation)


def _settle_success(
    operation: Operation, service: HostingService, refs: set[str] | None, observed: Mapping[Ref, Resource] | None
) -> None:
    service.mark_synced(refs)
    if observed is not None and service.is_live:
        _adopt_observed(operation, service, observed, refs)
    if operation.kind in purging.KINDS:
        _settle_purge(operation, service)
    elif service.state == ServiceState.SOFT_DELETED and removes_service(operation):
        _soft_delete(operation, service)
    elif operation.kind == OperationKind.ROLLBACK and service.is_live and service.purge_at is not None:
        _settle_restore(operation, service)
    elif operation.kind in (OperationKind.CREATE, OperationKind.APPLY):
        _become_active(service)


def _changed_nothing(operation: Operation, state: OperationState) -> bool:
    """Whether an operation that did not succeed leaves the wish as it was: it had none of its own, or was given up."""
    without_wish = operation.kind in (OperationKind.APPLY, OperationKind.REPAIR, OperationKind.ADOPT)
    if operation.kind in issuing.KINDS and not {"issued", "revoked"} & operation.result.keys():
        return state != OperationState.ROLLBACK_FAILED  # the authority said no, and the proofs are gone again
    return state == OperationState.CANCELLED or (without_wish and not operation.journal.exists())


def _adopt_observed(
    operation: Operation, service: HostingService, observed: Mapping[Ref, Resource], refs: set[str] | None
) -> None:
    """Make the facts say what the node has.

    Raises:
        HostingError: for an adoption that was asked for. After a rollback the service is marked out of sync instead.
    """
    wanted = service_resources(service)
    if refs is not None:
        wanted = {ref: resource for ref, resource in wanted.items() if str(ref) in refs}
    else:
        wanted = {ref: resource for ref, resource in wanted.items() if ref not in wishes_of_others(operation)}
    try:
        with transaction.atomic():
            adopt_all(service, plan(wanted, observed).changes)
    except HostingError as error:
        if operation.kind == OperationKind.ADOPT:
            raise
        log.warning("facts can't say what the node has", error_code=error.code, error_message=error.detail)
        service.refresh_from_db()
        service.mark_unsynced(refs or {"*"})


def _soft_delete(operation: Operation, service: HostingService) -> None:
    """Keep names and rows while the service can be restored. One that was never there is over at once."""
    if operation.journal.exists():
        service.purge_at = timezone.now() + timedelta(days=settings.NPANEL_GRACE_DAYS)
    else:
        _terminate(service)


def _settle_purge(operation: Operation, service: HostingService) -> None:
    service.archive_until = None
    if operation.kind == OperationKind.PURGE:
        _terminate(service)
        if any(text.startswith(f"{FinalArchive.kind}:") for text in operation.refs or ()):
            service.archive_until = timezone.now() + timedelta(days=settings.NPANEL_FINAL_ARCHIVE_DAYS)


def _settle_restore(operation: Operation, service: HostingService) -> None:
    """What was deleted is back."""
    service.purge_at = None
    record_outcome(
        verb=SERVICE_RESTORE,
        actor=actor_of(operation),
        target=audit_target(operation),
        outcome=Outcome.SUCCEEDED,
        reason=operation.reason,
        operation_id=str(operation.pk),
        node=service.node.name,
    )


def _become_active(service: HostingService) -> None:
    if service.state in (ServiceState.PROVISIONING, ServiceState.ERROR):
        service.state = ServiceState.ACTIVE


def _terminate(service: HostingService) -> None:
    """Give up the names; the rows stay until somebody needs the user name."""
    service.state = ServiceState.TERMINATED
    service.username_key = service.purge_at = None
    for domain in service.domains.all():
        domain.release()
        domain.save(update_fields=["name_key", "reversed_key"])
    service.certificates.all().delete()  # nobody may open the keys of somebody who has gone


def _announce(operation: Operation, error: HostingError | None) -> None:
    seconds = operation.seconds or 0.0
    kinds = sorted({entry.kind for entry in operation.journal.all()})
    for adapter in sorted({adapter_for(kind).kind for kind in kinds}) or ["none"]:
        operation_finished(adapter=adapter, operation=operation.kind, status=operation.state, duration_seconds=seconds)
    succeeded = operation.state == OperationState.SUCCEEDED
    (log.info if succeeded else log.error)(
        f"operation {operation.state}",
        operation_id=str(operation.pk),
        kind=operation.kind,
        target=operation.target_label,
        duration_ms=round(seconds * 1000, 1),
        status="success" if succeeded else "failed",
        error_code=error.code if error else None,
        error_message=error.detail if error else None,
        round_trips=operation.round_trips,
    )
