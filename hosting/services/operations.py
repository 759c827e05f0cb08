"""What can be done with operations: approve, cancel, retry, discard, roll back, wait."""

import time
from collections.abc import Callable

from django.db import transaction
from django.utils import timezone

from audit.actor import Actor
from audit.choices import Outcome
from audit.record import record
from audit.verbs import Verb
from hosting.choices import FINAL_STATES, EntryState, OperationKind, OperationState, Phase, ServiceState
from hosting.errors import HostingError
from hosting.models import HostingService, Operation
from hosting.operations.doorbell import ring
from hosting.operations.requests import audit_target, request_operation
from hosting.operations.webhooks import tell
from hosting.services.limits import lock
from hosting.services.sites import delete_service
from hosting.services.zones import check_others_do_not_need
from hosting.state import Ref
from hosting.transactions import retried
from hosting.verbs import OPERATION_APPROVE, OPERATION_CANCEL, OPERATION_VERBS


@retried
def approve_operation(*, actor: Actor, operation: Operation, digest: str, reason: str = "") -> Operation:
    """Let a planned operation be carried out, exactly as it was shown.

    Args:
        digest: of the plan that the person saw.

    Raises:
        HostingError: ``stale_plan``, ``wrong_state``.
    """
    if operation.plan_digest != digest:
        raise HostingError(
            "The plan is not the one you saw.", code="stale_plan", hint="Look at the new plan and approve that one."
        )
    approved = Operation.objects.filter(pk=operation.pk, state=OperationState.PLANNED, plan_digest=digest).update(
        state=OperationState.PENDING,
        needs_approval=False,
        expected_digest=digest,
        dispatched_at=None,
        attempts=0,
        error=None,
        started_at=None,
        finished_at=None,
        reason=(reason or operation.reason)[:300],
    )
    if not approved:
        raise _wrong_state(operation, "approved")
    _record(OPERATION_APPROVE, actor, operation, reason, {"plan": digest})
    transaction.on_commit(ring)
    operation.refresh_from_db()
    return operation


@retried
def cancel_operation(*, actor: Actor, operation: Operation, reason: str = "") -> Operation:
    """Give up an operation that is not running. What it wanted is taken back from the facts as well.

    Raises:
        HostingError: ``wrong_state``.
    """
    waiting = (OperationState.PENDING, OperationState.PLANNED)
    untouched = Operation.objects.filter(pk=operation.pk, state__in=waiting).exclude(journal__isnull=False)
    if not untouched.update(state=OperationState.CANCELLED, finished_at=timezone.now(), needs_approval=False):
        raise _wrong_state(operation, "cancelled")
    _record(OPERATION_CANCEL, actor, operation, reason, None)
    operation.refresh_from_db()
    before = operation.service.state if operation.service else ""
    _take_back_wish(actor, operation)
    tell(operation, before)
    return operation


def _take_back_wish(actor: Actor, operation: Operation) -> None:
    """The facts said what was wanted; make them say again what the node has."""
    if operation.service is None or operation.kind in (OperationKind.APPLY, OperationKind.REPAIR, OperationKind.ADOPT):
        return
    service = lock(operation.service)
    if operation.kind == OperationKind.CREATE:
        _give_up_names(service)
    elif operation.refs is None or operation.kind == OperationKind.ROLLBACK:
        _restore_state(service, operation)
    elif service.is_live:
        _adopt(actor, service, operation)


def _restore_state(service: HostingService, operation: Operation) -> None:
    """Put the service's state back to what it was before an operation was asked for, unless a later wish changed it."""
    before, wanted = operation.result.get("state_before"), operation.result.get("state_wanted")
    reached = (wanted, ServiceState.TERMINATED) if wanted == ServiceState.SOFT_DELETED else (wanted,)
    if before is None or service.state not in reached:
        return
    if before == ServiceState.TERMINATED:
        _give_up_names(service)
        return
    service.state = before
    _take_names_back(service)
    service.save(update_fields=["state", "username_key"])


def _give_up_names(service: HostingService) -> None:
    service.state, service.username_key = ServiceState.TERMINATED, None
    service.save(update_fields=["state", "username_key"])
    for domain in service.domains.all():
        domain.release()
        domain.save(update_fields=["name_key", "reversed_key"])


def _take_names_back(service: HostingService) -> None:
    if service.username_key is not None:
        return
    taken = HostingService.objects.filter(username_key=service.username).exists()
    if taken or not service.domains.exists():
        raise HostingError(
            f"The service {service.username} can't be brought back: its names were given to another one.",
            code="forgotten",
        )
    service.username_key = service.username
    for domain in service.domains.all():
        domain.claim()
        domain.save(update_fields=["name_key", "reversed_key"])


