"""Checks that each hosting daemon runs on each node."""

from django.utils.translation import gettext_lazy as _

from observability import metrics
from observability.health.base import Result, health_check
from observability.health.targets import Daemon, Target, daemons_on

LIMIT_SECONDS = 5.0


@health_check(
    "daemons",
    timeout=LIMIT_SECONDS + 0.5,
    slow=3.0,
    per_target="ready_node",
    title=_("Hosting daemons"),
    means=_("What a stopped daemon serves is not served: sites, names or databases of this node."),
    runbook="hosting-daemon-down",
)
def check_daemons(node: Target) -> Result:
    """Ask systemd on the node about all of them in one round trip."""
    found = daemons_on(node, LIMIT_SECONDS)
    for adapter in sorted({daemon.adapter for daemon in found}):
        well = all(daemon.running for daemon in found if daemon.adapter == adapter)
        metrics.hosting_service_health(adapter=adapter, node=node.name, healthy=float(well))
    return judge(found)


def judge(found: list[Daemon]) -> Result:
    """The result for these daemons of one node."""
    stopped = [daemon.unit for daemon in found if not daemon.running]
    if stopped:
        summary = f"{', '.join(stopped)} {'does' if len(stopped) == 1 else 'do'} not run"
        advice = f"On the node: systemctl status {stopped[0]}; runbook: hosting daemon down."
        return Result.down(summary, advice=advice, stopped=stopped)
    units = ", ".join(daemon.unit.removesuffix(".service") for daemon in found)
    return Result.up(f"{units} run" if found else "the node has no daemons of ours")
