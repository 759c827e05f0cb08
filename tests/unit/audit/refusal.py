"""A database that really refuses audit events: with a trigger, as a full disk or a broken table would."""

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import connection

_NAME = "audit_event_refused_by_a_test"
_TRIGGERS = {
    "sqlite": f"CREATE TRIGGER {_NAME} BEFORE INSERT ON audit_event BEGIN SELECT RAISE(ABORT, 'refused'); END",
    "mysql": (
        f"CREATE TRIGGER {_NAME} BEFORE INSERT ON audit_event FOR EACH ROW "
        "SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'refused'"
    ),
}


@contextmanager
def events_refused() -> Iterator[None]:
    """Have the database refuse each audit event of a block (outside a transaction: MariaDB commits at CREATE)."""
    with connection.cursor() as cursor:
        cursor.execute(_TRIGGERS[connection.vendor])
    try:
        yield
    finally:
        with connection.cursor() as cursor:
            cursor.execute(f"DROP TRIGGER {_NAME}")