@retried
def retry_operation(*, actor: Actor, operation: Operation) -> Operation:
    """Try again what failed: as a new operation with the same scope, or (half done) by going on with the same one.

    Raises:
        HostingError: ``wrong_state`` (it has not failed, or what it wanted is not wanted any more).
    """
    failed = (OperationState.FAILED, OperationState.ROLLED_BACK, OperationState.ROLLBACK_FAILED)
    if operation.state not in failed or operation.node is None or not _still_wanted(operation):
        raise _wrong_state(operation, "tried again")
    if operation.state == OperationState.ROLLBACK_FAILED:
        return _go_on(actor, operation)
    states = operation.result.get("state_before"), operation.result.get("state_wanted")
    return request_operation(
        actor=actor,
        kind=OperationKind(operation.kind),
        node=operation.node,
        service=operation.service,
        refs=_refs(operation),
        reverts=operation.reverts,
        reason=operation.reason,
        states=None if states[0] is None else states,
    )


def _go_on(actor: Actor, operation: Operation) -> Operation:
    """Let a half-done operation be carried out again: its journal knows how everything was, and where it is kept."""
    _check_untouched_since(operation, {Ref(entry.kind, entry.key) for entry in operation.journal.all()})
    Operation.objects.filter(pk=operation.pk, state=OperationState.ROLLBACK_FAILED).update(
        state=OperationState.PENDING,
        phase=Phase.QUEUED,
        attempts=0,
        not_before=None,
        dispatched_at=None,
        finished_at=None,
        error=None,
    )
    record(
        verb=OPERATION_VERBS[operation.kind],
        actor=actor,
        target=audit_target(operation),
        outcome=Outcome.REQUESTED,
        reason="tried again",
        operation_id=str(operation.pk),
        node=operation.node.name if operation.node else "",
    )
    transaction.on_commit(ring)
    operation.refresh_from_db()
    return operation


def _still_wanted(operation: Operation) -> bool:
    """Whether the facts still say what a failed operation was to bring about (nobody discarded it, or wished anew)."""
    if operation.service is None:
        return not operation.target_key.startswith("service:")
    state = HostingService.objects.select_for_update().get(pk=operation.service.pk).state
    if operation.kind == OperationKind.CREATE:
        return state in (ServiceState.ERROR, ServiceState.PROVISIONING)
    return bool(state == operation.result.get("state_wanted", state))


@retried
def discard_changes(*, actor: Actor, operation: Operation) -> Operation:
    """Give up what a failed operation wanted: the facts come to say what the node has.

    Raises:
        HostingError: ``wrong_state`` (it has not failed, or a later operation has brought about what it wanted).
    """
    failed = (OperationState.FAILED, OperationState.ROLLED_BACK)
    if operation.state not in failed or operation.service is None:
        raise _wrong_state(operation, "discarded")
    service = lock(operation.service)
    if not _left_open(service, operation):
        raise _wrong_state(operation, "discarded any more")
    if operation.kind == OperationKind.CREATE:
        return delete_service(actor=actor, service=service)
    _restore_state(service, operation)
    return _adopt(actor, service, operation)


def _left_open(service: HostingService, operation: Operation) -> bool:
    """Whether anything that the operation wanted is still not so."""
    unsynced = set(service.unsynced)
    return bool(unsynced if operation.refs is None else unsynced & {"*", *operation.refs})


def _adopt(actor: Actor, service: HostingService, operation: Operation) -> Operation:
    return request_operation(
        actor=actor, kind=OperationKind.ADOPT, node=service.node, service=service, refs=_refs(operation)
    )


@retried
def rollback_operation(
    *, actor: Actor, operation: Operation, reason: str = "", wait_for_approval: bool = False
) -> Operation:
    """Take back an operation that succeeded: its Resources become as they were before it.

    Raises:
        HostingError: ``wrong_state``, ``nothing_to_roll_back``, ``changed_since`` (a later operation touched the same),
            ``busy`` (one that waits or runs may), ``forgotten``.
    """
    if operation.state != OperationState.SUCCEEDED or operation.node is None:
        raise _wrong_state(operation, "rolled back")
    touched = {Ref(entry.kind, entry.key) for entry in operation.journal.filter(backward=False)}
    if not touched:
        raise HostingError("This operation changed nothing.", code="nothing_to_roll_back")
    service, states = operation.service, None
    if service is not None:
        service = lock(service)
    _check_untouched_since(operation, touched)
    if service is not None:
        before = service.state
        _restore_facts(service, operation)
        states = (before, service.state) if service.state != before else None
    return request_operation(
        actor=actor,
        kind=OperationKind.ROLLBACK,
        node=operation.node,
        service=service,
        refs=touched,
        reverts=operation,
        states=states,
        wait_for_approval=wait_for_approval,
        reason=reason,
        wanted={"rolls_back": str(operation.pk)},
    )


