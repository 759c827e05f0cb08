"""Keeps outcome events on local disk, fsynced, while the database can't take them, and replays them later.

One JSON object a line in ``NPANEL_AUDIT_SPOOL_DIR/events.jsonl``. Every event has its ``uid`` already, so a
replay that is interrupted and run again inserts nothing twice.
"""

import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from django.conf import settings
from django.core import serializers
from django.core.exceptions import ImproperlyConfigured
from django.db import DatabaseError, InterfaceError, transaction

from audit.errors import AuditWriteFailed
from audit.models import Event
from observability import metrics
from observability.logging import get_logger
from observability.operations import AUDIT_REPLAY, AUDIT_SPOOL

_SPOOL = "events.jsonl"
_REPLAYING = "events.replaying"
_REJECTED = "events.rejected"


@dataclass(frozen=True, slots=True)
class ReplayResult:
    """How many lines were inserted, were in the database already, could not be read, or still wait."""

    inserted: int = 0
    known: int = 0
    rejected: int = 0
    waiting: int = 0


def spool_dir() -> Path:
    """The spool's directory, created for its owner alone.

    Raises:
        ImproperlyConfigured: NPANEL_AUDIT_SPOOL_DIR is not set.
    """
    configured = getattr(settings, "NPANEL_AUDIT_SPOOL_DIR", "")
    if not configured:
        raise ImproperlyConfigured("Set NPANEL_AUDIT_SPOOL_DIR to a directory on local disk.")
    directory = Path(configured)
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    return directory


def append(event: Event) -> None:
    """Add one unsaved event and return only when it is on disk.

    Raises:
        AuditWriteFailed: the disk refused.
    """
    try:
        with _locked("writer"):
            _append_lines(spool_dir() / _SPOOL, [_serialise(event)])
    except OSError as error:
        raise AuditWriteFailed("The audit event could not even be spooled on local disk.") from error
    get_logger(AUDIT_SPOOL).warning("event spooled", verb=event.verb, event_uid=str(event.uid), status="retrying")


def waiting() -> int:
    """How many lines wait for a replay."""
    return sum(len(_lines(spool_dir() / name)) for name in (_SPOOL, _REPLAYING))


def replay(using: str = "default") -> ReplayResult:
    """Insert what was spooled, oldest first; what the database still refuses stays for the next time.

    Lines that can't be read (cut by a power failure) move to ``events.rejected``, never away.
    """
    with _locked("replayer"):
        result = _replay_file(spool_dir() / _REPLAYING, using)  # left by an interrupted replay
        if result.waiting == 0:
            with _locked("writer"):
                if (spool_dir() / _SPOOL).exists():
                    (spool_dir() / _SPOOL).rename(spool_dir() / _REPLAYING)
            result = _sum(result, _replay_file(spool_dir() / _REPLAYING, using))
    get_logger(AUDIT_REPLAY).info(
        "spool replayed",
        status="partial" if result.rejected or result.waiting else "success",
        inserted=result.inserted, known=result.known, rejected=result.rejected, waiting=result.waiting,
    )  # fmt: skip
    return result


def _replay_file(path: Path, using: str) -> ReplayResult:
    lines = _lines(path)
    counts = {"inserted": 0, "known": 0, "rejected": 0}
    for done, line in enumerate(lines):
        try:
            counts[_replay_line(line, using)] += 1
        except (DatabaseError, InterfaceError) as error:
            get_logger(AUDIT_REPLAY).error("database still refuses", exc_info=error, status="failed")
            return ReplayResult(**counts, waiting=len(lines) - done)
    path.unlink(missing_ok=True)
    _sync_directory(path.parent)
    return ReplayResult(**counts)


def _replay_line(line: str, using: str) -> str:
    try:
        event = next(iter(serializers.deserialize("json", f"[{line}]"))).object
        assert isinstance(event, Event)  # noqa: S101 - narrows the type; anything else is rejected below
    except (serializers.base.DeserializationError, StopIteration, AssertionError):
        _append_lines(spool_dir() / _REJECTED, [line])
        return "rejected"
    if Event.objects.using(using).filter(uid=event.uid).exists():
        return "known"
    with transaction.atomic(using=using):
        event.save(using=using)
    metrics.audit_events.labels(outcome=event.outcome).inc()
    return "inserted"


def _sum(one: ReplayResult, two: ReplayResult) -> ReplayResult:
    return ReplayResult(
        one.inserted + two.inserted, one.known + two.known, one.rejected + two.rejected, one.waiting + two.waiting
    )


def _serialise(event: Event) -> str:
    (item,) = json.loads(serializers.serialize("json", [event]))
    item.pop("pk", None)
    return json.dumps(item)


def _lines(path: Path) -> list[str]:
    try:
        return [line for line in path.read_text(encoding="utf-8", errors="replace").split("\n") if line.strip()]
    except FileNotFoundError:
        return []


def _append_lines(path: Path, lines: list[str]) -> None:
    is_new = not path.exists()
    descriptor = os.open(path, os.O_CREAT | os.O_RDWR | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    with os.fdopen(descriptor, "rb+") as file:
        size = file.seek(0, os.SEEK_END)
        torn = size > 0 and os.pread(descriptor, 1, size - 1) != b"\n"  # a line that a power failure cut
        file.write(("\n" if torn else "").encode() + "".join(f"{line}\n" for line in lines).encode())
        file.flush()
        os.fsync(descriptor)
    if is_new:
        _sync_directory(path.parent)


def _sync_directory(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def _locked(role: str) -> Iterator[None]:
    """One writer and one replayer at a time, over all processes of this machine."""
    descriptor = os.open(spool_dir() / f"{role}.lock", os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)
