"""Moves what is no longer hot into archives and deletes archives that are old enough; each run is recorded.

A run needs no memory of an earlier one: archives have fixed names, writing the same lines again changes nothing, and
hot records go only after their archive was read back. So a run that was killed at any step is simply run again.
"""

import datetime
import fcntl
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import F
from django.utils import timezone

from observability.archive import ArchiveConflict, ArchiveError, ArchiveStore, Manifest
from observability.disk_use import use_of
from observability.logging import get_logger
from observability.models.retention import RetentionRun, RunState
from observability.operations import RETENTION
from observability.retained import Batch, Kind, kinds

#: A kind is due again so long after its last run began.
EVERY = datetime.timedelta(hours=20)
#: A clock that is further ahead of the last run than this is not believed.
BELIEVED_GAP = datetime.timedelta(days=3)
_PARTS = 1_000

log = get_logger(RETENTION)
Reporter = Callable[[RetentionRun, Any], None]
_reporters: list[Reporter] = []


class RetentionRefused(Exception):
    """A run would not be safe now; the text says why and what to do."""


@dataclass(frozen=True, slots=True)
class Step:
    """One thing that a run would do."""

    kind: str
    action: str
    name: str
    day: datetime.date
    lines: int
    bytes: int


def on_run(reporter: Reporter) -> None:
    """Have ``reporter(run, actor)`` called when a run begins and when it ends; an exception of its stops the run."""
    if reporter not in _reporters:
        _reporters.append(reporter)


def steps(kind: Kind, store: ArchiveStore, now: datetime.datetime) -> Iterator[Step]:
    """What a run over ``kind`` would delete and archive, in its order; changes nothing."""
    today = now.astimezone(datetime.UTC).date()
    for manifest in expired(kind, store, today):
        yield Step(kind.name, "delete", manifest.name, _day(manifest), manifest.lines, manifest.stored_bytes)
    for batch in kind.batches(today - datetime.timedelta(days=kind.periods.hot)):
        count = sum(1 for _line in kind.lines(batch))
        yield Step(kind.name, "archive", batch.name, batch.day, count, batch.bytes)


def expired(kind: Kind, store: ArchiveStore, today: datetime.date) -> Iterator[Manifest]:
    """Archives past their day; what was archived late stays in the archive as long as what was not."""
    archived_for = datetime.timedelta(days=kind.periods.delete - kind.periods.hot)
    for manifest in list(store.manifests(kind.name)):
        made = datetime.date.fromisoformat(manifest.created_at[:10])
        if _day(manifest) + datetime.timedelta(days=kind.periods.delete) < today and made + archived_for < today:
            yield manifest


def run_due(actor: Any = None) -> None:
    """Run every kind whose last run is long enough ago; what refuses or fails is logged, the others go on."""
    for kind in kinds():
        last = _last(kind)
        if last is not None and datetime.timedelta(0) <= timezone.now() - last.started_at < EVERY:
            continue
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
    with _alone():
        RetentionRun.objects.filter(state=RunState.RUNNING).update(
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
    today = row.started_at.astimezone(datetime.UTC).date()
    kind.prepare(today)
    # What may go goes first: on a full disk it makes the room that an archive needs.
    for manifest in expired(kind, store, today):
        _note(row, at=manifest.name)
        store.delete(manifest.name)
        _note(row, deleted=F("deleted") + 1)
        log.info("archive deleted", kind=kind.name, archive=manifest.name, lines=manifest.lines, status="success")
    for batch in kind.batches(today - datetime.timedelta(days=kind.periods.hot)):
        _note(row, at=batch.name)
        manifest = archive(kind, batch, store)
        kind.remove(batch, manifest.lines)
        counts = {"archived": F("archived") + 1, "lines": F("lines") + manifest.lines}
        _note(row, **counts, bytes=F("bytes") + manifest.bytes)
        log.info("archived", kind=kind.name, archive=manifest.name, lines=manifest.lines, status="success")


def archive(kind: Kind, batch: Batch, store: ArchiveStore) -> Manifest:
    """Write a batch into its archive and read it back.

    Records of a day that became free later than the others get an archive of their own beside the day's.

    Raises:
        ArchiveError: it could not be written, or an archive of that name is damaged.
    """
    facts = {"day": batch.day.isoformat()}
    for part in range(1, _PARTS):
        name = batch.name if part == 1 else f"{batch.name}.part{part}"
        try:
            return store.write(name, kind.lines(batch), kind=kind.name, first=batch.first, last=batch.last, facts=facts)
        except ArchiveConflict:
            continue
    raise ArchiveError(f"There are {_PARTS} archives of {batch.name} already.")


def _day(manifest: Manifest) -> datetime.date:
    return datetime.date.fromisoformat(str(manifest.facts.get("day") or manifest.created_at[:10]))


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
def _alone() -> Iterator[None]:
    """Only one run at a time; the kernel lets the lock go when the process dies."""
    path = Path(settings.NPANEL_RETENTION_LOCK)
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise RetentionRefused("Another run of retention is under way.") from error
        yield
    finally:
        os.close(descriptor)
