"""Times every database statement for ``npanel_db_query_duration_seconds``."""

import time
from collections.abc import Callable
from typing import Any

from observability.metrics import db_query_duration


def time_statements(sender: Any, connection: Any, **kwargs: Any) -> None:
    """Receiver of ``connection_created``: install the timer once per connection object."""
    if _timed not in connection.execute_wrappers:
        connection.execute_wrappers.append(_timed)


def _timed(execute: Callable[..., Any], sql: str, params: Any, many: bool, context: dict[str, Any]) -> Any:
    started = time.perf_counter()
    try:
        return execute(sql, params, many, context)
    finally:
        db_query_duration.observe(time.perf_counter() - started)
