"""Checks that the panel's database answers, and how near it is to its connection limit."""

from typing import Any

from django.db import DatabaseError, connection
from django.utils.translation import gettext_lazy as _

from observability import metrics
from observability.health.base import Result, health_check

_CROWDED = 0.8
_FULL = 0.95


@health_check(
    "database",
    timeout=2.0,
    slow=0.5,
    title=_("Database"),
    means=_("Nothing can be read or changed while it does not answer."),
    runbook="database-connection-failure",
)
def check_database() -> Result:
    """Ask for a constant over a new connection; on MariaDB also for connections and replication."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
        cursor.fetchone()
        if connection.vendor != "mysql":
            return Result.up("answers", vendor=connection.vendor)
        ratio = _connections_ratio(cursor)
        lag = _replication_lag(cursor)
    metrics.db_connections_used_ratio.set(ratio)
    if lag is not None:
        metrics.db_replication_lag.set(lag)
    advice = "Lower the number of web and worker threads or raise max_connections."
    details = {"vendor": "mariadb", "connections_used_ratio": round(ratio, 3), "replication_lag_seconds": lag}
    return Result.by_ratio(ratio, "answers; connections", degraded=_CROWDED, down=_FULL, advice=advice, **details)


def _connections_ratio(cursor: Any) -> float:
    cursor.execute("SHOW GLOBAL STATUS LIKE 'Threads_connected'")
    used = int(cursor.fetchone()[1])
    cursor.execute("SELECT @@global.max_connections")
    return used / max(1, int(cursor.fetchone()[0]))


def _replication_lag(cursor: Any) -> float | None:
    """Seconds behind the primary; None where this is no replica or the account may not ask."""
    try:
        cursor.execute("SHOW REPLICA STATUS")
    except DatabaseError:
        return None
    row = cursor.fetchone()
    if row is None:
        return None
    named = dict(zip([column[0] for column in cursor.description], row, strict=True))
    lag = named.get("Seconds_Behind_Master")
    return None if lag is None else float(lag)
