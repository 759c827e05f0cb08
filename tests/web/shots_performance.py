"""A day of samples for pictures: a quiet night, a busy noon with errors, a disk that fills, an hour nobody measured."""

import copy
import math
from datetime import timedelta

from django.utils import timezone

from observability.models import Sample
from observability.samples import Reading

_BOUNDS = ("0.025", "0.1", "0.25", "0.5", "1.0", "2.0", "+Inf")


def performance() -> None:
    """Make the rows."""
    now = timezone.now().replace(second=0, microsecond=0)
    total, made = Reading(), []
    for minute in range(25 * 60, -1, -5):
        at = now - timedelta(minutes=minute)
        _add(total, at.hour + at.minute / 60)
        if not 300 < minute < 360:
            made.append(Sample(at=at, disk=total.gauges["disk"], data=copy.deepcopy(total.as_dict())))
    for hour in range(26, 14 * 24):
        made.append(Sample(at=now - timedelta(hours=hour), disk=0.84 - hour * 0.0006, data=Reading().as_dict()))
    Sample.objects.bulk_create(made, ignore_conflicts=True)


def _add(total: Reading, hour: float) -> None:
    busy = 40 + 400 * max(0.0, math.sin((hour - 6) / 12 * math.pi))
    slow = 0.9 if 12 < hour < 13 else 0.985
    total.requests += busy
    total.errors += busy * (0.02 if 12 < hour < 12.5 else 0.0005)
    for place, bound in enumerate(_BOUNDS):
        share = 1.0 if bound == "+Inf" else min(slow + place * 0.002, 0.4 + 0.14 * place)
        total.buckets[bound] = total.buckets.get(bound, 0.0) + busy * share
    for name, each in (("nginx", 1.0), ("php_fpm", 0.8), ("powerdns", 0.5), ("mariadb", 0.3), ("system_user", 0.2)):
        pair = total.operations.setdefault(name, [0.0, 0.0])
        pair[0] += round(busy / 100 * each)
        pair[1] += 1 if name == "nginx" and 12 < hour < 12.2 else 0
    total.gauges = {
        "disk": 0.84, "memory": 0.55 + busy / 4000, "cpu": 0.1 + busy / 700, "waiting": round(busy / 200),
        "queue_age": busy / 90,
    }  # fmt: skip
