"""Checks that a worker is alive, by the heartbeat it leaves, and that what waits does not wait long."""

from django.utils.translation import gettext_lazy as _

from observability.health.base import Result, health_check
from observability.health.targets import Backlog, backlog, heartbeat_age

DEGRADED_SECONDS = 60.0
DOWN_SECONDS = 300.0
_ADVICE = "Start the worker, or read its log for the line with operation worker_stop; runbook: queue stalled."
_BACKLOG_ADVICE = "See what the workers are at, and whether there are enough of them; runbook: queue stalled."


@health_check(
    "queue",
    timeout=2.0,
    title=_("Queue and workers"),
    means=_("Without a worker nothing changes on any node: operations wait."),
    runbook="queue-stalled",
)
def check_queue() -> Result:
    """Judge the age of the youngest heartbeat, then that of the oldest operation that could be carried out."""
    age = heartbeat_age()
    if age is None:
        return Result.down("no worker has ever reported", advice=_ADVICE)
    summary = f"{age.name} reported {age.seconds:.0f} s ago"
    details = {**age.details, "worker": age.name, "age_seconds": round(age.seconds, 1)}
    if age.is_down:
        return Result.down(summary, advice=_ADVICE, **details)
    if age.is_degraded:
        return Result.degraded(summary, advice=_ADVICE, **details)
    waits = backlog()
    details |= {"waiting": waits.waiting, "oldest_seconds": round(waits.oldest_seconds, 1)}
    return judge(waits, Result.up(summary, **details))


def judge(waits: Backlog, well: Result) -> Result:
    """``well``, unless the oldest operation has waited too long."""
    if waits.oldest_seconds < DEGRADED_SECONDS:
        return well
    summary = f"{waits.waiting} operations wait, the oldest for {waits.oldest_seconds:.0f} s"
    build = Result.down if waits.oldest_seconds >= DOWN_SECONDS else Result.degraded
    return build(summary, advice=_BACKLOG_ADVICE, **well.details)
