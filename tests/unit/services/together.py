"""Lets several requests happen at once, each in a thread with a database connection of its own."""

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from django.db import connection

from hosting.errors import HostingError

#: No answer after this many seconds is a hang, not slowness.
PATIENCE_S = 300.0


def together(calls: Sequence[Callable[[], Any]]) -> list[Any]:
    """Make all calls at the same moment.

    Returns:
        For each call what it returned, or the HostingError that refused it. Anything else is raised.
    """
    start = threading.Barrier(len(calls))

    def one(call: Callable[[], Any]) -> Any:
        try:
            connection.ensure_connection()
            start.wait(PATIENCE_S)
            return call()
        except HostingError as error:
            return error
        finally:
            connection.close()

    with ThreadPoolExecutor(len(calls)) as pool:
        return [future.result(PATIENCE_S) for future in [pool.submit(one, call) for call in calls]]


def won(results: Sequence[Any]) -> list[Any]:
    """What was not refused."""
    return [result for result in results if not isinstance(result, HostingError)]


def codes(results: Sequence[Any]) -> list[str]:
    """Why the others were refused."""
    return sorted(result.code for result in results if isinstance(result, HostingError))
