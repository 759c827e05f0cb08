"""Creates, checks and (for tests only) removes the triggers that refuse UPDATE and DELETE below Django.

Two things pass, on conditions that the triggers ask themselves (ADR 12, 13): an event and its seal may go when a
segment manifest of at least 30 days ago covers them and no legal hold does; the personal fields of a subject may become
``erased`` when an erasure names it.

SQLite: ``REPLACE`` deletes rows without firing delete triggers unless ``recursive_triggers`` is on
(https://www.sqlite.org/lang_conflict.html), which :mod:`audit.apps` sets on each connection; a guard on INSERT
refuses an existing key besides. MariaDB: ``REPLACE`` and ``ON DUPLICATE KEY UPDATE`` fire the same triggers;
``TRUNCATE``, ``DROP`` and ``ALTER`` fire none and are kept away by grants (:mod:`audit.grants`).
"""

import re
from typing import Any

from django.db import connections
from django.db.backends.base.base import BaseDatabaseWrapper

from audit.grants import effective_rights
from audit.trigger_texts import TABLE, TABLES, mariadb, sqlite

__all__ = ["TABLE", "TABLES"]
_BY_VENDOR = {"sqlite": sqlite, "mysql": mariadb}


def expected_triggers(connection: BaseDatabaseWrapper) -> dict[str, str]:
    """The triggers, by name, with the statements that create them.

    Raises:
        NotImplementedError: the database is neither SQLite nor MariaDB.
    """
    try:
        return _BY_VENDOR[connection.vendor]()
    except KeyError:
        raise NotImplementedError(f"No append-only triggers are written for {connection.vendor}.") from None


#: What stands for the body of a trigger that is there, but hidden from this account.
UNREADABLE = "(hidden from this account)"


def missing_triggers(connection: BaseDatabaseWrapper) -> list[str]:
    """Names of triggers that are absent or whose body is not ours (a body this account may not read counts as ours)."""
    present, hidden = _present_triggers(connection), _hidden_tables(connection)
    expected = {
        name: sql for name, sql in expected_triggers(connection).items() if name.rpartition("_no_")[0] not in hidden
    }
    return [name for name, sql in expected.items() if present.get(name) not in (_body(sql), UNREADABLE)]


def _hidden_tables(connection: BaseDatabaseWrapper) -> set[str]:
    """Tables whose triggers MariaDB does not list for this account, because it may only read them (measured).

    The worker sees those of events, the sealer those of seals and checkpoints, retention those of segments and
    erasures.
    """
    if connection.vendor != "mysql":
        return set()
    with connection.cursor() as cursor:
        return {table for table in TABLES if effective_rights(cursor, table) <= {"SELECT", "USAGE"}}


def install_triggers(using: str) -> list[str]:
    """Create the triggers that are missing and return their names; does nothing before all tables are there."""
    connection = connections[using]
    if not set(TABLES) <= set(connection.introspection.table_names()):
        return []
    missing = missing_triggers(connection)
    with connection.cursor() as cursor:
        for name in missing:
            cursor.execute(f"DROP TRIGGER IF EXISTS {name}")
            cursor.execute(expected_triggers(connection)[name])
    return missing


def drop_triggers(using: str) -> None:
    """Remove the triggers; for migrations that alter a table and for :mod:`audit.testing`."""
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
    cursor.execute("SELECT name, sql FROM sqlite_master WHERE type = 'trigger' AND tbl_name LIKE 'audit_%%'")
    return list(cursor.fetchall())


def _mariadb_triggers(cursor: Any) -> list[tuple[str, str | None]]:
    """The catalogue keeps the parts, so the statement is put together again to be compared."""
    cursor.execute(
        "SELECT trigger_name, CONCAT('CREATE TRIGGER ', trigger_name, ' ', action_timing, ' ', event_manipulation,"
        " ' ON ', event_object_table, ' FOR EACH ROW ', action_statement) FROM information_schema.triggers"
        " WHERE trigger_schema = DATABASE() AND event_object_table IN %s",
        [TABLES],
    )
    return list(cursor.fetchall())


def _body(sql: str | None) -> str:
    """The statement without the differences that the catalogue makes: quotes around names, spaces, case.

    MariaDB hides it (NULL) from accounts without the TRIGGER right, which the application's accounts are.
    """
    if sql is None:
        return UNREADABLE
    return re.sub(r"\s+", " ", sql.replace('"', "").replace("`", "")).strip().lower()
