"""Checks that mail moves: how many messages wait in each node's queue."""

from django.utils.translation import gettext_lazy as _

from observability.health.base import Result, health_check
from observability.health.targets import waiting_mail

#: So many wait where something is wrong; a few always do, because somebody's server elsewhere is away.
MANY = 200


@health_check(
    "mail_queue",
    timeout=3.0,
    title=_("Mail queue"),
    means=_("Mail waits on a node: it can't be delivered, or somebody sends far too much."),
    runbook="mail-queue",
)
def check_mail_queue() -> Result:
    """Judge what the worker saw last. Mail that waits is not lost, so it is never down."""
    return judge(dict(waiting_mail()))


def judge(found: dict[str, int]) -> Result:
    """The result for so many messages on each node."""
    full = {node: count for node, count in found.items() if count >= MANY}
    if full:
        names = ", ".join(f"{node} ({count})" for node, count in sorted(full.items())[:5])
        return Result.degraded(f"mail waits: {names}", advice="Look whose it is; runbook: mail queue.", nodes=full)
    return Result.up(f"{sum(found.values())} messages wait" if found else "no node takes mail yet", nodes=found)
