"""Checks that what is kept for a time is archived and deleted when its time is over."""

import datetime

from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from observability.health.base import Result, health_check
from observability.models.retention import RetentionRun, RunState
from observability.retained import kinds

#: It runs once a day; one that failed is tried again the next day.
LATE_AFTER = datetime.timedelta(hours=50)
_ADVICE = "Run manage.py retention by hand and read what it says; after a long stop it wants --trust-clock."


@health_check(
    "retention",
    timeout=2.0,
    title=_("Archiving and deleting"),
    means=_("Logs and records are kept longer than they should be, and fill the disk."),
    runbook="disk-full",
)
def check_retention() -> Result:
    """Judge the time since each kind's last run that succeeded, or since its first one if none ever did."""
    late = {kind.name: why for kind in kinds() if (why := _late(kind.name))}
    if not late:
        return Result.up("nothing is kept for too long")
    summary = "; ".join(f"{name}: {why}" for name, why in sorted(late.items()))
    return Result.degraded(summary, advice=_ADVICE, kinds=sorted(late))


def _late(kind: str) -> str:
    runs = RetentionRun.objects.filter(kind=kind).order_by("-pk")  # not by time: the clock may have been wrong
    newest, good = runs.first(), runs.filter(state=RunState.SUCCEEDED).first()
    if newest is None:
        return ""  # the worker of a new panel has it before it
    since = good.started_at if good else runs.order_by("pk").values_list("started_at", flat=True)[0]
    if timezone.now() - since < LATE_AFTER:
        return ""
    said = f" ({newest.error})" if newest.error else ""
    return f"no run has succeeded since {since:%Y-%m-%d %H:%M} UTC{said}"
