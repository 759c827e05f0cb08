"""Finds lines among what is hot and what is archived, in one pass that keeps nothing in memory."""

import datetime
import json
import re
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from typing import Any

from observability.archive import ArchiveError, ArchiveLocked, ArchiveStore, Manifest
from observability.names import Known, as_in_line, holds, known
from observability.retained import Kind, kinds

#: Where a word begins in a line of JSON: also after the letter of an escaped line break or tab.
_BEFORE = rb"(?:(?<![\w-])|(?<=\\[nrt]))"


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is looked for; what is empty matters not.

    ``names`` are names or ids of customers, services, people: each must stand in the line as a whole word, or the line
    be about what the name is known to stand for (:mod:`observability.names`).
    """

    trace: str = ""
    correlation: str = ""
    since: datetime.datetime | None = None
    until: datetime.datetime | None = None
    text: str = ""
    names: tuple[str, ...] = ()
    level: str = ""
    operation: str = ""
    kinds: tuple[str, ...] = ()
    hot: bool = True
    archived: bool = True


@dataclass(slots=True)
class Reading:
    """What a search has read so far: archives by name, those it has no keys to, why some can't be read, and lines."""

    archives: list[str] = field(default_factory=list)
    locked: list[str] = field(default_factory=list)
    broken: list[str] = field(default_factory=list)
    passed_over: int = 0
    lines: int = 0


def search(
    wanted: Wanted, reading: Reading, store: ArchiveStore | None = None, on_archive: Callable[[str], None] | None = None
) -> Iterator[tuple[str, dict[str, Any]]]:
    """Matching lines with where they are from (a kind, or an archive's name): archives first, they are older.

    An archive that is damaged, or encrypted and there is no key, is named in ``reading.broken``; the others are read.
    """
    names = [known(name) for name in wanted.names]
    test = _test(wanted, names)
    narrowed = {**asdict(wanted), "known": names}
    for kind in kinds():
        if wanted.kinds and kind.name not in wanted.kinds:
            continue
        for source, lines in _sources(kind, narrowed, wanted, reading, store, on_archive):
            for raw in lines:
                reading.lines += 1
                line = test(raw)
                if line is not None:
                    yield source, line


def _sources(
    kind: Kind, narrowed: dict[str, Any], wanted: Wanted, reading: Reading, store: ArchiveStore | None,
    on_archive: Callable[[str], None] | None,
) -> Iterator[tuple[str, Iterator[bytes]]]:  # fmt: skip
    if wanted.archived:
        place = store or ArchiveStore()
        for manifest in _manifests(kind, place, reading):
            if not _may_hold(manifest, wanted):
                reading.passed_over += 1
                continue
            try:
                lines = kind.archived_lines(manifest, place)
            except ArchiveLocked:
                reading.locked.append(manifest.name)
                continue
            reading.archives.append(manifest.name)
            if on_archive is not None:
                on_archive(manifest.name)
            yield manifest.name, _readable(lines, reading)
    if wanted.hot:
        yield kind.name, kind.hot_lines(narrowed)


def _manifests(kind: Kind, store: ArchiveStore, reading: Reading) -> list[Manifest]:
    try:
        return list(kind.archives(store, reading.broken))
    except ArchiveError as error:  # the storage is away; what is hot must be found all the same
        reading.broken.append(str(error))
        return []


def _readable(lines: Iterator[bytes], reading: Reading) -> Iterator[bytes]:
    try:
        yield from lines
    except ArchiveError as error:
        reading.broken.append(str(error))


def _may_hold(manifest: Manifest, wanted: Wanted) -> bool:
    """Whether the times of an archive's lines meet the times asked for; one without times is read."""
    if manifest.first and wanted.until and _moment(manifest.first) >= wanted.until:
        return False
    return not (manifest.last and wanted.since and _moment(manifest.last) < wanted.since)


def _moment(text: str) -> datetime.datetime:
    moment = datetime.datetime.fromisoformat(text)
    return moment if moment.tzinfo else moment.replace(tzinfo=datetime.UTC)


def _test(wanted: Wanted, names: list[Known]) -> Callable[[bytes], dict[str, Any] | None]:
    """Look at the raw line first: most lines are told apart without reading them as JSON."""
    exact = {"trace_id": wanted.trace, "correlation_id": wanted.correlation, "level": wanted.level,
             "operation": wanted.operation}  # fmt: skip
    asked = {name: value for name, value in exact.items() if value}
    text = as_in_line(wanted.text)
    patterns, needles = [_pattern(name) for name in names], [name.needles for name in names]

    def test(raw: bytes) -> dict[str, Any] | None:
        lowered = raw.lower()
        if text not in lowered or not holds(lowered, needles):
            return None
        if not all(pattern.search(lowered) for pattern in patterns):
            return None
        try:
            line = json.loads(raw)
        except ValueError:
            line = {"message": raw.decode("utf-8", "replace")}
        if not isinstance(line, dict) or any(line.get(name) != value for name, value in asked.items()):
            return None
        return line if _in_time(line, wanted) else None

    return test


def _pattern(name: Known) -> re.Pattern[bytes]:
    """A name as a whole word, or what else tells that a line is about it."""
    words = b"|".join(map(re.escape, name.words))
    marks = b"".join(b"|" + re.escape(mark) for mark in name.marks)
    return re.compile(_BEFORE + rb"(?:" + words + rb")(?![\w-])" + marks)


def _in_time(line: dict[str, Any], wanted: Wanted) -> bool:
    if wanted.since is None and wanted.until is None:
        return True
    try:
        moment = _moment(str(line["timestamp"]))
    except (KeyError, ValueError):
        return False
    return not ((wanted.since and moment < wanted.since) or (wanted.until and moment >= wanted.until))
