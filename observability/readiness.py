"""Lists the reasons why this process should not get traffic; an empty list means ready."""

import time
from collections.abc import Callable

from django.core.cache import cache
from django.db import connection
from django.db.migrations.executor import MigrationExecutor

from observability.health.targets import heartbeat_age
from observability.logging import get_logger
from observability.operations import HEALTH_CHECK

_migrations_seen_applied = False


def reasons_not_ready() -> list[str]:
    """Try database, cache, migrations and queue; the reasons name no host and quote no error."""
    return [reason for check in _CHECKS if (reason := _guarded(check))]


def _guarded(check: Callable[[], str]) -> str:
    try:
        return check()
    except Exception as error:  # noqa: BLE001 - whatever fails is a reason, and its detail belongs in the log
        name = check.__name__.strip("_")
        get_logger(HEALTH_CHECK).error(f"readiness: {name} failed", exc_info=error, status="failed")
        return f"{name}: failed"


def _database() -> str:
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
        return "" if cursor.fetchone() == (1,) else "database: wrong answer"


def _cache() -> str:
    stamp = str(time.time_ns())
    cache.set("npanel:readyz", stamp, 30)
    return "" if cache.get("npanel:readyz") is not None else "cache: does not keep a value"


def _migrations() -> str:
    global _migrations_seen_applied
    if _migrations_seen_applied:
        return ""  # a running process can't unapply them, and the question costs a query per app
    executor = MigrationExecutor(connection)
    if executor.migration_plan(executor.loader.graph.leaf_nodes()):
        return "migrations: not applied"
    _migrations_seen_applied = True
    return ""


def _queue() -> str:
    age = heartbeat_age()
    if age is None:
        return "queue: no worker has reported"
    return "queue: the worker's heartbeat is too old" if age.is_down else ""


_CHECKS = (_database, _cache, _migrations, _queue)
