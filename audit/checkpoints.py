"""Signed statements of the chain's length and end, kept in the database, in a second store and in syslog.

A line of the second store is a JSON object with ``size``, ``head``, ``at``, ``key`` and ``signature``; the signature is
over ``npanel-audit-checkpoint 1``, size, head, time and key id, joined by line feeds.
"""

import datetime
import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from django.conf import settings
from django.utils import timezone

from audit import keys, syslog
from audit.canonical import stored
from audit.models import Checkpoint, Seal
from observability.logging import get_logger
from observability.operations import AUDIT_SEAL

_FILE = "checkpoints.jsonl"
#: The size of the last checkpoint that syslog took.
_SENT = "checkpoints.sent"


@dataclass(frozen=True, slots=True)
class Statement:
    """A checkpoint, wherever it was read; ``source`` says where."""

    size: int
    head: str
    at: str
    key: str
    signature: str
    source: str = "database"

    @property
    def payload(self) -> bytes:
        """What is signed."""
        return payload(self.size, self.head, self.at, self.key)

    def line(self) -> str:
        """Its line in the second store and in syslog."""
        return json.dumps(
            {"size": self.size, "head": self.head, "at": self.at, "key": self.key, "signature": self.signature}
        )


def payload(size: int, head: str, at: str, key: str) -> bytes:
    """The bytes that are signed."""
    return "\n".join(("npanel-audit-checkpoint 1", str(size), head, at, key)).encode()


def make_checkpoint(using: str = "default", *, now: datetime.datetime | None = None, at_once: bool = True) -> None:
    """Sign the chain's end, unless it is signed already or (without ``at_once``) was signed a moment ago."""
    last = Seal.objects.using(using).order_by("-seq").first()
    newest = Checkpoint.objects.using(using).order_by("-size").first()
    moment = (now or timezone.now()).replace(microsecond=0)
    if last is None or (newest is not None and newest.size >= last.seq):
        return
    young = datetime.timedelta(seconds=settings.NPANEL_AUDIT_CHECKPOINT_SECONDS)
    if newest is not None and not at_once and moment - newest.made_at < young:
        return
    key_id, signature = keys.sign(lambda key: payload(last.seq, last.hash, stored(moment), key))
    Checkpoint.objects.using(using).create(
        size=last.seq, head_hash=last.hash, made_at=moment, key_id=key_id, signature=signature
    )


def in_database(using: str = "default", above: int = 0) -> Iterator[Statement]:
    """All checkpoints of the database above a size, in order."""
    for row in Checkpoint.objects.using(using).filter(size__gt=above).order_by("size").iterator(2_000):
        yield Statement(row.size, row.head_hash, str(stored(row.made_at)), row.key_id, row.signature)


def exported(above: int = 0) -> Iterator[Statement]:
    """All checkpoints of the second store above a size, in the order in which they were exported."""
    path = _path()
    if not path.exists():
        return
    with path.open(encoding="utf-8", errors="replace") as lines:
        for line in lines:
            found = _parsed(line)
            if found.size > above:
                yield found


def _parsed(line: str) -> Statement:
    """A line of the second store; one that can't be read has a signature that nobody made."""
    try:
        part = json.loads(line)
        return Statement(int(part["size"]), part["head"], part["at"], part["key"], part["signature"], "second store")
    except (ValueError, KeyError, TypeError):
        return Statement(1 << 62, "", "", "", "", "second store")


def export_missing(using: str = "default") -> None:
    """Append to the second store and send to syslog what was signed since the last export.

    A file that can't be written, or a syslog that does not listen, is logged: sealing goes on, and the next pass
    exports what is missing there; neither waits for the other.
    """
    for export in (_export_to_file, _export_to_syslog):
        try:
            export(using)
        except OSError as error:
            get_logger(AUDIT_SEAL).error("checkpoint not exported", exc_info=error, status="failed")


def _export_to_file(using: str) -> None:
    for statement in in_database(using, _last_exported()):
        _append(statement.line())


def _export_to_syslog(using: str) -> None:
    """What was signed since syslog was first set; a file beside the second store says how far it got."""
    if not settings.NPANEL_AUDIT_SYSLOG:
        return
    mark = _path().with_name(_SENT)
    if not mark.exists():
        newest = list(Checkpoint.objects.using(using).order_by("-size").values_list("size", flat=True)[:2])
        _set_mark(mark, newest[1] if len(newest) == 2 else 0)
    for statement in in_database(using, int(mark.read_text() or 0)):
        syslog.send(statement.line())
        _set_mark(mark, statement.size)


def _set_mark(mark: Path, size: int) -> None:
    mark.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    mark.write_text(str(size))


def _path() -> Path:
    return Path(settings.NPANEL_AUDIT_CHECKPOINT_DIR) / _FILE


def _last_exported() -> int:
    """The size in the last line, read from the end of the file."""
    path = _path()
    if not path.exists():
        return 0
    with path.open("rb") as handle:
        handle.seek(max(0, handle.seek(0, os.SEEK_END) - 4_096))
        lines = handle.read().decode(errors="replace").splitlines()
    sizes = [found.size for found in map(_parsed, lines[-3:]) if found.signature]
    return sizes[-1] if sizes else 0


def _append(line: str) -> None:
    path = _path()
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    descriptor = os.open(path, os.O_CREAT | os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW, 0o640)
    with os.fdopen(descriptor, "w") as handle:
        handle.write(line + "\n")
        handle.flush()
        os.fsync(descriptor)
