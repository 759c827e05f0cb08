"""What can be done with operations: approve, cancel, retry, discard, roll back, wait. (Confirm: see intents.py.)"""

import time
from collections.abc import Callable

from django.db import transaction
from django.utils import timezone

from audit.actor import Actor
from audit.choices import Outcome
from audit.record import record
from audit.verbs import Verb
from hosting.choices import (
    FINAL_STATES,
    EntryState,
    IntentState,
    OperationKind,
    OperationState,
    Phase,
    ServiceState,
    WebhookEvent,
)
from hosting.errors import HostingError
from hosting.governance import is_irreversible
from hosting.models import HostingService, Intent, Operation
from hosting.operations.doorbell import ring
from hosting.operations.intents import must_be_confirmed
from hosting.operations.requests import audit_target, request_operation
from hosting.operations.webhooks import tell, tell_intent
from hosting.services.limits import lock
from hosting.services.sites import withdraw_service
from hosting.services.wishes import adopt_what_is_there, refs_of, restore_state, take_back_wish
from hosting.services.zones import check_others_do_not_need
from hosting.state import Ref
from hosting.texts import N_, Text
from hosting.transactions import retried
from hosting.translated import shown
from hosting.validators import kept_reason
from hosting.verbs import OPERATION_APPROVE, OPERATION_CANCEL, OPERATION_VERBS


@retried
def approve_operation(*, actor: Actor, operation: Operation, digest: str, reason: str = "") -> Operation:
    """Let a planned operation be carried out, exactly as it was shown.

    Args:
        digest: of the plan that the person saw.

    Raises:
        HostingError: ``stale_plan``, ``wrong_state``, ``needs_confirmation`` (it is governed).
    """
    if must_be_confirmed(operation):
        raise HostingError(
            N_("“%(operation)s” has to be confirmed, not only approved.", operation=operation),
            code="needs_confirmation",
            hint=N_("Confirm it with the token that was shown to who asked for it, and a reason."),
        )
    if operation.plan_digest != digest:
        raise HostingError(
            N_("The plan is not the one you saw."),
            code="stale_plan",
            hint=N_("Look at the new plan and approve that one."),
        )
    if not release(operation, digest, reason or operation.reason):
        raise _wrong_state(operation, N_("approved"))
    _record(OPERATION_APPROVE, actor, operation, reason, {"plan": digest})
    transaction.on_commit(ring)
    operation.refresh_from_db()
    return operation


def release(operation: Operation, digest: str, reason: str) -> bool:
    """Let workers take a planned operation, for the plan that was seen and no other (False: it is not planned so)."""
    planned = Operation.objects.filter(pk=operation.pk, state=OperationState.PLANNED, plan_digest=digest)
    released = planned.update(
        state=OperationState.PENDING,
        needs_approval=False,
        expected_digest=digest,
        dispatched_at=None,
        attempts=0,
        error=None,
        started_at=None,
        finished_at=None,
        reason=kept_reason(reason),
    )
    return bool(released)


@retried
def cancel_operation(*, actor: Actor, operation: Operation, reason: str = "") -> Operation:
    """Give up an operation that is not running. What it wanted is taken back from the facts as well.

    Raises:
        HostingError: ``wrong_state``.
    """
    closed = close_intent(operation, IntentState.CANCELLED)
    give_up(actor, operation)
    if closed and operation.intent.digest:  # nobody was told of one that had nothing to look at yet
        operation.intent.operation = operation
        tell_intent(operation.intent, WebhookEvent.INTENT_CANCELLED)
    _record(OPERATION_CANCEL, actor, operation, reason, None)
    return operation


def close_intent(operation: Operation, state: IntentState) -> bool:
    """End an intent that waits, and its token with it (False: there is none that waits).

    Whoever confirms, cancels or expires writes this row first: of two at once the second finds it closed.
    """
    waiting = Intent.objects.filter(operation=operation, state=IntentState.WAITING)
    return bool(waiting.update(state=state, closed_at=timezone.now(), token_sha256=""))


def give_up(actor: Actor, operation: Operation, error: HostingError | None = None) -> None:
    """End an operation that has not begun, and take back what it wanted. Call in a transaction.

    Raises:
        HostingError: ``wrong_state``.
    """
    waiting = (OperationState.PENDING, OperationState.PLANNED)
    untouched = Operation.objects.filter(pk=operation.pk, state__in=waiting).exclude(journal__isnull=False)
    facts = {"error": None if error is None else error.as_dict()} if error else {}
    if not untouched.update(state=OperationState.CANCELLED, finished_at=timezone.now(), needs_approval=False, **facts):
        raise _wrong_state(operation, N_("cancelled"))
    operation.refresh_from_db()
    before = operation.result.get("state_before") or (operation.service.state if operation.service else "")
    take_back_wish(actor, operation)
    tell(operation, before)


