"""Samples of the metrics: what is kept, that a restart and a gap invent nothing, and that the table stays small."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from observability import metrics, samples
from observability.exposition import families
from observability.models import Sample
from observability.samples import Reading

pytestmark = pytest.mark.django_db


def keep(at: datetime, requests: float, **more: Any) -> None:
    """A sample with so many requests."""
    Sample.objects.create(at=at, disk=0.5, data=Reading(requests=requests, **more).as_dict())


def now() -> datetime:
    """Seven minutes into a quarter of an hour."""
    return timezone.now().replace(minute=7, second=0, microsecond=0)


def test_a_sample_counts_what_people_asked_for(client: Client) -> None:
    before = samples.read(families())
    client.get("/admin/")
    client.get("/healthz")
    metrics.operation_finished(adapter="nginx", operation="service_apply", status="failed", duration_seconds=1)
    metrics.operation_finished(adapter="nginx", operation="service_apply", status="succeeded", duration_seconds=1)
    metrics.disk_used_ratio.set(0.42)
    found = samples.read(families())
    added = found.since(before)
    assert added.requests == 1, "a probe is no request"
    assert added.errors == 0
    assert added.buckets["+Inf"] == 1
    assert added.operations["nginx"] == [2, 1]
    assert added.gauges["disk"] == 0.42
    assert added.gauges["waiting"] == 0


def test_two_workers_write_one_sample_a_minute() -> None:
    metrics.disk_used_ratio.set(0.42)
    samples.take()
    samples.take()
    kept = set(Sample.objects.values_list("at", "disk"))
    assert len({at for at, _ in kept}) == len(kept) <= 2, "two if a minute ended in between"
    assert {disk for _, disk in kept} == {0.42}


def test_slots_are_differences_and_a_gap_stays_one() -> None:
    at = now()
    for minutes, requests in ((60, 100), (45, 160), (15, 400), (0, 460)):
        keep(at - timedelta(minutes=minutes), requests)
    found = samples.slots(at)
    assert len(found) == samples.SLOTS
    last = [slot.reading.requests if slot.reading else None for slot in found[-5:]]
    assert last == [None, 60, None, None, 60], "nobody measured a quarter, so two can't be told apart"
    assert found[-1].seconds == 900
    assert found[-1].end == at + timedelta(minutes=8)


def test_a_restart_is_no_negative_number() -> None:
    at = now()
    keep(at - timedelta(minutes=15), 1000, operations={"nginx": [9.0, 3.0]}, buckets={"+Inf": 1000.0})
    keep(at, 40, operations={"nginx": [2.0, 0.0]}, buckets={"+Inf": 40.0})
    reading = samples.slots(at)[-1].reading
    assert reading is not None
    assert (reading.requests, reading.operations, reading.buckets) == (40, {"nginx": [2, 0]}, {"+Inf": 40})


def test_a_day_of_minutes_and_then_one_an_hour(settings: Any) -> None:
    settings.NPANEL_HEALTH_HISTORY_DAYS = 3
    at = now()
    for minutes in (*range(0, 120, 10), *range(48 * 60, 50 * 60, 10), 5 * 24 * 60):
        keep(at - timedelta(minutes=minutes), 1)
    samples.forget_old()
    ages = sorted((at - one) // timedelta(minutes=1) for one in Sample.objects.values_list("at", flat=True))
    assert [age for age in ages if age < 24 * 60] == list(range(0, 120, 10))
    old = [age for age in ages if age >= 24 * 60]
    assert 2 <= len(old) <= 3, "one of each hour"
    assert max(old) < 3 * 24 * 60
    assert samples.forget_old() == 0


def test_the_disk_is_told_oldest_first() -> None:
    at = now()
    for days in (1, 20, 3):
        Sample.objects.create(at=at - timedelta(days=days), disk=days / 100, data={})
    Sample.objects.create(at=at, disk=None, data={})
    assert [disk for _, disk in samples.disk_history(at, 14)] == [0.03, 0.01]
