"""The confirmation that governed operations wait for, as the runner and whoever asks for one see it."""

from datetime import timedelta
from typing import Any

from django.utils import timezone

from audit.actor import Actor
from audit.choices import Outcome
from audit.record import record
from hosting.choices import IntentState, OperationKind, WebhookEvent
from hosting.governance import Assessment, assess
from hosting.models import Intent, Operation
from hosting.operations.requests import actor_of, audit_target, intent_facts
from hosting.operations.webhooks import tell_intent
from hosting.verbs import INTENT_CONFIRM, INTENT_PREPARE

#: How long a token lives (OPERATIONS §2).
LIFE = timedelta(minutes=10)


def intent_of(operation: Operation) -> Intent | None:
    """An operation's intent, if it has one."""
    return Intent.objects.filter(operation=operation).select_related("operation").first()


def assessment_of(operation: Operation) -> Assessment:
    """What an operation risks, with its plan where there is one."""
    return assess(operation.kind, (operation.plan or {}).get("changes", ()))


def must_be_confirmed(operation: Operation) -> bool:
    """Whether an operation is governed, by its kind or by its plan."""
    return assessment_of(operation).governed


def is_blocked(operation: Operation, digest: str) -> bool:
    """Whether an operation's plan may not be carried out: it is governed, not empty, and nobody confirmed it.

    Whatever a door asked for, this is the runner's last word.
    """
    changes = (operation.plan or {}).get("changes", ())
    return bool(changes) and must_be_confirmed(operation) and not _is_confirmed(operation, digest)


def _is_confirmed(operation: Operation, digest: str) -> bool:
    return Intent.objects.filter(operation=operation, state=IntentState.CONFIRMED, digest__in=("", digest)).exists()


def open_intent(operation: Operation) -> None:
    """A plan is there to be looked at: from now on the intent's time runs. Call where the operation becomes planned.

    A token that was given out for an earlier plan is dead: it belongs to that plan.
    """
    found = assessment_of(operation)
    if not found.governed:
        return
    intent, _new = Intent.objects.get_or_create(operation=operation, defaults=intent_facts(found))
    if intent.digest or intent.state != IntentState.WAITING:
        intent.token_sha256, intent.token_issued_at = "", None
    intent.state, intent.closed_at, intent.digest = IntentState.WAITING, None, operation.plan_digest
    intent.expires_at = timezone.now() + LIFE
    for name, value in intent_facts(found).items():
        setattr(intent, name, value)
    intent.save()
    tell_intent(intent, WebhookEvent.INTENT_WAITING)
    _record(INTENT_PREPARE, actor_of(operation), operation, Outcome.REQUESTED, operation.reason)


def confirm_beforehand(operation: Operation, actor: Actor, reason: str) -> None:
    """Let an operation be carried out whatever its plan: it follows from something that a person has confirmed.

    That is a row of a confirmed bulk run, and the purge and the end of the archive that a confirmed deletion announced.
    """
    Operation.objects.filter(pk=operation.pk).update(needs_approval=False)
    operation.needs_approval = False
    closed = {"state": IntentState.CONFIRMED, "closed_at": timezone.now(), "digest": "", "token_sha256": ""}
    facts = intent_facts(assess(operation.kind, ()))
    Intent.objects.update_or_create(operation=operation, defaults={**facts, **closed})
    _record(INTENT_CONFIRM, actor, operation, Outcome.SUCCEEDED, reason)


def _record(verb: Any, actor: Actor, operation: Operation, outcome: Outcome, reason: str) -> None:
    record(
        verb=verb,
        actor=actor,
        target=audit_target(operation),
        outcome=outcome,
        reason=reason,
        after={"kind": OperationKind(operation.kind).value, "plan": operation.plan_digest},
        operation_id=str(operation.pk),
        node=operation.node.name if operation.node else "",
    )
