"""A day of health for pictures: most is well, a disk fills, a node is away, one had a bad night."""

from datetime import timedelta

from django.utils import timezone

from observability.health.runner import discover
from observability.models import HealthPeriod

WELL = {
    "cpu": "processors are 34% busy",
    "memory": "memory is 61% used",
    "queue": "panel-1 reported 4 s ago",
    "database": "answers; connections 12% used",
    "certificates": "valid until 2027-01-14, 48 days",
    "drift": "every node is as wanted",
}
ON_NODES = {"ssh": "answers", "daemons": "nginx, php8.2-fpm, pdns, mariadb run", "dns": "answers"}
NODES = ("web-1", "web-2", "a-node-with-a-rather-long-name-in-frankfurt")


def health() -> None:
    """Make the rows."""
    discover()
    for check, says in WELL.items():
        _period(check, "", "up", 30, None, says)
    _period("disk", "", "up", 30, 7, "/ is 71% used")
    advice = "Free space on /var: old logs and backups first; runbook: disk full."
    _period("disk", "", "degraded", 7, None, "/var is 84% used", advice)
    for node in NODES:
        for check, says in (
            ("ssh", "answers"),
            ("daemons", "nginx, php8.2-fpm, pdns, mariadb run"),
            ("dns", "answers"),
        ):
            if (node, check) != ("web-2", "ssh"):
                _period(check, node, "up", 20, 9.2 if node == NODES[2] else None, says)
    for check in ("ssh", "daemons", "dns"):
        _period(check, NODES[2], "down", 9.2, 8, "timeout: the node does not answer")
        _period(check, NODES[2], "up", 8, None, "answers")
    _period("ssh", "web-2", "up", 20, 0.6, "answers")
    _period(
        "ssh", "web-2", "down", 0.6, None, "refused: connection refused", "Start sshd on the node, or correct its port."
    )


def _period(check: str, node: str, status: str, began: float, ended: float | None, says: str, advice: str = "") -> None:
    now = timezone.now()
    HealthPeriod.objects.create(
        check_name=check,
        node=node,
        status=status,
        summary=says,
        advice=advice,
        duration_ms=3.1,
        began_at=now - timedelta(hours=began),
        seen_at=now - timedelta(hours=ended or 0),
        open_key=None if ended else f"{check}|{node}",
    )
