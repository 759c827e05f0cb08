"""Places and releases legal holds; both are recorded."""

import datetime
from collections.abc import Iterable

from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from audit.actor import Actor
from audit.choices import Outcome
from audit.models import LegalHold
from audit.record import record
from audit.verbs import AUDIT_HELD, AUDIT_RELEASED


def place(
    *, actor: Actor, reason: str, target_type: str = "", target_id: str = "", label: str = "", is_whole: bool = False,
    since: datetime.datetime | None = None, until: datetime.datetime | None = None,
) -> LegalHold:  # fmt: skip
    """Keep the events of a target or a time until the hold is released.

    Args:
        label: the name people know the target by.
        is_whole: what belongs to the target is held too; see :func:`extend`.

    Raises:
        ValueError: no reason is given, or half a target, or a time that ends before it begins.
    """
    if not reason.strip() or bool(target_type) != bool(target_id):
        raise ValueError("A legal hold has a reason, and a target's type and id or neither.")
    if since and until and until <= since:
        raise ValueError("A legal hold ends after it begins.")
    with transaction.atomic():
        hold = LegalHold.objects.create(
            target_type=target_type, target_id=target_id, target_label=label, is_whole=is_whole, since=since,
            until=until, reason=reason, placed_by=actor.login,
        )  # fmt: skip
        after = {"target": f"{target_type}:{target_id}" if target_type else "", "since": since, "until": until}
        record(verb=AUDIT_HELD, actor=actor, target=hold, outcome=Outcome.SUCCEEDED, reason=reason, after=after)
    return hold


def extend(*, actor: Actor, hold: LegalHold, targets: Iterable[tuple[str, str]]) -> int:
    """Hold what belongs to a hold's target as well; return how many of the targets were not held by it yet."""
    parts = LegalHold.objects.filter(part_of=hold.pk)
    known = {(hold.target_type, hold.target_id), *parts.values_list("target_type", "target_id")}
    fresh = sorted(set(targets) - known)
    with transaction.atomic():
        for kind, identity in fresh:
            LegalHold.objects.create(
                target_type=kind, target_id=identity, since=hold.since, until=hold.until, reason=hold.reason,
                placed_by=hold.placed_by, part_of=hold.pk,
            )  # fmt: skip
        if fresh:
            named = [f"{kind}:{identity}" for kind, identity in fresh]
            record(
                verb=AUDIT_HELD, actor=actor, target=hold, outcome=Outcome.SUCCEEDED, reason=hold.reason,
                after={"targets": named},
            )  # fmt: skip
    return len(fresh)


def release(*, actor: Actor, hold: LegalHold, reason: str) -> None:
    """Let retention have its way again with a hold's events, and with those of its parts.

    Raises:
        ValueError: no reason is given, or the hold was released before.
    """
    if not reason.strip():
        raise ValueError("Releasing a legal hold needs a reason.")
    with transaction.atomic():
        rows = LegalHold.objects.filter(Q(pk=hold.pk) | Q(part_of=hold.pk), released_at=None)
        if not rows.update(released_at=timezone.now(), released_by=actor.login):
            raise ValueError("This legal hold was released before.")
        record(verb=AUDIT_RELEASED, actor=actor, target=hold, outcome=Outcome.SUCCEEDED, reason=reason)
