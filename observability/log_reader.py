"""Reads NPanel's JSON log lines from their end, newest first, and never more of them than it was told to."""

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from django.conf import settings

_PACKED = (".gz", ".xz", ".zst", ".age")
_BLOCK = 64 * 1024
#: A longer line is no line of ours: it is passed over, so that memory stays small.
_LONGEST = 1024 * 1024
#: Bytes read of all files together, and lines given, unless told otherwise.
MOST_BYTES, MOST_LINES = 64 * 1024 * 1024, 500


@dataclass(slots=True)
class Reading:
    """What was looked through: files by name, those that can't be read, bytes; ``cut`` where a bound ended it."""

    files: list[str]
    unreadable: list[str]
    bytes: int = 0
    cut: bool = False


def log_files() -> list[Path]:
    """The log files of this machine's processes that are not compressed, the last written first."""
    places = {path for path in Path(settings.NPANEL_LOG_DIR).glob("*.log*") if path.suffix not in _PACKED}
    if settings.NPANEL_LOG_FILE:
        places.add(Path(settings.NPANEL_LOG_FILE))
    written = {path: _written(path) for path in places}
    return sorted((path for path in places if written[path]), key=lambda path: written[path], reverse=True)


def _written(path: Path) -> float:
    """When a file was last written to; 0 where there is none any more: retention moves files at any moment."""
    try:
        return path.stat().st_mtime if path.is_file() else 0.0
    except FileNotFoundError:
        return 0.0


def newest_first(path: Path, reading: Reading, most_bytes: int = MOST_BYTES) -> Iterator[bytes]:
    """The lines of a file from its last to its first, a block at a time."""
    with path.open("rb") as file:
        place, rest = file.seek(0, 2), b""
        while place > 0:
            if reading.bytes >= most_bytes:
                reading.cut = True
                return
            size = min(_BLOCK, place)
            place -= size
            file.seek(place)
            rest = file.read(size) + rest
            reading.bytes += size
            rest, *lines = rest.split(b"\n")
            yield from (line for line in reversed(lines) if line)
            rest = b"" if len(rest) > _LONGEST else rest
        if rest:
            yield rest


def lines_of(
    wanted: str, *, files: Iterable[Path] | None = None, limit: int = MOST_LINES, most_bytes: int = MOST_BYTES
) -> tuple[list[dict[str, Any]], Reading]:
    """The lines whose trace id or correlation id is ``wanted``, newest first within each file, and what was read.

    Args:
        files: those to look through, in this order; all that :func:`log_files` finds unless given.
    """
    reading = Reading([], [])
    found: list[dict[str, Any]] = []
    for path in log_files() if files is None else files:
        try:
            for raw in newest_first(path, reading, most_bytes):
                line = _matching(raw, wanted)
                if line is None:
                    continue
                if len(found) >= limit:
                    reading.cut = True
                    break
                found.append(line)
        except OSError:
            reading.unreadable.append(path.name)
            continue
        reading.files.append(path.name)
        if reading.cut:
            break
    return found, reading


def _matching(raw: bytes, wanted: str) -> dict[str, Any] | None:
    """The line as an object if it carries the id; the bytes are looked at first, which spares most of the work."""
    if wanted.encode("ascii", "replace") not in raw:
        return None
    try:
        line = json.loads(raw)
    except ValueError:
        return None
    ids = (line.get("trace_id"), line.get("correlation_id")) if isinstance(line, dict) else ()
    return line if wanted in ids else None
