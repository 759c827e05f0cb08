"""A database that really refuses: rows, by a trigger, as a full disk would; or all about a table that is away."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager

from django.db import connection

_NAME = "refused_by_a_test"
_TRIGGERS = {
    "sqlite": "CREATE TRIGGER {name} BEFORE {verb} ON {table} WHEN {which} BEGIN SELECT RAISE(ABORT, '{words}'); END",
    "mysql": (
        "CREATE TRIGGER {name} BEFORE {verb} ON {table} FOR EACH ROW "
        "IF {which} THEN SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = '{words}'; END IF"
    ),
}


@contextmanager
def rows_refused(table: str, which: str = "1 = 1", *, verb: str = "INSERT", words: str = "refused") -> Iterator[None]:
    """Have the database refuse rows of a table in a block (outside a transaction: MariaDB commits at CREATE).

    Args:
        which: an SQL condition on the row, ``NEW``; all of them unless told.
        verb: INSERT or UPDATE. words: what the database says, at most 128 characters.
    """
    quoted = words.replace("'", "''")
    _do(_TRIGGERS[connection.vendor].format(name=_NAME, verb=verb, table=table, which=which, words=quoted))
    try:
        yield
    finally:
        _do(f"DROP TRIGGER {_NAME}")


def events_refused(which: str = "1 = 1") -> AbstractContextManager[None]:
    """Have the database refuse audit events in a block; see :func:`rows_refused`."""
    return rows_refused("audit_event", which)


@contextmanager
def table_away(table: str) -> Iterator[None]:
    """Have the database not know a table in a block, as when a migration was half done (outside a transaction)."""
    _do(f"ALTER TABLE {table} RENAME TO {table}_away")
    try:
        yield
    finally:
        _do(f"ALTER TABLE {table}_away RENAME TO {table}")


def _do(statement: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement)
