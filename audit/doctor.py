"""Examines whether events are still append-only: triggers, foreign keys, columns, switches and grants."""

from dataclasses import asdict, dataclass
from pathlib import Path

from django.conf import settings
from django.db import connections, models
from django.db.backends.base.base import BaseDatabaseWrapper

from audit import spool
from audit.grants import FORBIDDEN, effective_rights
from audit.models import Checkpoint, Erasure, ErasureProof, Event, Seal, Segment
from audit.triggers import TABLE, TABLES, missing_triggers

_MODELS: tuple[type[models.Model], ...] = (Event, Seal, Checkpoint, Segment, Erasure, ErasureProof)
_REPAIR = "Run `manage.py audit_doctor --repair` (or `migrate`) with the migrator's account."


@dataclass(frozen=True, slots=True)
class Finding:
    """Something wrong: a stable code, what it is, what to do; a warning does not fail the doctor."""

    code: str
    message: str
    hint: str
    is_error: bool = True

    def as_dict(self) -> dict[str, object]:
        """The JSON form."""
        return asdict(self)


def examine(using: str = "default") -> list[Finding]:
    """All findings about the audit table of one database; an empty list means it is sound."""
    connection = connections[using]
    if not table_exists(connection):
        return [Finding("audit.W001", f"The table {TABLE} does not exist.", "Run `manage.py migrate`.")]
    return [
        *_triggers(connection),
        *_foreign_keys(connection),
        *_columns(connection),
        *_recursive_triggers(connection),
        *_grants(connection),
        *_spool(),
    ]


def table_exists(connection: BaseDatabaseWrapper) -> bool:
    """Whether the audit table has been created yet."""
    return TABLE in connection.introspection.table_names()


def _triggers(connection: BaseDatabaseWrapper) -> list[Finding]:
    missing = missing_triggers(connection)
    text = f"Triggers are missing or altered: {', '.join(missing)}."
    return [Finding("audit.W002", text, _REPAIR)] if missing else []


def _foreign_keys(connection: BaseDatabaseWrapper) -> list[Finding]:
    findings = []
    with connection.cursor() as cursor:
        for table in connection.introspection.table_names(cursor):
            targets = {target for _column, target in connection.introspection.get_relations(cursor, table).values()}
            if targets & set(TABLES) or (table in TABLES and targets):
                text = f"A foreign key ties an audit table to another table (found on {table})."
                findings.append(Finding("audit.W003", text, "Drop it: MariaDB cascades past triggers."))
    return findings


def _columns(connection: BaseDatabaseWrapper) -> list[Finding]:
    return [finding for model in _MODELS for finding in _columns_of(connection, model)]


def _columns_of(connection: BaseDatabaseWrapper, model: type[models.Model]) -> list[Finding]:
    table = model._meta.db_table
    with connection.cursor() as cursor:
        if table not in connection.introspection.table_names(cursor):
            return [Finding("audit.W001", f"The table {table} does not exist.", "Run `manage.py migrate`.")]
        present = {column.name for column in connection.introspection.get_table_description(cursor, table)}
    expected = {str(field.column) for field in model._meta.concrete_fields}
    if present == expected:
        return []
    text = f"Columns of {table} differ from the model: {', '.join(sorted(present ^ expected))}."
    return [Finding("audit.W004", text, "Run `manage.py migrate`; if it has nothing to do, compare with a backup.")]


def _recursive_triggers(connection: BaseDatabaseWrapper) -> list[Finding]:
    if connection.vendor != "sqlite":
        return []
    with connection.cursor() as cursor:
        cursor.execute("PRAGMA recursive_triggers")
        if cursor.fetchone() == (1,):
            return []
    text = "recursive_triggers is off: REPLACE can remove an event without firing its trigger."
    return [Finding("audit.W005", text, "Keep the audit app in INSTALLED_APPS; it sets the pragma on connecting.")]


def _grants(connection: BaseDatabaseWrapper) -> list[Finding]:
    if connection.vendor != "mysql":
        return []
    with connection.cursor() as cursor:
        excess = sorted(effective_rights(cursor) & FORBIDDEN)
    if not excess:
        return []
    in_production = getattr(settings, "NPANEL_ENVIRONMENT", "development") == "production"
    text = f"This account may {', '.join(excess)} on {TABLE}."
    hint = "Grant table by table (audit.grants.application_grants), INSERT and SELECT only on audit tables."
    return [Finding("audit.W006", text, hint, is_error=in_production)]


def _spool() -> list[Finding]:
    configured = getattr(settings, "NPANEL_AUDIT_SPOOL_DIR", "")
    if not configured:
        return [Finding("audit.W007", "NPANEL_AUDIT_SPOOL_DIR is not set.", "Set it to a directory on local disk.")]
    if not Path(configured).exists() or not spool.waiting():
        return []
    text = f"{spool.waiting()} events wait in {configured}."
    return [Finding("audit.W008", text, "Run `manage.py audit_replay`.", is_error=False)]
