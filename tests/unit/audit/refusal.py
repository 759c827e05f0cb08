"""A database that really refuses audit events: with a trigger, as a full disk or a broken table would."""

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import connection

_NAME = "audit_event_refused_by_a_test"
_TRIGGERS = {
    "sqlite": "CREATE TRIGGER {} BEFORE INSERT ON audit_event WHEN {} BEGIN SELECT RAISE(ABORT, 'refused'); END",
    "mysql": (
        "CREATE TRIGGER {} BEFORE INSERT ON audit_event FOR EACH ROW "
        "IF {} THEN SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'refused'; END IF"
    ),
}


@contextmanager
def events_refused(which: str = "NEW.outcome <> ''") -> Iterator[None]:
    """Have the database refuse audit events in a block (outside a transaction: MariaDB commits at CREATE).

    Args:
        which: an SQL condition on the event, ``NEW``; all of them unless told.
    """
    with connection.cursor() as cursor:
        cursor.execute(_TRIGGERS[connection.vendor].format(_NAME, which))
    try:
        yield
    finally:
        with connection.cursor() as cursor:
            cursor.execute(f"DROP TRIGGER {_NAME}")
