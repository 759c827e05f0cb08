"""Places and releases legal holds; both are recorded."""

import datetime

from django.db import transaction
from django.utils import timezone

from audit.actor import Actor
from audit.choices import Outcome
from audit.models import LegalHold
from audit.record import record
from audit.verbs import AUDIT_HELD, AUDIT_RELEASED


def place(
    *, actor: Actor, reason: str, target_type: str = "", target_id: str = "",
    since: datetime.datetime | None = None, until: datetime.datetime | None = None,
) -> LegalHold:  # fmt: skip
    """Keep the events of a target or a time until the hold is released.

    Raises:
        ValueError: no reason is given, or half a target.
    """
    if not reason.strip() or bool(target_type) != bool(target_id):
        raise ValueError("A legal hold has a reason, and a target's type and id or neither.")
    with transaction.atomic():
        hold = LegalHold.objects.create(
            target_type=target_type, target_id=target_id, since=since, until=until, reason=reason,
            placed_by=actor.login,
        )  # fmt: skip
        record(verb=AUDIT_HELD, actor=actor, target=hold, outcome=Outcome.SUCCEEDED, reason=reason)
    return hold


def release(*, actor: Actor, hold: LegalHold, reason: str) -> None:
    """Let retention have its way again.

    Raises:
        ValueError: no reason is given.
    """
    if not reason.strip():
        raise ValueError("Releasing a legal hold needs a reason.")
    with transaction.atomic():
        LegalHold.objects.filter(pk=hold.pk, released_at=None).update(
            released_at=timezone.now(), released_by=actor.login
        )
        record(verb=AUDIT_RELEASED, actor=actor, target=hold, outcome=Outcome.SUCCEEDED, reason=reason)
