"""Remembers, for each bucket of the duration histograms, the trace id of the latest observation that fell into it.

prometheus_client drops exemplars in multi-process mode. Each process therefore keeps its own in a small file of fixed
slots beside its counters (mapped into memory: an exemplar costs a few microseconds), and a scrape takes the youngest
of each bucket. A slot has a check sum, since it may be read while it is written.
"""

import bisect
import json
import mmap
import os
import struct
import threading
import time
import zlib
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from prometheus_client import Histogram
from prometheus_client.metrics_core import Metric
from prometheus_client.samples import Exemplar
from prometheus_client.utils import floatToGoString

from observability import context
from observability.multiprocess import exemplar_file, multiprocess_dir

_KEY_BYTES = 256
_SLOT = struct.Struct(f"<I{_KEY_BYTES}s32sdd")  # check sum, key, trace id, value, Unix time
_SLOTS = 1024
#: name, sorted labels, le
Key = tuple[str, tuple[tuple[str, str], ...], str]


def observe(histogram: Histogram, seconds: float, **labels: str) -> None:
    """Observe a duration together with the trace id of the work at hand."""
    trace_id = context.current().trace_id
    child = histogram.labels(**labels) if labels else histogram
    child.observe(seconds, exemplar={"trace_id": trace_id})
    if _own is not None:
        _own.keep(_name(histogram), labels, bucket_of(histogram, seconds), trace_id, seconds)


@contextmanager
def timing(histogram: Histogram, **labels: str) -> Iterator[None]:
    """Observe how long a block takes, whether it succeeds or not."""
    began = time.perf_counter()
    try:
        yield
    finally:
        observe(histogram, time.perf_counter() - began, **labels)


def _name(histogram: Histogram) -> str:
    return next(iter(histogram.describe())).name


def bucket_of(histogram: Histogram, seconds: float) -> str:
    """The ``le`` of the bucket that a value falls into."""
    bounds: list[float] = histogram._upper_bounds
    return str(floatToGoString(bounds[min(bisect.bisect_left(bounds, seconds), len(bounds) - 1)]))


class _Slots:
    """This process's exemplars. A forked child begins a file of its own."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._pid = 0
        self._lock = threading.Lock()
        self._places: dict[Key, int] = {}
        self._memory: mmap.mmap | None = None

    def keep(self, name: str, labels: Mapping[str, str], le: str, trace_id: str, value: float) -> None:
        """Put an exemplar into its bucket's slot; when all slots are taken, it is not kept."""
        key = (name, tuple(sorted(labels.items())), le)
        with self._lock:
            if self._pid != os.getpid():
                self._begin()
            place = self._places.setdefault(key, len(self._places))
            text = json.dumps(key, separators=(",", ":")).encode()
            if place < _SLOTS and len(text) <= _KEY_BYTES and self._memory is not None:
                _write(self._memory, place, text, trace_id, value)

    def _begin(self) -> None:
        self._pid, self._places, self._memory = os.getpid(), {}, None
        path = self._directory / exemplar_file(self._pid)
        try:
            with path.open("w+b") as handle:
                handle.truncate(_SLOTS * _SLOT.size)
                self._memory = mmap.mmap(handle.fileno(), 0)
            path.chmod(0o660)
        except OSError:
            self._memory = None  # exemplars are an aid: work goes on without them


def _write(memory: mmap.mmap, place: int, key: bytes, trace_id: str, value: float) -> None:
    content = _SLOT.pack(0, key, trace_id.encode(), value, time.time())[4:]
    memory[place * _SLOT.size : (place + 1) * _SLOT.size] = struct.pack("<I", zlib.crc32(content)) + content


def _open_own() -> _Slots | None:
    directory = multiprocess_dir()
    return _Slots(directory) if directory is not None else None


# Like prometheus_client itself: whether there are several processes is decided when the process starts.
_own = _open_own()


def _forget_parents() -> None:
    global _own
    _own = _open_own()  # the parent's lock may be held by a thread that does not exist here


os.register_at_fork(after_in_child=_forget_parents)


# --- at a scrape -----------------------------------------------------------------------------------------------


def attach(families: Iterable[Metric], directory: Path) -> None:
    """Give the buckets of histograms their youngest exemplars."""
    youngest: dict[Key, tuple[float, Exemplar]] = {}
    for path in directory.glob("*.exemplars"):
        for key, exemplar in _read(path):
            at = float(exemplar.timestamp or 0)
            if key not in youngest or youngest[key][0] < at:
                youngest[key] = (at, exemplar)
    if youngest:
        for family in families:
            if family.type == "histogram":
                family.samples = [_with(sample, family.name, youngest) for sample in family.samples]


def _with(sample: Any, name: str, youngest: Mapping[Key, tuple[float, Exemplar]]) -> Any:
    if not sample.name.endswith("_bucket"):
        return sample
    labels = tuple(sorted((key, value) for key, value in sample.labels.items() if key != "le"))
    found = youngest.get((name, labels, sample.labels["le"]))
    return sample._replace(exemplar=found[1]) if found else sample


def _read(path: Path) -> Iterator[tuple[Key, Exemplar]]:
    try:
        data = path.read_bytes()
    except OSError:
        return  # its process has just ended
    for start in range(0, len(data) - _SLOT.size + 1, _SLOT.size):
        content = data[start + 4 : start + _SLOT.size]
        (checksum,) = struct.unpack_from("<I", data, start)
        if not checksum:
            return
        if checksum == zlib.crc32(content):
            _, key, trace_id, value, at = _SLOT.unpack_from(data, start)
            name, labels, le = json.loads(key.rstrip(b"\0"))
            pairs = tuple((label, text) for label, text in labels)
            yield (name, pairs, le), Exemplar({"trace_id": trace_id.decode()}, value, at)
