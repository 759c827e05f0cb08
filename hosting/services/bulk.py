"""Bulk runs: one wish for many services. Each row is an operation of its own; a refusal is that row's alone."""

import dataclasses
import hashlib
import json
from collections.abc import Callable, Iterable
from typing import Any

from django.db import models, transaction
from django.utils import timezone

from audit.actor import Actor
from audit.choices import Outcome
from audit.record import Target, record
from audit.verbs import Verb
from hosting.choices import FINAL_STATES, BulkItemState, BulkState, OperationKind, OperationState, WebhookEvent
from hosting.errors import HostingError
from hosting.governance import DECLARED, is_governed
from hosting.models import BulkItem, BulkRun, HostingService, Intent, Operation
from hosting.operations.doorbell import ring
from hosting.operations.intents import LIFE, confirm_beforehand
from hosting.operations.requests import intent_facts
from hosting.operations.webhooks import tell_intent
from hosting.services.intents import issue_bulk_token, record_refusal, take_intent
from hosting.services.operations import cancel_operation
from hosting.services.sites import apply_service, change_php, delete_service, resume_service, suspend_service
from hosting.texts import N_
from hosting.transactions import retried
from hosting.translated import english, shown
from hosting.validators import kept_reason
from hosting.verbs import BULK_CANCEL, BULK_CONFIRM, BULK_FINISH, BULK_RETRY, BULK_START, INTENT_PREPARE
from observability.context import bind_trace, current, new_correlation_id
from observability.logging import get_logger

#: Services of one run.
MOST = 5000
#: Rows that one call of :func:`advance` starts, and that one statement inserts.
SLICE, CHUNK = 50, 500

Wish = Callable[..., Operation]
#: What can be wished for many services at once.
WISHES: dict[OperationKind, Wish] = {
    OperationKind.SUSPEND: suspend_service,
    OperationKind.RESUME: resume_service,
    OperationKind.APPLY: apply_service,
    OperationKind.CHANGE_PHP: change_php,
    OperationKind.DELETE: delete_service,
}
#: What a wish needs besides a reason.
_OPTIONS = {OperationKind.CHANGE_PHP: {"php_version"}}
_OPEN = (BulkItemState.WAITING, BulkItemState.STARTED)
_UNWELL = (BulkItemState.FAILED, BulkItemState.REFUSED)

log = get_logger("operation_request")


@retried
def start_bulk(
    *,
    actor: Actor,
    kind: OperationKind,
    services: Iterable[HostingService],
    reason: str = "",
    options: dict[str, Any] | None = None,
) -> BulkRun:
    """Ask for the same for many services. The worker makes their operations, in slices; a governed kind waits first.

    Args:
        options: further arguments of the service function, e.g. ``{"php_version": "8.4"}``.

    Raises:
        HostingError: ``not_in_bulk``, ``wrong_options``, ``nothing_chosen``, ``too_many``.
    """
    chosen = list({service.pk: service for service in services}.values())
    _check(kind, chosen, options or {})
    governed, trace = is_governed(kind), current()
    run = BulkRun.objects.create(
        kind=kind,
        state=BulkState.WAITING if governed else BulkState.RUNNING,
        options=options or {},
        digest=_digest(kind, options or {}, chosen),
        total=len(chosen),
        actor=dataclasses.asdict(actor),
        actor_login=actor.login,
        reason=kept_reason(reason),
        trace_id=trace.trace_id,
        correlation_id=trace.correlation_id or new_correlation_id(),
    )
    rows = [BulkItem(run=run, service=service, label=service.username) for service in chosen]
    BulkItem.objects.bulk_create(rows, batch_size=CHUNK)
    names = [service.username for service in chosen]
    _record(BULK_START, actor, run, Outcome.REQUESTED, reason, {"services": names, **run.options})
    if governed:
        _open_intent(actor, run)
    transaction.on_commit(ring)
    return run


