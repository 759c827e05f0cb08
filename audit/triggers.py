"""Creates, checks and (for tests only) removes the triggers that refuse UPDATE and DELETE below Django.

SQLite: ``REPLACE`` deletes rows without firing delete triggers unless ``recursive_triggers`` is on
(https://www.sqlite.org/lang_conflict.html), which :mod:`audit.apps` sets on each connection; a guard on INSERT
refuses an existing id or uid besides. MariaDB: ``REPLACE`` and ``ON DUPLICATE KEY UPDATE`` fire the same
triggers; ``TRUNCATE``, ``DROP`` and ``ALTER`` fire none and are kept away by grants (:mod:`audit.grants`).
"""

import re
from typing import Any

from django.db import connections
from django.db.backends.base.base import BaseDatabaseWrapper

MESSAGE = "audit_event is append-only"
TABLE = "audit_event"

# Only constants of this module are put into the statements.
# ruff: noqa: S608
_SQLITE = {
    "audit_event_no_update": (
        f"CREATE TRIGGER audit_event_no_update BEFORE UPDATE ON {TABLE} "
        f"BEGIN SELECT RAISE(ABORT, '{MESSAGE}: update refused'); END"
    ),
    "audit_event_no_delete": (
        f"CREATE TRIGGER audit_event_no_delete BEFORE DELETE ON {TABLE} "
        f"BEGIN SELECT RAISE(ABORT, '{MESSAGE}: delete refused'); END"
    ),
    "audit_event_no_replace": (
        f"CREATE TRIGGER audit_event_no_replace BEFORE INSERT ON {TABLE} "
        f"WHEN EXISTS (SELECT 1 FROM {TABLE} WHERE id = NEW.id OR uid = NEW.uid) "
        f"BEGIN SELECT RAISE(ABORT, '{MESSAGE}: replace refused'); END"
    ),
}
_MARIADB = {
    "audit_event_no_update": (
        f"CREATE TRIGGER audit_event_no_update BEFORE UPDATE ON {TABLE} FOR EACH ROW "
        f"SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = '{MESSAGE}: update refused'"
    ),
    "audit_event_no_delete": (
        f"CREATE TRIGGER audit_event_no_delete BEFORE DELETE ON {TABLE} FOR EACH ROW "
        f"SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = '{MESSAGE}: delete refused'"
    ),
}
_BY_VENDOR = {"sqlite": _SQLITE, "mysql": _MARIADB}


def expected_triggers(connection: BaseDatabaseWrapper) -> dict[str, str]:
    """The triggers, by name, with the statements that create them.

    Raises:
        NotImplementedError: the database is neither SQLite nor MariaDB.
    """
    try:
        return _BY_VENDOR[connection.vendor]
    except KeyError:
        raise NotImplementedError(f"No append-only triggers are written for {connection.vendor}.") from None


#: What stands for the body of a trigger that is there, but hidden from this account.
UNREADABLE = "(hidden from this account)"


def missing_triggers(connection: BaseDatabaseWrapper) -> list[str]:
    """Names of triggers that are absent or whose body is not ours (a body this account may not read counts as ours)."""
    present, expected = _present_triggers(connection), expected_triggers(connection)
    return [name for name, sql in expected.items() if present.get(name) not in (_body(sql), UNREADABLE)]


def install_triggers(using: str) -> list[str]:
    """Create the triggers that are missing and return their names; does nothing when all are there."""
    connection = connections[using]
    if TABLE not in connection.introspection.table_names():
        return []
    missing = missing_triggers(connection)
    with connection.cursor() as cursor:
        for name in missing:
            cursor.execute(f"DROP TRIGGER IF EXISTS {name}")
            cursor.execute(expected_triggers(connection)[name])
    return missing


def drop_triggers(using: str) -> None:
    """Remove the triggers; for reversing the migration and for :mod:`audit.testing`."""
    connection = connections[using]
    with connection.cursor() as cursor:
        for name in expected_triggers(connection):
            cursor.execute(f"DROP TRIGGER IF EXISTS {name}")


def recreate_triggers(sender: Any, using: str, **kwargs: Any) -> None:
    """Receiver of ``post_migrate``: Django remakes a SQLite table to alter it, and its triggers vanish."""
    install_triggers(using)


def _present_triggers(connection: BaseDatabaseWrapper) -> dict[str, str]:
    with connection.cursor() as cursor:
        rows = _sqlite_triggers(cursor) if connection.vendor == "sqlite" else _mariadb_triggers(cursor)
        return {name: _body(sql) for name, sql in rows}


def _sqlite_triggers(cursor: Any) -> list[tuple[str, str | None]]:
    cursor.execute("SELECT name, sql FROM sqlite_master WHERE type = 'trigger' AND tbl_name = %s", [TABLE])
    return list(cursor.fetchall())


def _mariadb_triggers(cursor: Any) -> list[tuple[str, str | None]]:
    """The catalogue keeps the parts, so the statement is put together again to be compared."""
    cursor.execute(
        "SELECT trigger_name, CONCAT('CREATE TRIGGER ', trigger_name, ' ', action_timing, ' ', event_manipulation,"
        " ' ON ', event_object_table, ' FOR EACH ROW ', action_statement) FROM information_schema.triggers"
        " WHERE trigger_schema = DATABASE() AND event_object_table = %s",
        [TABLE],
    )
    return list(cursor.fetchall())


def _body(sql: str | None) -> str:
    """The statement without the differences that the catalogue makes: quotes around names, spaces, case.

    MariaDB hides it (NULL) from accounts without the TRIGGER right, which the application's accounts are.
    """
    if sql is None:
        return UNREADABLE
    return re.sub(r"\s+", " ", sql.replace('"', "").replace("`", "")).strip().lower()
