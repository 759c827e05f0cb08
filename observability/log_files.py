"""Application log files: one for each process, turned over once a day, archived and deleted by retention."""

import datetime
import json
import os
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from django.conf import settings
from django.utils.translation import gettext_lazy as _

from observability.batches import Batch, InBatches
from observability.names import Needles, holds

_LONGEST_LINE = 1 << 20
_BLOCK = 1 << 14
#: With more, looking at each line is the faster way.
_MOST_NEEDLES = 200
_SLACK = datetime.timedelta(minutes=1)
#: Names that an archive can have, in any case: a file that a person put there must not stop those after it.
_TURNED_OVER = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,79}\.log\.(\d{4}-\d\d-\d\d)")


class LogFiles(InBatches):
    """The files ``*.log`` of NPANEL_LOG_DIR, and what was turned over: ``NAME.log.YYYY-MM-DD``."""

    name = "app"
    label = _("Application logs")

    def prepare(self, today: datetime.date) -> None:
        """Turn over every file whose first line is of an earlier day.

        The processes that write to it look at each line whether it is still there (WatchedFileHandler), and make it
        anew. One that was just about to write puts that line into the file that was moved, which nobody reads for the
        archive before many days have passed.
        """
        for path in _live(self._folder()):
            if (began := _first_day(path)) is None or began >= today:
                continue
            moved = path.with_name(f"{path.name}.{today - datetime.timedelta(days=1)}")
            if not moved.exists():
                os.rename(path, moved)

    def batches(self, before: datetime.date) -> Iterator[Batch]:
        """Turned-over files of the days before ``before``."""
        for day, path in sorted(_turned_over(self._folder())):
            if day < before:
                facts = path.stat()
                written = datetime.datetime.fromtimestamp(facts.st_mtime, datetime.UTC) + _SLACK
                first, last = _first_moment(path), written.isoformat()
                yield Batch(self._archive_name(path), day, facts.st_size, first, last if first else "")

    def lines(self, batch: Batch) -> Iterator[bytes]:
        """The file's lines as they are."""
        return _lines(self._path(batch))

    def remove(self, batch: Batch, lines: int) -> None:
        """Delete the file, if it is still as long as what was archived."""
        path = self._path(batch)
        found = sum(1 for _line in _lines(path))
        if found != lines:
            raise RuntimeError(f"{path.name} was written to after it was archived; it stays.")
        path.unlink()

    def hot_lines(self, narrowed: Mapping[str, Any]) -> Iterator[bytes]:
        """All lines, oldest file first; files that end before the time asked for are left out."""
        since: datetime.datetime | None = narrowed.get("since")
        needles = [name.log_needles for name in narrowed.get("known") or ()]
        turned = [path for _day, path in sorted(_turned_over(self._folder()))]
        for path in [*turned, *_live(self._folder())]:
            try:
                if since is None or path.stat().st_mtime >= (since - _SLACK).timestamp():
                    yield from _lines_with(path, needles)
            except FileNotFoundError:
                continue  # retention has just archived it or turned it over; what it held is found there

    def bytes_by_day(self) -> dict[datetime.date, int]:
        """The bytes of the turned-over files, by their day."""
        found: dict[datetime.date, int] = {}
        for day, path in _turned_over(self._folder()):
            found[day] = found.get(day, 0) + path.stat().st_size
        return found

    def _folder(self) -> Path:
        return Path(settings.NPANEL_LOG_DIR)

    def _archive_name(self, path: Path) -> str:
        return f"{self.name}/{path.name[-10:-6]}/{path.name.lower()}"

    def _path(self, batch: Batch) -> Path:
        wanted = batch.name
        for _day, path in _turned_over(self._folder()):
            if self._archive_name(path) == wanted:
                return path
        raise FileNotFoundError(wanted)


def _live(folder: Path) -> list[Path]:
    return sorted(path for path in folder.glob("*.log") if path.is_file())


def _turned_over(folder: Path) -> Iterable[tuple[datetime.date, Path]]:
    for path in folder.glob("*.log.*"):
        named = _TURNED_OVER.fullmatch(path.name)
        try:
            if named and path.is_file():
                yield datetime.date.fromisoformat(named[1]), path
        except ValueError:
            continue  # no day of the calendar; as what has another name it is somebody else's, such as logrotate's


def _lines(path: Path) -> Iterator[bytes]:
    with path.open("rb") as handle:
        while line := handle.readline(_LONGEST_LINE):
            yield line.rstrip(b"\n")


def _lines_with(path: Path, needles: Needles) -> Iterator[bytes]:
    """The lines that hold one of each group of needles; of most blocks, which hold none, no line is looked at."""
    if not needles or max(map(len, needles)) > _MOST_NEEDLES:
        yield from _lines(path)
        return
    with path.open("rb") as handle:
        while block := handle.read(_BLOCK) + handle.readline(_LONGEST_LINE):
            if holds(block.lower(), needles):
                yield from (line for line in block.removesuffix(b"\n").split(b"\n") if holds(line.lower(), needles))


def _first_day(path: Path) -> datetime.date | None:
    """The day of the first line that has a time, or of the file where none has."""
    if path.stat().st_size == 0:
        return None
    if moment := _first_moment(path):
        return datetime.date.fromisoformat(moment[:10])
    return datetime.datetime.fromtimestamp(path.stat().st_mtime, datetime.UTC).date()


def _first_moment(path: Path) -> str:
    """A time that no line of the file is before: several processes may write to it, not quite in order."""
    try:
        moment = datetime.datetime.fromisoformat(str(json.loads(next(_lines(path), b""))["timestamp"]))
    except (ValueError, KeyError, TypeError):
        return ""
    return (moment.astimezone(datetime.UTC) - _SLACK).isoformat()
