"""Moves what is no longer hot into archives and deletes archives that are old enough; each run is recorded.

A run needs no memory of an earlier one: archives have fixed names, writing the same lines again changes nothing, and
hot records go only after their archive was read back. So a run that was killed at any step is simply run again.
"""

import datetime
import fcntl
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import F
from django.utils import timezone

from observability.archive import ArchiveError, ArchiveStore
from observability.disk_use import use_of
from observability.logging import get_logger
from observability.models.retention import RetentionRun, RunState
from observability.operations import RETENTION
from observability.retained import Kind, RetentionRefused, kinds

#: A kind is due again so long after its last run began.
EVERY = datetime.timedelta(hours=20)
#: A clock that is further ahead of the last run than this is not believed.
BELIEVED_GAP = datetime.timedelta(days=3)
_SAID = {"archive": "archived", "remove": "removed", "delete": "archive deleted", "held": "held"}

log = get_logger(RETENTION)
Reporter = Callable[[RetentionRun, Any], None]
_reporters: list[Reporter] = []


def on_run(reporter: Reporter) -> None:
    """Have ``reporter(run, actor)`` called when a run begins and when it ends; an exception of its stops the run."""
    if reporter not in _reporters:
        _reporters.append(reporter)


def run_due(actor: Any = None) -> None:
    """Run every kind that this process runs and whose last run is long enough ago."""
    for kind in kinds():
        if kind.is_run_here():
            run_if_due(kind, actor=actor)


def run_if_due(kind: Kind, *, actor: Any = None) -> None:
    """Run a kind whose last run is long enough ago; what refuses or fails is logged, so that others go on."""
    last = _last(kind)
    if last is not None and datetime.timedelta(0) <= timezone.now() - last.started_at < EVERY:
        return
    try:
        run(kind, actor=actor)
    except (RetentionRefused, ArchiveError) as error:
        log.error("retention did not run", kind=kind.name, status="failed", error_message=str(error))


def run(kind: Kind, *, actor: Any = None, store: ArchiveStore | None = None, trust_clock: bool = False) -> RetentionRun:
    """Archive and delete what is due of one kind.

    Args:
        actor: who runs it, handed on to the reporters.
        trust_clock: believe the clock although it is far from the last run's.

    Raises:
        RetentionRefused: another run is under way, or the clock can't be believed.
        ArchiveError: an archive could not be written, or is not what was written; nothing hot was removed for it.
    """
    with _alone(kind):
        RetentionRun.objects.filter(kind=kind.name, state=RunState.RUNNING).update(
            state=RunState.INTERRUPTED, finished_at=timezone.now()
        )
        _check_clock(kind, trust_clock)
        row = RetentionRun(kind=kind.name, started_at=timezone.now())
        _tell(row, actor)
        try:
            place = store or ArchiveStore()
            _carry_out(kind, place, row)
            _note(row, use=asdict(use_of(kind, row.started_at.astimezone(datetime.UTC).date(), place)))
        except Exception as error:
            _finish(row, RunState.FAILED, actor, f"{type(error).__name__}: {error}")
            raise
        _finish(row, RunState.SUCCEEDED, actor)
        return row


def _carry_out(kind: Kind, store: ArchiveStore, row: RetentionRun) -> None:
    for step in kind.carry_out(store, row.started_at, lambda name: _note(row, at=name)):
        if step.action == "archive":
            counts = {"archived": F("archived") + 1, "lines": F("lines") + step.lines}
            _note(row, **counts, bytes=F("bytes") + step.bytes)
        elif step.action == "delete":
            _note(row, deleted=F("deleted") + 1)
        log.info(_SAID[step.action], kind=kind.name, archive=step.name, lines=step.lines, status="success")


def _last(kind: Kind) -> RetentionRun | None:
    """The run that was made last, whatever the clock said then."""
    return RetentionRun.objects.filter(kind=kind.name).order_by("-pk").first()


def _check_clock(kind: Kind, trust_clock: bool) -> None:
    last = _last(kind)
    if last is None or trust_clock:
        return
    gap = timezone.now() - last.started_at
    if datetime.timedelta(0) <= gap <= BELIEVED_GAP:
        return
    raise RetentionRefused(
        f"The clock says {timezone.now():%Y-%m-%d %H:%M} UTC, the last run of {kind.name} began "
        f"{last.started_at:%Y-%m-%d %H:%M} UTC. If the clock is right, run: "
        f"manage.py retention {kind.name} --trust-clock"
    )


def _note(row: RetentionRun, **values: Any) -> None:
    RetentionRun.objects.filter(pk=row.pk).update(**values)


def _tell(row: RetentionRun, actor: Any) -> None:
    """Save a run and tell the reporters, both or neither: nothing goes that was not recorded."""
    with transaction.atomic():
        row.save()
        for reporter in _reporters:
            reporter(row, actor)


def _finish(row: RetentionRun, state: RunState, actor: Any, error: str = "") -> None:
    row.refresh_from_db()
    row.state, row.finished_at, row.error, row.at = state, timezone.now(), error[:500], ""
    _tell(row, actor)


@contextmanager
def _alone(kind: Kind) -> Iterator[None]:
    """Only one run of a kind at a time; the kernel lets the lock go when the process dies.

    A lock for each kind, because they may be run by accounts that can't open each other's files.
    """
    path = Path(f"{settings.NPANEL_RETENTION_LOCK}.{kind.name}")
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise RetentionRefused(f"Another run of retention of {kind.name} is under way.") from error
        yield
    finally:
        os.close(descriptor)
