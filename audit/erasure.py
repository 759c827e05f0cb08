"""Makes a person's or customer's fields unreadable for good: the key goes, hot fields read ``erased`` (ADR 12)."""

import contextlib
import time
from collections.abc import Iterator

from django.conf import settings
from django.db import connections, transaction

from audit.actor import Actor
from audit.canonical import ERASED, PERSONAL, TARGET_SUBJECTS, erased_with
from audit.choices import Outcome
from audit.erasure_proofs import SUBJECT
from audit.models import Erasure, Event, SubjectKey
from audit.record import Target, record
from audit.sealing import SealerBusy, one_sealer, seal_pending
from audit.verbs import AUDIT_ERASED

_STATES = ("before", "after")
#: So many seconds (one look each) an erasure waits for the sealer.
_PATIENCE_S = 60
#: A group of fields, and the condition on events, with its values.
Place = tuple[str, str, list[str]]


class NotSealed(Exception):
    """Events about the subject wait for their seal, and no sealer came."""


def erase(*, actor: Actor, subject: str, reason: str, using: str = "default") -> int:
    """Erase ``user:7`` or ``customer:3`` from the record, which stays provable; the number of fields' groups blanked.

    Raises:
        ValueError: the subject is neither.
        SealerBusy, NotSealed: what is about the subject could not be sealed first; nothing was changed.
    """
    kind, _colon, identity = subject.partition(":")
    if kind not in TARGET_SUBJECTS.values() or not identity.isdigit():
        raise ValueError(f"{subject!r} is neither user:ID nor customer:ID.")
    places = _places(kind, identity)
    with _all_sealed(places, using), transaction.atomic(using=using):
        for name in erased_with(subject):
            Erasure.objects.using(using).get_or_create(pk=name)
            SubjectKey.objects.using(using).filter(pk=name).delete()
        count = sum(_blank(*place, using) for place in places)
        record(
            verb=AUDIT_ERASED, actor=actor, target=Target(SUBJECT, subject, subject),
            outcome=Outcome.SUCCEEDED, reason=reason, after={"fields": count}, using=using,
        )  # fmt: skip
    return count


@contextlib.contextmanager
def _all_sealed(places: list[Place], using: str) -> Iterator[None]:
    """Hold the sealer's lock while nothing about the subject is unsealed: it would be sealed as erased.

    Where sealing is a process of its own, this account may not seal and waits for it.
    """
    if settings.NPANEL_AUDIT_SEALER == "worker":
        seal_pending(using=using)
    for _ in range(_PATIENCE_S):
        with contextlib.suppress(SealerBusy), one_sealer(using):
            if not any(_has_unsealed(where, values, using) for _group, where, values in places):
                yield
                return
        time.sleep(1)
    raise NotSealed("Events about this subject wait for their seal. Start `manage.py audit_seal --follow`, try again.")


def _has_unsealed(where: str, values: list[str], using: str) -> bool:
    with connections[using].cursor() as cursor:
        cursor.execute(
            f"SELECT 1 FROM audit_event e WHERE {where} AND NOT EXISTS"  # noqa: S608 - constants
            " (SELECT 1 FROM audit_seal s WHERE s.event_id = e.id) LIMIT 1",
            values,
        )
        return cursor.fetchone() is not None


def _places(kind: str, identity: str) -> list[Place]:
    """Where a subject's fields are: the group, and the condition on events."""
    target_type = next(name for name, known in TARGET_SUBJECTS.items() if known == kind)
    target = "target_type = %s AND target_id = %s"
    places: list[Place] = [
        ("target", target, [target_type, identity]),
        ("actor", f"actor_type = 'anonymous' AND {target}", [target_type, identity]),
    ]
    if kind == "user":
        places.append(("actor", "actor_type IN ('user', 'token') AND actor_id = %s", [identity]))
        places.append(("impersonator", "impersonator_id = %s", [identity]))
    return places


def _blank(group: str, where: str, values: list[str], using: str) -> int:
    """The only UPDATEs of events; the triggers let them pass for erased subjects alone."""
    quote = connections[using].ops.quote_name
    sets = ", ".join(f"{quote(n)} = NULL" if n in _STATES else f"{quote(n)} = '{ERASED}'" for n in PERSONAL[group])
    with connections[using].cursor() as cursor:
        cursor.execute(f"UPDATE {Event._meta.db_table} SET {sets} WHERE {where}", values)  # noqa: S608 - constants
        return int(cursor.rowcount)