def _check(kind: OperationKind, chosen: list[HostingService], options: dict[str, Any]) -> None:
    if kind not in WISHES:
        raise HostingError(
            N_("“%(label)s” is not done for many services at once.", label=english(kind.label)), code="not_in_bulk"
        )
    if options.keys() != _OPTIONS.get(kind, set()) or not all(isinstance(value, str) for value in options.values()):
        raise HostingError(N_("“%(label)s” needs other options.", label=english(kind.label)), code="wrong_options")
    if not chosen:
        raise HostingError(N_("No service is chosen."), code="nothing_chosen", hint=N_("Choose some in the list."))
    if len(chosen) > MOST:
        raise HostingError(
            N_("%(len)s services are more than one run takes.", len=len(chosen)),
            code="too_many",
            hint=N_("Choose at most %(most)s at a time.", most=MOST),
        )


def _digest(kind: str, options: dict[str, Any], services: Iterable[HostingService]) -> str:
    """Stands for exactly this wish for exactly these services."""
    names = sorted((service.pk, service.username) for service in services)
    return hashlib.sha256(json.dumps([str(kind), options, names], sort_keys=True).encode()).hexdigest()


def _open_intent(actor: Actor, run: BulkRun) -> None:
    facts = intent_facts(DECLARED[OperationKind(run.kind)])
    waiting = {"state": "waiting", "closed_at": None, "token_sha256": "", "expires_at": timezone.now() + LIFE}
    intent, _new = Intent.objects.update_or_create(bulk=run, defaults={**facts, **waiting, "digest": run.digest})
    _record(INTENT_PREPARE, actor, run, Outcome.REQUESTED, run.reason, {"plan": run.digest})
    tell_intent(intent, WebhookEvent.INTENT_WAITING)


@retried
def prepare_bulk(*, actor: Actor, run: BulkRun) -> str:
    """The token of a governed run that waits: one for all its services. Asked for again, the old token is dead.

    Raises:
        HostingError: ``not_governed``, ``other_actor``, ``intent_closed``, ``intent_expired``.
    """
    return issue_bulk_token(actor, run)


def confirm_bulk(*, actor: Actor, run: BulkRun, token: str, digest: str, reason: str) -> BulkRun:
    """Let a governed run begin, for exactly the services that were shown.

    Raises:
        HostingError: as :func:`hosting.services.intents.confirm_intent`; each refusal is an audit event.
    """
    intent = Intent.objects.select_related("bulk").filter(bulk=run).first()
    if intent is None:
        raise HostingError(N_("This run needs no confirmation."), code="not_governed")
    try:
        return _confirm(actor, run, intent, token, digest, reason.strip())
    except HostingError as error:
        record_refusal(actor, intent, BULK_CONFIRM, error)
        raise


@retried
def _confirm(actor: Actor, run: BulkRun, intent: Intent, token: str, digest: str, reason: str) -> BulkRun:
    take_intent(actor, intent, token, digest, reason)
    waiting = BulkRun.objects.filter(pk=run.pk, state=BulkState.WAITING)
    if not waiting.update(state=BulkState.RUNNING, reason=kept_reason(reason)):
        raise _wrong_state(run, "confirmed")
    _record(BULK_CONFIRM, actor, run, Outcome.SUCCEEDED, reason, {"plan": digest})
    transaction.on_commit(ring)
    run.refresh_from_db()
    intent.bulk = run
    tell_intent(intent, WebhookEvent.INTENT_CONFIRMED)
    return run


@retried
def retry_bulk(*, actor: Actor, run: BulkRun) -> BulkRun:
    """Try the rows again that failed or were refused, and only those. A governed run has to be confirmed again.

    Raises:
        HostingError: ``wrong_state``.
    """
    again = BulkItem.objects.filter(run=run, state__in=_UNWELL)
    governed = is_governed(run.kind)
    ended = BulkRun.objects.filter(pk=run.pk, state__in=(BulkState.PARTIAL, BulkState.FAILED))
    state = BulkState.WAITING if governed else BulkState.RUNNING
    if not ended.update(state=state, finished_at=None, stopping=False):
        raise _wrong_state(run, "tried again")
    count = again.update(state=BulkItemState.WAITING, operation=None, error=None)
    _record(BULK_RETRY, actor, run, Outcome.REQUESTED, "", {"services": count})
    run.refresh_from_db()
    if governed:
        _open_intent(actor, run)
    transaction.on_commit(ring)
    return run