def last_in_force(service: HostingService) -> Operation:
    """The newest operation of a service that changed something and was not taken back: what a rollback is meant for.

    Raises:
        HostingError: ``nothing_to_roll_back``.
    """
    done = service.operations.filter(state=OperationState.SUCCEEDED, journal__isnull=False).distinct()
    for operation in done.exclude(kind=OperationKind.ROLLBACK).prefetch_related("reverted_by").order_by("-created_at"):
        if _in_force(operation):
            return operation
    raise HostingError(f"Nothing of {service.username} can be rolled back.", code="nothing_to_roll_back")


def _restore_facts(service: HostingService, operation: Operation) -> None:
    """State and names as they were; the rest is adopted from the node once the rollback is proven."""
    if operation.kind == OperationKind.CREATE:
        check_others_do_not_need(service)
        service.state = ServiceState.SOFT_DELETED
        service.save(update_fields=["state"])
        return
    _restore_state(service, operation)


def _check_untouched_since(operation: Operation, touched: set[Ref]) -> None:
    """Refuse to go back behind something later that is still in force, or may come to be."""
    later = Operation.objects.filter(target_key=operation.target_key, created_at__gt=operation.created_at)
    for other in later.prefetch_related("reverted_by").select_related("reverts").order_by("-created_at"):
        if other.state not in FINAL_STATES:
            raise HostingError(
                f"“{other}” waits or runs.", code="busy", hint="Wait for it, or cancel it, then roll back."
            )
        if not _in_force(other) or (other.reverts is not None and other.reverts.created_at > operation.created_at):
            continue
        entries = other.journal.filter(backward=False).exclude(state=EntryState.REVERTED)
        for entry in entries:
            if operation.kind == OperationKind.CREATE or Ref(entry.kind, entry.key) in touched:
                raise _changed_since(operation, other, str(Ref(entry.kind, entry.key)))


def _in_force(operation: Operation) -> bool:
    """Whether what an operation did still holds: no rollback of it does."""
    return not any(
        rollback.state == OperationState.SUCCEEDED and _in_force(rollback) for rollback in operation.reverted_by.all()
    )


def _changed_since(operation: Operation, other: Operation, what: str) -> HostingError:
    if operation.kind == OperationKind.CREATE:
        hint = "Delete the service instead: its data is kept aside, and a deletion can be rolled back."
    else:
        hint = "Roll that operation back first."
    return HostingError(f"{what} was changed since by “{other}”.", code="changed_since", hint=hint)


def wait_for(
    operation: Operation, timeout: float = 120.0, on_change: Callable[[Operation], None] | None = None
) -> Operation:
    """Wait until an operation has ended or waits for approval.

    Args:
        timeout: seconds; after them the operation is returned as it is.
        on_change: called with the operation whenever its state or phase changed.
    """
    deadline, seen = time.monotonic() + timeout, ("", "")
    while True:
        operation.refresh_from_db()
        if (operation.state, operation.phase) != seen:
            seen = (operation.state, operation.phase)
            if on_change is not None:
                on_change(operation)
        if operation.is_final or operation.state == OperationState.PLANNED or time.monotonic() > deadline:
            return operation
        time.sleep(0.1)


def _refs(operation: Operation) -> list[Ref] | None:
    return None if operation.refs is None else [Ref(*text.split(":", 1)) for text in operation.refs]


def _record(verb: Verb, actor: Actor, operation: Operation, reason: str, after: dict[str, object] | None) -> None:
    record(
        verb=verb,
        actor=actor,
        target=audit_target(operation),
        outcome=Outcome.SUCCEEDED,
        reason=reason,
        after=after,
        operation_id=str(operation.pk),
        node=operation.node.name if operation.node else "",
    )


def _wrong_state(operation: Operation, wish: str) -> HostingError:
    return HostingError(
        f"The operation is {operation.get_state_display().lower()} and can't be {wish}.",
        code="wrong_state",
        hint="Reload the page; somebody may have been faster.",
    )
