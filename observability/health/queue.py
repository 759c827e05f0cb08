"""Checks that a worker is alive, by the heartbeat it leaves."""

from observability.health.base import Result, health_check
from observability.health.targets import heartbeat_age

_ADVICE = "Start the worker, or read its log for the line with operation worker_stop; runbook: queue stalled."


@health_check("queue", timeout=2.0)
def check_queue() -> Result:
    """Judge the age of the youngest heartbeat."""
    age = heartbeat_age()
    if age is None:
        return Result.down("no worker has ever reported", advice=_ADVICE)
    summary = f"{age.name} reported {age.seconds:.0f} s ago"
    details = {**age.details, "worker": age.name, "age_seconds": round(age.seconds, 1)}
    if age.is_down:
        return Result.down(summary, advice=_ADVICE, **details)
    if age.is_degraded:
        return Result.degraded(summary, advice=_ADVICE, **details)
    return Result.up(summary, **details)
