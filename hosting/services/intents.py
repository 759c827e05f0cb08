"""Confirms governed operations: a one-time token, the same person, the same plan, a reason; and lets intents expire."""

import dataclasses
import hashlib
import hmac
import secrets
from typing import Any

from django.db import transaction
from django.utils import timezone

from audit.actor import Actor
from audit.choices import Outcome
from audit.record import Target, record
from audit.verbs import Verb
from hosting.choices import BulkState, IntentState, OperationState, WebhookEvent
from hosting.errors import HostingError
from hosting.models import BulkRun, Intent, Operation
from hosting.operations.doorbell import ring
from hosting.operations.intents import LIFE, intent_of
from hosting.operations.requests import audit_target
from hosting.operations.webhooks import tell_intent
from hosting.services.operations import give_up, release
from hosting.texts import N_
from hosting.transactions import retried
from hosting.translated import shown
from hosting.validators import one_line
from hosting.verbs import BULK_CONFIRM, INTENT_CONFIRM, INTENT_EXPIRE, INTENT_TOKEN

#: Written in hexadecimal: a token that begins with a dash would be an option to a command line.
_TOKEN_BYTES = 32
#: What makes two actors the same person at the same door's other side.
_IDENTITY = ("type", "id", "login", "impersonator_id")


@retried
def issue_token(*, actor: Actor, operation: Operation) -> str:
    """The token of an intent, once, for who asked for it. Its ten minutes run from when the plan is there.

    Raises:
        HostingError: ``not_governed``, ``other_actor``, ``token_shown``, ``intent_closed``.
    """
    intent = _open_intent(operation)
    _check_asker(actor, intent)
    if intent.token_sha256:
        raise HostingError(
            N_("The token was shown already."),
            code="token_shown",
            hint=N_("Prepare it again; the old token then is dead."),
        )
    return _issue(actor, intent)


@retried
def prepare_again(*, actor: Actor, operation: Operation) -> str:
    """Show a plan that still waits once more: a new token with ten new minutes; the old token is dead.

    Raises:
        HostingError: ``not_governed``, ``other_actor``, ``intent_closed``, ``wrong_state`` (nothing to look at yet).
    """
    intent = _open_intent(operation)
    _check_asker(actor, intent)
    if operation.state != OperationState.PLANNED:
        raise HostingError(
            N_("There is no plan to look at."), code="wrong_state", hint=N_("Wait until the worker has made it.")
        )
    return _issue(actor, intent, fresh=True)


def issue_bulk_token(actor: Actor, run: BulkRun) -> str:
    """The (next) token of a governed bulk run; see :func:`prepare_again`. Call in a transaction."""
    intent = Intent.objects.select_related("bulk").filter(bulk=run).first()
    if intent is None:
        raise _not_governed(run)
    _check_open(intent)
    _check_asker(actor, intent)
    return _issue(actor, intent, fresh=True)


def _issue(actor: Actor, intent: Intent, *, fresh: bool = False) -> str:
    token, now = secrets.token_hex(_TOKEN_BYTES), timezone.now()
    values: dict[str, Any] = {"token_sha256": _digest(token), "token_issued_at": now}
    if fresh:
        values["expires_at"] = now + LIFE
    if not Intent.objects.filter(pk=intent.pk, state=IntentState.WAITING).update(**values):
        raise _closed(intent)
    _record(INTENT_TOKEN, actor, intent, Outcome.SUCCEEDED, "")
    return token


def confirm_intent(*, actor: Actor, operation: Operation, token: str, digest: str, reason: str) -> Operation:
    """Let a governed operation be carried out, exactly as it was shown.

    Args:
        token: as it was shown to this actor. digest: of the plan that was shown with it.

    Raises:
        HostingError: ``reason_missing``, ``not_governed``, ``other_actor``, ``wrong_token``, ``stale_plan``,
            ``intent_expired``, ``intent_closed``, ``wrong_state``. Each refusal is an audit event.
    """
    try:
        return _confirm(actor, operation, token, digest, reason.strip())
    except HostingError as error:
        intent = intent_of(operation)
        if intent is not None:
            record_refusal(actor, intent, INTENT_CONFIRM, error)
        raise


@retried
def _confirm(actor: Actor, operation: Operation, token: str, digest: str, reason: str) -> Operation:
    intent = _open_intent(operation)
    take_intent(actor, intent, token, digest, reason)
    if not release(operation, digest, reason):
        raise HostingError(
            N_("The operation is %(state)s and can't be confirmed.", state=shown(operation, "state")),
            code="wrong_state",
            hint=N_("Reload the page; somebody may have been faster."),
        )
    _record(INTENT_CONFIRM, actor, intent, Outcome.SUCCEEDED, reason)
    transaction.on_commit(ring)
    operation.refresh_from_db()
    intent.operation = operation
    tell_intent(intent, WebhookEvent.INTENT_CONFIRMED)
    return operation


