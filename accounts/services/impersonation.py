"""An operator acts as a customer's or reseller's person: asked for, begun by a one-time ticket, ended."""

import hashlib
import secrets
from datetime import timedelta

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.choices import Role
from accounts.interfaces import CUSTOMER, may_enter
from accounts.models import Impersonation, User
from accounts.verbs import IMPERSONATION_ASK, IMPERSONATION_END, IMPERSONATION_START
from audit.actor import Actor, ActorType
from audit.choices import Outcome
from audit.record import record
from observability.logging import get_logger
from observability.operations import IMPERSONATION
from observability.redaction import redact_text

LASTS = timedelta(minutes=15)
TICKET_LASTS = timedelta(seconds=60)
#: The shape that redaction knows as a key (observability.redaction).
PREFIX = "npimp_"


@transaction.atomic
def ask_impersonation(*, actor: Actor, operator: User, user: User, reason: str) -> tuple[Impersonation, str]:
    """Prepare to act as a person; returns the row and the ticket, which is kept nowhere.

    Raises:
        ValidationError: no reason, or not somebody that an operator may act as.
    """
    if not reason.strip():
        raise ValidationError({"reason": _("Say why. The person can read it.")})
    if not operator.is_staff or user.is_staff or not user.is_active or not may_enter(user, CUSTOMER):
        raise ValidationError(_("Nobody can act as this person."))
    now, ticket = timezone.now(), PREFIX + secrets.token_urlsafe(32)
    row = Impersonation(
        operator=operator, user=user, reason=redact_text(reason.strip()), ticket_digest=_digest(ticket),
        ticket_until=now + TICKET_LASTS, until=now + LASTS,
    )  # fmt: skip
    row.full_clean(exclude=["started_at", "ended_at"])
    row.save()
    record(verb=IMPERSONATION_ASK, actor=actor, target=user, outcome=Outcome.REQUESTED, reason=row.reason)
    return row, ticket


@transaction.atomic
def redeem(*, ticket: str, ip: str, user_agent: str) -> Impersonation | None:
    """Begin what a ticket stands for; None when it is used, too old, unknown, or its people may not any more."""
    found = Impersonation.objects.select_related("operator", "user", "user__reseller")
    row = found.filter(ticket_digest=_digest(ticket)).first()
    now = timezone.now()
    if row is None or not _still_right(row):
        return None
    fresh = Impersonation.objects.filter(pk=row.pk, started_at=None, ended_at=None, ticket_until__gt=now)
    if fresh.update(started_at=now, until=now + LASTS) != 1:
        return None
    row.refresh_from_db(fields=["started_at", "until"])
    after = {"ip": ip, "user_agent": user_agent, "until": row.until.isoformat()}
    actor = acting(row, ip=ip)
    record(
        verb=IMPERSONATION_START,
        actor=actor,
        target=row.user,
        outcome=Outcome.SUCCEEDED,
        reason=row.reason,
        after=after,
    )
    get_logger(IMPERSONATION).info("impersonation began", user_id=str(row.user_id), status="success")
    return row


@transaction.atomic
def end_impersonation(*, actor: Actor, impersonation: Impersonation, how: str) -> None:
    """Stop acting as the person; the second of two who end it changes nothing.

    Args:
        how: ``button``, ``time``, ``operator`` (may not any more) or ``person`` (likewise).
    """
    if Impersonation.objects.filter(pk=impersonation.pk, ended_at=None).update(ended_at=timezone.now()) != 1:
        return
    target = impersonation.user
    record(verb=IMPERSONATION_END, actor=actor, target=target, outcome=Outcome.SUCCEEDED, after={"how": how})
    get_logger(IMPERSONATION).info("impersonation ended", user_id=str(impersonation.user_id), status="success")


def find(pk: int) -> Impersonation | None:
    """An impersonation with its two people."""
    return Impersonation.objects.select_related("operator", "user", "user__reseller").filter(pk=pk).first()


def over(row: Impersonation) -> str:
    """Why an impersonation can't go on, or ""."""
    if row.ended_at is not None:
        return "button"
    if row.until <= timezone.now():
        return "time"
    if not (row.operator.is_active and row.operator.is_staff):
        return "operator"
    return "" if _still_right(row) else "person"


def running() -> int:
    """How many go on now."""
    return Impersonation.objects.filter(ended_at=None, started_at__isnull=False, until__gt=timezone.now()).count()


def acting(row: Impersonation, *, ip: str = "") -> Actor:
    """The person as an actor, with the operator behind them."""
    return Actor(
        type=ActorType.USER, id=str(row.user_id), login=row.user.email, role=Role(row.user.role), interface=CUSTOMER,
        ip=ip, impersonator_id=str(row.operator_id), impersonator_login=row.operator.email,
    )  # fmt: skip


def _still_right(row: Impersonation) -> bool:
    operator, user = row.operator, row.user
    fits = user.is_active and not user.is_staff and may_enter(user, CUSTOMER)
    return bool(operator.is_active and operator.is_staff and fits)


def _digest(ticket: str) -> str:
    return hashlib.sha256(ticket.encode()).hexdigest()
