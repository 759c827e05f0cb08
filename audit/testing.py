"""Lets the test runner empty the audit table between tests; it refuses to work anywhere else."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.db import connections
from django.db.backends.base.base import BaseDatabaseWrapper
from django.test import TransactionTestCase
from django.test import utils as test_utils

from audit.triggers import TABLE, drop_triggers, install_triggers


class NotATestDatabase(RuntimeError):
    """Somebody tried to lift the protection outside of a test run."""


@contextmanager
def allow_flush(using: str = "default") -> Iterator[None]:
    """Lift the triggers of a test database for one block, and put them back whatever happens in it.

    ``manage.py flush`` and TransactionTestCase delete all rows, which the triggers refuse.

    Raises:
        NotATestDatabase: no test environment is set up, or the database was not made by the test runner.
    """
    connection = connections[using]
    _require_test_database(connection)
    if TABLE not in connection.introspection.table_names():
        yield
        return
    drop_triggers(using)
    try:
        yield
    finally:
        install_triggers(using)


def enable_test_flush() -> None:
    """Have each TransactionTestCase (and pytest's ``transactional_db``) flush inside :func:`allow_flush`.

    Call it once from ``conftest.py``.
    """
    original = TransactionTestCase._fixture_teardown  # type: ignore[attr-defined]
    if getattr(original, "lifts_audit_triggers", False):
        return

    def teardown(self: Any) -> None:
        with _all_flushable(list(self._databases_names(include_mirrors=False))):
            original(self)

    teardown.lifts_audit_triggers = True  # type: ignore[attr-defined]
    TransactionTestCase._fixture_teardown = teardown  # type: ignore[attr-defined]


@contextmanager
def _all_flushable(aliases: list[str]) -> Iterator[None]:
    if not aliases:
        yield
        return
    with allow_flush(aliases[0]), _all_flushable(aliases[1:]):
        yield


def _require_test_database(connection: BaseDatabaseWrapper) -> None:
    name = str(connection.settings_dict["NAME"])
    made_by_runner = (
        "mode=memory" in name
        or name == ":memory:"
        or name.rsplit("/", 1)[-1].startswith("test_")
        or name == str(connection.settings_dict.get("TEST", {}).get("NAME") or "\0")
    )
    if not hasattr(test_utils._TestState, "saved_data") or not made_by_runner:
        raise NotATestDatabase(f"{name} is not a test database; audit events are never deleted.")