@retried
def retry_operation(*, actor: Actor, operation: Operation) -> Operation:
    """Try again what failed: as a new operation with the same scope, or (half done) by going on with the same one.

    Raises:
        HostingError: ``wrong_state`` (it has not failed, or what it wanted is not wanted any more).
    """
    failed = (OperationState.FAILED, OperationState.ROLLED_BACK, OperationState.ROLLBACK_FAILED)
    if operation.state not in failed or operation.node is None or not _still_wanted(operation):
        raise _wrong_state(operation, N_("tried again"))
    if operation.state == OperationState.ROLLBACK_FAILED:
        return _go_on(actor, operation)
    states = operation.result.get("state_before"), operation.result.get("state_wanted")
    return request_operation(
        actor=actor,
        kind=OperationKind(operation.kind),
        node=operation.node,
        service=operation.service,
        refs=refs_of(operation),
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
        raise _wrong_state(operation, N_("discarded"))
    service = lock(operation.service)
    if not _left_open(service, operation):
        raise _wrong_state(operation, N_("discarded any more"))
    if operation.kind == OperationKind.CREATE:
        return withdraw_service(actor=actor, service=service)
    restore_state(service, operation)
    return adopt_what_is_there(actor, service, operation)


def _left_open(service: HostingService, operation: Operation) -> bool:
    """Whether anything that the operation wanted is still not so."""
    unsynced = set(service.unsynced)
    return bool(unsynced if operation.refs is None else unsynced & {"*", *operation.refs})


@retried
def rollback_operation(
    *, actor: Actor, operation: Operation, reason: str = "", wait_for_approval: bool = False
) -> Operation:
    """Take back an operation that succeeded: its Resources become as they were before it.

    Raises:
        HostingError: ``wrong_state``, ``nothing_to_roll_back``, ``changed_since`` (a later operation touched the same),
            ``busy`` (one that waits or runs may), ``forgotten``, ``irreversible``.
    """
    if operation.state != OperationState.SUCCEEDED or operation.node is None:
        raise _wrong_state(operation, N_("rolled back"))
    if operation.kind == OperationKind.CHANGE_DNSSEC:
        raise HostingError(
            N_("Signing is switched on and off, and not rolled back."),
            code="wrong_state",
            hint=N_("Switch it on the domain's DNSSEC page, which looks first whether others rely on the key."),
        )
    if operation.kind == OperationKind.REVOKE_CERTIFICATE:
        raise HostingError(
            N_("A revoked certificate stays void."), code="irreversible", hint=N_("Get another one for the domain.")
        )
    if operation.service is None and is_irreversible(operation.kind):
        raise HostingError(
            N_("What was deleted on %(node)s for good can't be brought back.", node=operation.node.name),
            code="irreversible",
        )
    touched = {Ref(entry.kind, entry.key) for entry in operation.journal.filter(backward=False)}
    if not touched:
        raise HostingError(N_("This operation changed nothing."), code="nothing_to_roll_back")
    service, states = operation.service, None
    if service is not None:
        service = lock(service)
        _check_not_purged(operation, service)
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


def _check_not_purged(operation: Operation, service: HostingService) -> None:
    """Refuse to go back behind a purge, or to take back what can't be: the data is gone for good."""
    later = service.operations.filter(kind=OperationKind.PURGE, created_at__gte=operation.created_at)
    if is_irreversible(operation.kind) or later.filter(state=OperationState.SUCCEEDED).exists():
        raise HostingError(
            N_("What %(username)s had was purged, so this can't be rolled back.", username=service.username),
            code="irreversible",
            hint=N_("While it is kept, its final archive lies on the node."),
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
    raise HostingError(
        N_("Nothing of %(username)s can be rolled back.", username=service.username), code="nothing_to_roll_back"
    )


def _restore_facts(service: HostingService, operation: Operation) -> None:
    """State and names as they were; the rest is adopted from the node once the rollback is proven."""
    if operation.kind == OperationKind.CREATE:
        check_others_do_not_need(service)
        service.state = ServiceState.SOFT_DELETED
        service.save(update_fields=["state"])
        return
    restore_state(service, operation)


def _check_untouched_since(operation: Operation, touched: set[Ref]) -> None:
    """Refuse to go back behind something later that is still in force, or may come to be."""
    later = Operation.objects.filter(target_key=operation.target_key, created_at__gt=operation.created_at)
    for other in later.prefetch_related("reverted_by").select_related("reverts").order_by("-created_at"):
        if other.state not in FINAL_STATES:
            raise HostingError(
                N_("“%(other)s” waits or runs.", other=_called(other)),
                code="busy",
                hint=N_("Wait for it, or cancel it, then roll back."),
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
        hint = N_("Delete the service instead: its data is kept aside, and a deletion can be rolled back.")
    else:
        hint = N_("Roll that operation back first.")
    return HostingError(
        N_("%(what)s was changed since by “%(other)s”.", what=what, other=_called(other)),
        code="changed_since",
        hint=hint,
    )


def _called(operation: Operation) -> Text:
    kind = shown(operation, "kind", lower=False)
    return N_("%(operation)s %(target)s", operation=kind, target=operation.target_label)


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


def _wrong_state(operation: Operation, wish: Text) -> HostingError:
    return HostingError(
        N_("The operation is %(state)s and can't be %(wish)s.", state=shown(operation, "state"), wish=wish),
        code="wrong_state",
        hint=N_("Reload the page; somebody may have been faster."),
    )