def take_intent(actor: Actor, intent: Intent, token: str, digest: str, reason: str) -> None:
    """Use an intent up, by one guarded UPDATE: of two confirmations at once, or one and its expiry, one wins.

    Raises:
        HostingError: what is wrong with the confirmation.
    """
    _check_asker(actor, intent)
    _check_open(intent)
    if not intent.token_sha256 or not hmac.compare_digest(intent.token_sha256, _digest(token)):
        raise HostingError(
            N_("This is not the token that was shown last."),
            code="wrong_token",
            hint=N_("Prepare it again."),
            field="token",
        )
    if intent.digest != digest or not digest:
        raise HostingError(
            N_("The plan is not the one you saw."),
            code="stale_plan",
            hint=N_("Look at the new plan and confirm that one."),
        )
    if not one_line(reason):
        raise HostingError(
            N_("A reason is needed."),
            code="reason_missing",
            hint=N_("Say why; it is kept in the audit log."),
            field="reason",
        )
    now = timezone.now()
    waiting = Intent.objects.filter(
        pk=intent.pk, state=IntentState.WAITING, token_sha256=_digest(token), digest=digest, expires_at__gt=now
    )
    if not waiting.update(state=IntentState.CONFIRMED, closed_at=now, token_sha256=""):
        raise _closed(intent)


def record_refusal(actor: Actor, intent: Intent, verb: Verb, error: HostingError) -> None:
    """Record a confirmation that was refused, in a transaction of its own: the refused one is rolled back."""
    _record(verb, actor, intent, Outcome.DENIED, error.code)


def expire_intents(*, actor: Actor, limit: int = 100) -> int:
    """End the intents whose time is over: what they wanted is put back. The worker does this every few seconds.

    Returns:
        How many.
    """
    due = Intent.objects.filter(state=IntentState.WAITING, expires_at__lte=timezone.now()).order_by("expires_at")
    return sum(_expire(actor, intent) for intent in due.select_related("operation", "bulk")[:limit])


@retried
def _expire(actor: Actor, intent: Intent) -> bool:
    waiting = Intent.objects.filter(pk=intent.pk, state=IntentState.WAITING, expires_at__lte=timezone.now())
    if not waiting.update(state=IntentState.EXPIRED, closed_at=timezone.now(), token_sha256=""):
        return False
    if intent.bulk is not None:
        over = {"state": BulkState.CANCELLED, "finished_at": timezone.now()}
        BulkRun.objects.filter(pk=intent.bulk.pk, state=BulkState.WAITING).update(**over)
    elif intent.operation is not None and intent.operation.state == OperationState.PLANNED:
        give_up(actor, intent.operation, _expired())
    _record(INTENT_EXPIRE, actor, intent, Outcome.EXPIRED, "")
    intent.refresh_from_db()
    tell_intent(intent, WebhookEvent.INTENT_EXPIRED)
    return True


def _expired() -> HostingError:
    return HostingError(
        N_("Nobody confirmed it within ten minutes, so it was given up."),
        code="intent_expired",
        hint=N_("Prepare it again. Nothing was changed."),
    )


def _open_intent(operation: Operation) -> Intent:
    intent = intent_of(operation)
    if intent is None:
        raise _not_governed(operation)
    _check_open(intent)
    return intent


def _check_open(intent: Intent) -> None:
    if not intent.is_open(timezone.now()):
        raise _closed(intent)


def _check_asker(actor: Actor, intent: Intent) -> None:
    asker, mine = intent.actor, dataclasses.asdict(actor)
    if any(str(asker.get(name, "")) != str(mine[name]) for name in _IDENTITY):
        raise HostingError(
            N_("Only who asked for it can confirm it."),
            code="other_actor",
            hint=N_("Ask for it yourself, or leave it to the one who did. You can cancel it."),
        )


def _closed(intent: Intent) -> HostingError:
    intent.refresh_from_db()
    if intent.state in (IntentState.WAITING, IntentState.EXPIRED):
        return _expired()
    return HostingError(
        N_("It is %(state)s already.", state=shown(intent, "state")),
        code="intent_closed",
        hint=N_("Reload the page; somebody may have been faster."),
    )


def _not_governed(subject: object) -> HostingError:
    return HostingError(
        N_("“%(subject)s” needs no confirmation.", subject=subject),
        code="not_governed",
        hint=N_("Approve its plan once it is there."),
    )


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


def _record(verb: Verb, actor: Actor, intent: Intent, outcome: Outcome, reason: str) -> None:
    operation, run = intent.operation, intent.bulk
    target = (
        audit_target(operation) if operation is not None else Target("bulk_run", str(run.pk if run else ""), str(run))
    )
    record(
        verb=BULK_CONFIRM if verb == INTENT_CONFIRM and run is not None else verb,
        actor=actor,
        target=target,
        outcome=outcome,
        reason=reason,
        after={"kind": intent.subject.kind, "plan": intent.digest},
        operation_id=str(operation.pk) if operation is not None else "",
        node=operation.node.name if operation is not None and operation.node else "",
    )
