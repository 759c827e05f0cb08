"""Transactions that are tried again when the database itself asks for it (deadlock, lock timeout)."""

import functools
import random
import time
from collections.abc import Callable
from typing import ParamSpec, TypeVar

from django.db import OperationalError, connection, transaction

P = ParamSpec("P")
T = TypeVar("T")

#: MariaDB: record changed since last read, lock wait timeout, deadlock.
_TRANSIENT = {1020, 1205, 1213}
_TRIES = 6


def retried(function: Callable[P, T]) -> Callable[P, T]:
    """Run a function in a transaction, again if the database gave it up for another one's sake.

    Inside an outer transaction it is run once (only the outermost one can be tried again), behind a savepoint: a
    caller that shows the refusal and commits must not keep the half of it.
    """

    @functools.wraps(function)
    def wrapper(*args: P.args, **kwargs: P.kwargs) -> T:
        if connection.in_atomic_block:
            with transaction.atomic():
                return function(*args, **kwargs)
        for attempt in range(_TRIES):
            try:
                with transaction.atomic():
                    return function(*args, **kwargs)
            except OperationalError as error:
                if attempt == _TRIES - 1 or not is_transient(error):
                    raise
                time.sleep(random.uniform(0.01, 0.05) * 2**attempt)  # noqa: S311 - spreads retries, no secret
        raise AssertionError("unreachable")

    return wrapper


def is_transient(error: OperationalError) -> bool:
    """Whether the same transaction may well succeed when it is tried again."""
    return (error.args and error.args[0] in _TRANSIENT) or "database is locked" in str(error)
