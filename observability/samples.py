"""Takes a sample of the metrics each minute and reads them back in slots (docs/adr/0019-samples.md).

Minutes are kept for a day and one sample of each hour for NPANEL_HEALTH_HISTORY_DAYS: the table stays small.
"""

import datetime
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.conf import settings
from django.utils import timezone
from prometheus_client.metrics_core import Metric

from observability.exposition import families
from observability.models.samples import Sample
from observability.transactions import retried

SLOT = datetime.timedelta(minutes=15)
SLOTS = 96
#: All minutes of so long, the day that is shown and some slack, are kept.
MINUTES = datetime.timedelta(hours=25)
UNWELL = frozenset({"failed", "rolled_back", "rollback_failed"})

_RESPONSES = "django_http_responses_total_by_status_view_method"
_LATENCY = "django_http_requests_latency_seconds_by_view_method"
_GAUGES = {
    "npanel_operations_pending": "waiting",
    "npanel_operation_queue_age_seconds": "queue_age",
    "npanel_memory_used_ratio": "memory",
    "npanel_cpu_used_ratio": "cpu",
    "npanel_disk_used_ratio": "disk",
}


@dataclass(slots=True)
class Reading:
    """What is known at one moment.

    Args:
        requests, errors: answered since the panel's start, probes left out. buckets: requests by upper bound of their
            time, cumulative. operations: adapter -> finished, and of these not succeeded. gauges: by short name.
    """

    requests: float = 0.0
    errors: float = 0.0
    buckets: dict[str, float] = field(default_factory=dict)
    operations: dict[str, list[float]] = field(default_factory=dict)
    gauges: dict[str, float] = field(default_factory=dict)

    def as_dict(self) -> dict[str, Any]:
        """As it is kept."""
        return {
            "requests": self.requests, "errors": self.errors, "buckets": self.buckets,
            "operations": self.operations, "gauges": self.gauges,
        }  # fmt: skip

    def since(self, before: "Reading") -> "Reading":
        """What was added since an earlier one; after a restart, what was counted since then."""
        if self.requests < before.requests:
            before = Reading()
        done = {
            name: [max(0.0, now - then) for now, then in zip(pair, before.operations.get(name, [0, 0]), strict=True)]
            for name, pair in self.operations.items()
        }
        buckets = {bound: max(0.0, count - before.buckets.get(bound, 0.0)) for bound, count in self.buckets.items()}
        errors = max(0.0, self.errors - before.errors)
        return Reading(self.requests - before.requests, errors, buckets, done, self.gauges)


def read(found: Iterable[Metric]) -> Reading:
    """The reading in the families of a scrape."""
    reading = Reading()
    readers = {_RESPONSES: _response, _LATENCY: _latency, "npanel_hosting_operations": _operation}
    for family in found:
        if family.name in readers:
            for sample in family.samples:
                readers[family.name](reading, sample)
        elif family.name in _GAUGES and family.samples:
            reading.gauges[_GAUGES[family.name]] = max(sample.value for sample in family.samples)
    return reading


def _is_probe(sample: Any) -> bool:
    return str(sample.labels.get("view", "")).startswith("observability:")


def _response(reading: Reading, sample: Any) -> None:
    if sample.name.endswith("_total") and not _is_probe(sample):
        reading.requests += sample.value
        reading.errors += sample.value if sample.labels["status"].startswith("5") else 0


def _latency(reading: Reading, sample: Any) -> None:
    if sample.name.endswith("_bucket") and not _is_probe(sample):
        bound = sample.labels["le"]
        reading.buckets[bound] = reading.buckets.get(bound, 0.0) + sample.value


def _operation(reading: Reading, sample: Any) -> None:
    if sample.name.endswith("_total"):
        pair = reading.operations.setdefault(sample.labels["adapter"], [0.0, 0.0])
        pair[0] += sample.value
        pair[1] += sample.value if sample.labels["status"] in UNWELL else 0


def take() -> None:
    """Keep what the metrics say now (the worker's chore)."""
    reading = read(families())
    at = timezone.now().replace(second=0, microsecond=0)
    made = Sample(at=at, disk=reading.gauges.get("disk"), data=reading.as_dict())
    Sample.objects.bulk_create([made], ignore_conflicts=True)


@retried
def forget_old() -> int:
    """Thin out what is older than a day to one sample an hour, delete what is too old; returns how many went."""
    now = timezone.now()
    last = now - datetime.timedelta(days=settings.NPANEL_HEALTH_HISTORY_DAYS)
    gone = Sample.objects.filter(at__lt=last).delete()[0]
    hours: set[datetime.datetime] = set()
    superfluous = []
    for pk, at in Sample.objects.filter(at__lt=now - MINUTES).order_by("at").values_list("pk", "at"):
        hour = at.replace(minute=0)
        superfluous += [pk] if hour in hours else []
        hours.add(hour)
    for begin in range(0, len(superfluous), 500):
        gone += Sample.objects.filter(pk__in=superfluous[begin : begin + 500]).delete()[0]
    return gone


@dataclass(frozen=True, slots=True)
class Slot:
    """A quarter of an hour: when it ended, what happened in it (None where nobody measured), in how many seconds."""

    end: datetime.datetime
    reading: Reading | None
    seconds: float = 0.0


def slots(now: datetime.datetime) -> list[Slot]:
    """The last day in slots, oldest first: each is the difference of two samples that lie next to each other."""
    last = now.replace(minute=now.minute // 15 * 15, second=0, microsecond=0) + SLOT
    ends = [last - SLOT * number for number in reversed(range(SLOTS + 1))]
    newest: dict[int, int] = {}
    for pk, at in Sample.objects.filter(at__gte=ends[0] - SLOT).order_by("at").values_list("pk", "at"):
        newest[SLOTS - int((last - at - datetime.timedelta(seconds=1)) / SLOT)] = pk
    kept = {row.pk: (row.at, Reading(**row.data)) for row in Sample.objects.filter(pk__in=newest.values())}
    found = {place: kept[pk] for place, pk in newest.items() if pk in kept}
    return [_slot(found, place, ends[place]) for place in range(1, SLOTS + 1)]


def _slot(found: dict[int, tuple[datetime.datetime, Reading]], place: int, end: datetime.datetime) -> Slot:
    if place not in found or place - 1 not in found:
        return Slot(end, None)
    (at, now), (before_at, before) = found[place], found[place - 1]
    return Slot(end, now.since(before), (at - before_at).total_seconds())


def disk_history(now: datetime.datetime, days: int) -> Sequence[tuple[datetime.datetime, float]]:
    """How full the fullest disk was, oldest first."""
    since = now - datetime.timedelta(days=days)
    rows = Sample.objects.filter(at__gte=since).exclude(disk=None).order_by("at").values_list("at", "disk")
    return [(at, disk) for at, disk in rows if disk is not None]