@retried
def cancel_bulk(*, actor: Actor, run: BulkRun, reason: str = "") -> BulkRun:
    """Cancel what has not started: rows at once, operations that still wait by the worker. What runs is let finish.

    Raises:
        HostingError: ``wrong_state``.
    """
    closed = Intent.objects.filter(bulk=run, state="waiting").update(
        state="cancelled", closed_at=timezone.now(), token_sha256=""
    )
    open_run = BulkRun.objects.filter(pk=run.pk, state__in=(BulkState.WAITING, BulkState.RUNNING))
    if not open_run.update(stopping=True, state=BulkState.RUNNING):
        raise _wrong_state(run, "cancelled")
    BulkItem.objects.filter(run=run, state=BulkItemState.WAITING).update(state=BulkItemState.CANCELLED)
    _record(BULK_CANCEL, actor, run, Outcome.SUCCEEDED, reason, None)
    run.refresh_from_db()
    _finish(run)
    if closed:
        tell_intent(Intent.objects.get(bulk=run), WebhookEvent.INTENT_CANCELLED)
    transaction.on_commit(ring)
    return run


# --- what the worker does ------------------------------------------------------------------------------------------


def advance_all() -> int:
    """Bring every run that is under way a slice further. The worker does this each second.

    Returns:
        How many rows moved.
    """
    return sum(advance(run) for run in BulkRun.objects.filter(state=BulkState.RUNNING).order_by("created_at"))


def advance(run: BulkRun) -> int:
    """Settle the rows whose operations ended, start the next slice, and end the run when nothing is left.

    Each row is a transaction of its own, so this can stop anywhere and be gone on with by anybody.

    Returns:
        How many rows moved.
    """
    moved = _settle(run) + (_stop(run) if run.stopping else 0)
    waiting = BulkItem.objects.filter(run=run, state=BulkItemState.WAITING).order_by("pk")
    with bind_trace(trace_id=run.trace_id, correlation_id=run.correlation_id):
        for item in waiting.select_related("service__node")[:SLICE]:
            moved += _start(run, item)
    _finish(run)
    return moved


def _start(run: BulkRun, item: BulkItem) -> bool:
    """Ask for one row's operation. What the service function refuses becomes the row's error."""
    try:
        return _ask(run, item)
    except HostingError as error:
        waiting = BulkItem.objects.filter(pk=item.pk, state=BulkItemState.WAITING)
        facts = {"state": BulkItemState.REFUSED, "error": error.as_dict(), "attempts": models.F("attempts") + 1}
        return bool(waiting.update(**facts))


@retried
def _ask(run: BulkRun, item: BulkItem) -> bool:
    """Claim the row, then make its operation, in one transaction: two workers never make two."""
    # A subquery, not a join: joined, MySQL would choose the rows first and update them without looking again.
    running = BulkRun.objects.filter(pk=models.OuterRef("run_id"), state=BulkState.RUNNING)
    claimed = BulkItem.objects.filter(models.Exists(running), pk=item.pk, state=BulkItemState.WAITING)
    if not claimed.update(state=BulkItemState.STARTED, attempts=models.F("attempts") + 1):
        return False
    if item.service is None:
        raise HostingError(N_("The service %(label)s is not there any more.", label=item.label), code="service_gone")
    kind, actor = OperationKind(run.kind), Actor(**run.actor)
    operation = WISHES[kind](
        actor=actor, service=item.service, reason=run.reason, wait_for_approval=False, **run.options
    )
    if is_governed(kind):
        confirm_beforehand(operation, actor, run.reason)
    BulkItem.objects.filter(pk=item.pk).update(operation=operation)
    return True


