"""Chains committed events: one sealer at a time gives each event that has no seal the next place."""

import contextlib
import datetime
import fcntl
import os
from collections.abc import Iterator
from typing import Any

from django.conf import settings
from django.db import connections, transaction
from django.utils import timezone

from audit.canonical import COLUMNS, PERSONAL, ZERO, commitment, link, row_of, subjects
from audit.checkpoints import export_missing, make_checkpoint
from audit.erasure_proofs import prove_stated
from audit.look_back import LookBack
from audit.models import Seal
from audit.subject_keys import SubjectKeys
from observability.logging import get_logger
from observability.operations import AUDIT_SEAL

BATCH = 1_000
_LOCK = "npanel_audit_sealer"
_passes = LookBack()


class SealerBusy(Exception):
    """Another process seals now."""


def seal_pending(
    *, using: str = "default", now: datetime.datetime | None = None, whole: bool = True, checkpoint_now: bool = True
) -> int:
    """Seal all events that have none, sign a checkpoint, export it; return how many were sealed.

    Args:
        now: the time to seal with, for tests.
        whole: look at the whole table, not only as far back as :class:`audit.look_back.LookBack` says.
        checkpoint_now: sign even if the last checkpoint is younger than NPANEL_AUDIT_CHECKPOINT_SECONDS.

    Raises:
        SealerBusy: another process is at it.
        OSError: the signing key can't be read; what was sealed stays sealed.
    """
    with one_sealer(using):
        floor = 0 if whole else _passes.floor(last_sealed_id(using))
        count = 0
        keys = SubjectKeys(using)
        while done := _seal_batch(using, floor, keys, now):
            count += done
        _passes.saw(last_sealed_id(using))
        make_checkpoint(using, now=now, at_once=checkpoint_now)
        export_missing(using)
    if count:
        get_logger(AUDIT_SEAL).info("events sealed", count=count, status="success")
    return count


def last_sealed_id(using: str = "default") -> int:
    """The highest id of an event with a seal; 0 when there is none."""
    return Seal.objects.using(using).order_by("-event_id").values_list("event_id", flat=True).first() or 0


def _seal_batch(using: str, floor: int, keys: SubjectKeys, now: datetime.datetime | None) -> int:
    with transaction.atomic(using=using):
        rows = _unsealed(using, floor)
        if rows:
            seals = _chain(rows, using, keys, now)
            Seal.objects.using(using).bulk_create(seals)
            prove_stated(zip((seal.seq for seal in seals), rows, strict=True), using)
    return len(rows)


def _chain(rows: list[dict[str, Any]], using: str, keys: SubjectKeys, now: datetime.datetime | None) -> list[Seal]:
    last = Seal.objects.using(using).order_by("-seq").first()
    seq, previous = (last.seq, last.hash) if last else _after_segments(using)
    moment = now or timezone.now()
    if last and moment < last.sealed_at:  # a clock that went back must not reorder days
        moment = last.sealed_at
    made = []
    for row in rows:
        seq += 1
        whose = subjects(row)
        committed = ",".join(commitment(row, group, keys.key_to_write(whose[group])) for group in PERSONAL)
        fresh = link(row, committed, previous)
        made.append(
            Seal(seq=seq, event_id=row["id"], event_uid=row["uid"], commitments=committed, previous_hash=previous,
                 hash=fresh, sealed_at=moment)
        )  # fmt: skip
        previous = fresh
    return made


def _after_segments(using: str) -> tuple[int, str]:
    """Where the chain goes on when everything sealed so far has left the database."""
    from audit.models import Segment

    last = Segment.objects.using(using).order_by("-last_seq").first()
    return (last.last_seq, last.last_hash) if last else (0, ZERO)


def _unsealed(using: str, floor: int) -> list[dict[str, Any]]:
    """The next events without a seal, oldest id first, above ``floor``."""
    with connections[using].cursor() as cursor:
        cursor.execute(
            f"SELECT {columns(using)} FROM audit_event e WHERE e.id > %s AND NOT EXISTS"  # noqa: S608 - constants
            " (SELECT 1 FROM audit_seal s WHERE s.event_id = e.id) ORDER BY e.id LIMIT %s",
            [floor, BATCH],
        )
        return [row_of(values) for values in cursor.fetchall()]


def columns(using: str) -> str:
    """All columns of an event, as ``e``."""
    quote = connections[using].ops.quote_name
    return ", ".join(f"e.{quote(name)}" for name in COLUMNS)


@contextlib.contextmanager
def one_sealer(using: str = "default") -> Iterator[None]:
    """Hold the sealer's lock: the server's on MariaDB, a file's on SQLite; either goes with the process that dies."""
    if connections[using].vendor == "mysql":
        with _server_lock(using):
            yield
        return
    path = settings.VAR_DIR / "run" / "audit-sealer.lock"
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    except BlockingIOError as error:
        raise SealerBusy("Another process seals audit events now.") from error
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def _server_lock(using: str) -> Iterator[None]:
    name = f"{_LOCK}:{connections[using].settings_dict['NAME']}"[:64]
    with connections[using].cursor() as cursor:
        cursor.execute("SELECT GET_LOCK(%s, 0)", [name])
        if cursor.fetchone()[0] != 1:
            raise SealerBusy("Another process seals audit events now.")
        try:
            yield
        finally:
            cursor.execute("SELECT RELEASE_LOCK(%s)", [name])
