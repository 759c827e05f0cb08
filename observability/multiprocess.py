"""Keeps the directory of prometheus_client's per-process files readable, small and consistent.

Each process writes ``<type>_<pid>.db``; a scrape reads them all (measured: 100 pids take 1.07 s). Files of
processes that are gone are therefore folded into those of the imaginary pid 0. Scrapes hold a shared lock and
folding an exclusive one, since prometheus_client fails when a file vanishes while it reads.
"""

import fcntl
import json
import os
import struct
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from prometheus_client.mmap_dict import MmapedDict

from observability.logging import get_logger
from observability.operations import METRICS_SCRAPE

_LOCK = ".npanel.lock"
_ARCHIVE_PID = 0
_ADDED_UP = frozenset({"counter", "histogram", "summary", "gauge"})


@dataclass(frozen=True, slots=True)
class _ProcessFile:
    path: Path
    kind: str
    mode: str
    pid: int


def multiprocess_dir() -> Path | None:
    """The directory named by PROMETHEUS_MULTIPROC_DIR, or None in a single-process run."""
    name = os.environ.get("PROMETHEUS_MULTIPROC_DIR", "")
    return Path(name) if name else None


def prepare_multiprocess_dir(path: str | Path, *, wipe: bool = True) -> Path:
    """Create the directory (group-writable, setgid) and, at the start of the whole panel, empty it.

    Call it once from the supervisor, before any process that shares the directory runs.
    """
    directory = Path(path)
    directory.mkdir(parents=True, exist_ok=True)
    if os.access(directory, os.W_OK) and directory.stat().st_uid == os.geteuid():
        directory.chmod(0o2770)
    if wipe:
        with _locked(directory, fcntl.LOCK_EX):
            for file in (*directory.glob("*.db"), *directory.glob("*.exemplars")):
                file.unlink(missing_ok=True)
    return directory


@contextmanager
def _locked(directory: Path, mode: int) -> Iterator[None]:
    descriptor = os.open(directory / _LOCK, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o660)
    try:
        fcntl.flock(descriptor, mode)
        yield
    finally:
        os.close(descriptor)


@contextmanager
def reading(directory: Path) -> Iterator[None]:
    """Hold off folding while the files are read."""
    with _locked(directory, fcntl.LOCK_SH):
        yield


def mark_process_dead(pid: int) -> None:
    """Fold the files of a process that has ended; gunicorn's ``child_exit`` hook calls it."""
    directory = multiprocess_dir()
    if directory is not None and directory.is_dir():
        _fold(directory, {pid})


def merge_dead_processes() -> int:
    """Fold the files of all processes that are gone; returns how many processes that were."""
    directory = multiprocess_dir()
    if directory is None or not directory.is_dir():
        return 0
    dead = {file.pid for file in _files(directory) if file.pid != _ARCHIVE_PID and not _is_alive(file.pid)}
    if dead:
        _fold(directory, dead)
    return len(dead)


def exemplar_file(pid: int) -> str:
    """The name of the file that holds a process's exemplars (see observability.exemplars)."""
    return f"{pid}.exemplars"


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True  # somebody else's process
    return True


def _files(directory: Path) -> Iterator[_ProcessFile]:
    for path in sorted(directory.glob("*.db")):
        kind, *mode, pid = path.stem.split("_")
        if pid.isdigit():
            yield _ProcessFile(path, kind, mode[0] if mode else "", int(pid))


def last_set(directory: Path, name: str) -> dict[tuple[tuple[str, str], ...], float]:
    """When each series of a ``mostrecent`` gauge was set last: sorted labels -> Unix time."""
    times: dict[tuple[tuple[str, str], ...], float] = {}
    for file in _files(directory):
        if file.kind == "gauge" and file.mode == "mostrecent":
            for key, _value, timestamp in _values(file.path):
                if key.startswith(f'["{name}"'):
                    labels = tuple(sorted(json.loads(key)[2].items()))
                    times[labels] = max(timestamp, times.get(labels, 0.0))
    return times


def _fold(directory: Path, pids: Iterable[int]) -> None:
    wanted = set(pids)
    with _locked(directory, fcntl.LOCK_EX):
        for file in [file for file in _files(directory) if file.pid in wanted]:
            if file.kind in _ADDED_UP and not file.mode.startswith("live") and file.mode != "all":
                _add_to_archive(directory, file)
            file.path.unlink(missing_ok=True)
        for pid in wanted:
            (directory / exemplar_file(pid)).unlink(missing_ok=True)


def _add_to_archive(directory: Path, file: _ProcessFile) -> None:
    archive = file.path.with_name("_".join(part for part in (file.kind, file.mode, str(_ARCHIVE_PID)) if part) + ".db")
    merged: dict[str, tuple[float, float]] = {}
    for source in (archive, file.path):
        for key, value, timestamp in _values(source):
            merged[key] = _combine(file.mode, merged[key], (value, timestamp)) if key in merged else (value, timestamp)
    # A fresh file renamed over the old one: a crash here leaves the old totals, never half of them.
    fresh = archive.with_suffix(".new")
    fresh.unlink(missing_ok=True)
    values = MmapedDict(str(fresh))
    for key, (value, timestamp) in merged.items():
        values.write_value(key, value, timestamp)
    values.close()
    fresh.chmod(0o660)
    fresh.replace(archive)


def _values(path: Path) -> Iterator[tuple[str, float, float]]:
    """What a file holds, up to where it can't be read: its process may have been killed, or the disk been full."""
    if not path.exists() or path.stat().st_size == 0:
        return
    try:
        for key, value, timestamp, _position in MmapedDict.read_all_values_from_file(str(path)):
            yield key, value, timestamp
    except (RuntimeError, ValueError, struct.error) as error:
        log = get_logger(METRICS_SCRAPE)
        log.warning("a file of metrics is damaged", file=path.name, status="partial", exc_info=error)


def _combine(mode: str, old: tuple[float, float], new: tuple[float, float]) -> tuple[float, float]:
    if mode == "mostrecent":
        return max(old, new, key=lambda pair: pair[1])
    if mode == "max":
        return max(old, new)
    if mode == "min":
        return min(old, new)
    return (old[0] + new[0], 0.0)  # counters, histogram buckets and sums
