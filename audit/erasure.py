"""Makes a person's or customer's fields unreadable for good: the key goes, hot fields read ``erased`` (ADR 12)."""

from django.db import connections, transaction

from audit.actor import Actor
from audit.canonical import ERASED, PERSONAL, TARGET_SUBJECTS
from audit.choices import Outcome
from audit.models import Erasure, Event, SubjectKey
from audit.record import Target, record
from audit.sealing import one_sealer, seal_pending
from audit.verbs import AUDIT_ERASED

_STATES = ("before", "after")


def erase(*, actor: Actor, subject: str, reason: str, using: str = "default") -> int:
    """Erase ``user:7`` or ``customer:3`` from the record, which stays provable; the number of fields' groups blanked.

    Raises:
        ValueError: the subject is neither.
    """
    kind, _colon, identity = subject.partition(":")
    if kind not in TARGET_SUBJECTS.values() or not identity.isdigit():
        raise ValueError(f"{subject!r} is neither user:ID nor customer:ID.")
    seal_pending(using=using)  # what has no seal yet would be sealed as erased
    with one_sealer(using), transaction.atomic(using=using):
        Erasure.objects.using(using).bulk_create(
            [] if Erasure.objects.using(using).filter(pk=subject).exists() else [Erasure(subject=subject)]
        )
        count = _blank(kind, identity, using)
        SubjectKey.objects.using(using).filter(pk=subject).delete()
        record(
            verb=AUDIT_ERASED, actor=actor, target=Target("audit.subject", subject, subject),
            outcome=Outcome.SUCCEEDED, reason=reason, after={"fields": count}, using=using,
        )  # fmt: skip
    return count


def _blank(kind: str, identity: str, using: str) -> int:
    """The only UPDATEs of events; the triggers let them pass for erased subjects alone."""
    target_type = next(name for name, known in TARGET_SUBJECTS.items() if known == kind)
    target = "target_type = %s AND target_id = %s"
    count = _update("target", target, [target_type, identity], using)
    count += _update("actor", f"actor_type = 'anonymous' AND {target}", [target_type, identity], using)
    if kind == "user":
        count += _update("actor", "actor_type = 'user' AND actor_id = %s", [identity], using)
        count += _update("impersonator", "impersonator_id = %s", [identity], using)
    return count


def _update(group: str, where: str, values: list[str], using: str) -> int:
    quote = connections[using].ops.quote_name
    sets = ", ".join(f"{quote(n)} = NULL" if n in _STATES else f"{quote(n)} = '{ERASED}'" for n in PERSONAL[group])
    with connections[using].cursor() as cursor:
        cursor.execute(f"UPDATE {Event._meta.db_table} SET {sets} WHERE {where}", values)  # noqa: S608 - constants
        return int(cursor.rowcount)
