"""Checks that the nodes are as wanted: open differences that no operation explains."""

from django.utils.translation import gettext_lazy as _

from observability.health.base import Result, health_check
from observability.health.targets import open_drift


@health_check(
    "drift",
    timeout=3.0,
    title=_("Drift"),
    means=_("Something on a node is not as NPanel wants it, and no operation explains it."),
    runbook="drift",
)
def check_drift() -> Result:
    """Count what the latest scans found. A difference is never down: what is served goes on."""
    found = {node: count for node, count in open_drift().items() if count}
    if not found:
        return Result.up("every node is as wanted")
    many = sum(found.values())
    names = ", ".join(f"{node} ({count})" for node, count in sorted(found.items())[:5])
    advice = "Look at the differences and repair or adopt them; runbook: drift."
    return Result.degraded(f"{many} open differences: {names}", advice=advice, nodes=found)