def _settle(run: BulkRun) -> int:
    started = BulkItem.objects.filter(run=run, state=BulkItemState.STARTED)
    ended = started.filter(operation__state__in=FINAL_STATES).select_related("operation")
    return sum(_settle_one(item) for item in ended[: SLICE * 4]) + _settle_lost(started)


def _settle_one(item: BulkItem) -> int:
    operation = item.operation
    if operation is None:
        return 0
    state = {
        OperationState.SUCCEEDED: BulkItemState.SUCCEEDED,
        OperationState.CANCELLED: BulkItemState.CANCELLED,
    }.get(OperationState(operation.state), BulkItemState.FAILED)
    started = BulkItem.objects.filter(pk=item.pk, state=BulkItemState.STARTED, operation=operation)
    return started.update(state=state, error=operation.error)


def _settle_lost(started: "models.QuerySet[BulkItem]") -> int:
    """Rows whose operation's row is not there any more (its service was deleted with its customer)."""
    lost = HostingError(N_("Its operation is not there any more."), code="not_found")
    return started.filter(operation=None).update(state=BulkItemState.FAILED, error=lost.as_dict())


def _stop(run: BulkRun) -> int:
    """Cancel a slice of the operations that wait."""
    waiting = (OperationState.PENDING, OperationState.PLANNED)
    items = BulkItem.objects.filter(run=run, state=BulkItemState.STARTED, operation__state__in=waiting)
    return sum(_cancel(Actor(**run.actor), item.operation) for item in items.select_related("operation")[:SLICE])


def _cancel(actor: Actor, operation: Operation | None) -> bool:
    try:
        if operation is not None:
            cancel_operation(actor=actor, operation=operation, reason="the bulk run was cancelled")
    except HostingError as error:  # it has begun meanwhile: it is let finish
        log.info("not cancelled", operation_id=str(operation and operation.pk), error_code=error.code, status="partial")
        return False
    return True


@retried
def _finish(run: BulkRun) -> None:
    """End a run of which no row is open, with a result that says what became of them."""
    if BulkItem.objects.filter(run=run, state__in=_OPEN).exists():
        return
    found = counts(run)
    state = _result(found)
    ended = BulkRun.objects.filter(pk=run.pk, state=BulkState.RUNNING)
    if ended.update(state=state, finished_at=timezone.now(), stopping=False):
        outcomes = {BulkState.SUCCEEDED: Outcome.SUCCEEDED, BulkState.CANCELLED: Outcome.CANCELLED}
        _record(BULK_FINISH, Actor(**run.actor), run, outcomes.get(state, Outcome.FAILED), run.reason, found)
    run.refresh_from_db()


def _result(found: dict[str, int]) -> BulkState:
    """All well, none well, or a part; what was cancelled is no failure, but a run of nothing else is cancelled."""
    well = found[BulkItemState.SUCCEEDED]
    unwell = found[BulkItemState.FAILED] + found[BulkItemState.REFUSED]
    if unwell:
        return BulkState.PARTIAL if well else BulkState.FAILED
    if found[BulkItemState.CANCELLED]:
        return BulkState.PARTIAL if well else BulkState.CANCELLED
    return BulkState.SUCCEEDED


def counts(run: BulkRun) -> dict[str, int]:
    """How many rows of a run are in each state."""
    rows = BulkItem.objects.filter(run=run).order_by().values_list("state").annotate(n=models.Count("pk"))
    return {state.value: 0 for state in BulkItemState} | dict(rows)


def _wrong_state(run: BulkRun, wish: str) -> HostingError:
    run.refresh_from_db()
    return HostingError(
        N_("The run is %(state)s and can't be %(wish)s.", state=shown(run, "state"), wish=wish),
        code="wrong_state",
        hint=N_("Reload the page; somebody may have been faster."),
    )


def _record(
    verb: Verb, actor: Actor, run: BulkRun, outcome: Outcome, reason: str, after: dict[str, Any] | None
) -> None:
    target = Target("bulk_run", str(run.pk), str(run))
    record(verb=verb, actor=actor, target=target, outcome=outcome, reason=reason, after=after)
