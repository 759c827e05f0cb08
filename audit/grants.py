"""Says what a MariaDB account may do with the audit table, and which statements give the right grants.

Grants are made table by table, never ``ON db.*``: a table-level REVOKE does not take such a DELETE back
(measured, SECURITY §2; https://mariadb.com/kb/en/grant/).
"""

import re
from collections.abc import Iterable, Mapping
from typing import Any

from audit.canonical import PERSONAL
from audit.trigger_texts import TABLE

AUDIT_TABLES = frozenset({TABLE})
#: What the record's own tables are to the web and worker accounts. Holds are placed and released in the console.
TRAIL_RIGHTS = {
    "audit_seal": "SELECT",
    "audit_checkpoint": "SELECT",
    "audit_segment": "SELECT",
    "audit_verification": "SELECT, INSERT",
    "audit_erasure": "SELECT",
    "audit_erasureproof": "SELECT",
    "audit_subjectkey": "",
    "audit_legalhold": "SELECT, INSERT, UPDATE (released_by, released_at)",
}
#: What tells whose a customer's name is, for the search of archives, which only these two accounts can read.
_NAMES = {
    "accounts_belonging": "SELECT",
    "accounts_customer": "SELECT (id, name)",
    "accounts_membership": "SELECT (user_id, customer_id)",
    "hosting_hostingservice": "SELECT (id, customer_id)",
    "hosting_webhook": "SELECT (id, customer_id)",
}
#: The sealer inserts one kind of event: that a break was looked into, which it signs (:mod:`audit.breaks`).
_SEALER = {
    **_NAMES,
    "audit_event": "SELECT, INSERT",
    "audit_seal": "SELECT, INSERT",
    "audit_checkpoint": "SELECT, INSERT",
    "audit_segment": "SELECT",
    "audit_verification": "SELECT, INSERT",
    "audit_erasure": "SELECT",
    "audit_erasureproof": "SELECT, INSERT",
    "audit_subjectkey": "SELECT, INSERT",
    "audit_legalhold": "SELECT",
}
_BLANKED = ", ".join(f"`{name}`" for group in PERSONAL.values() for name in group)
_RETENTION = {
    **_NAMES,
    "audit_event": f"SELECT, INSERT, DELETE, UPDATE ({_BLANKED})",
    "audit_seal": "SELECT, DELETE",
    "audit_checkpoint": "SELECT",
    "audit_segment": "SELECT, INSERT",
    "audit_verification": "SELECT",
    "audit_erasure": "SELECT, INSERT",
    "audit_erasureproof": "SELECT",
    "audit_subjectkey": "SELECT, DELETE",
    "audit_legalhold": "SELECT",
    "observability_retentionrun": "SELECT, INSERT, UPDATE",
    "accounts_belonging": "SELECT, DELETE",
}
TRAIL_ROLES = {"audit": _SEALER, "retention": _RETENTION}
#: Rights that let an account change or remove events, or the triggers that protect them.
FORBIDDEN = frozenset({"UPDATE", "DELETE", "DROP", "ALTER", "TRIGGER", "DELETE HISTORY", "SUPER"})

_NAME = r"(?:\*|`(?:[^`]|``)+`)"
_GRANT = re.compile(rf"GRANT (?P<rights>.+?) ON (?:TABLE )?(?P<schema>{_NAME})\.(?P<table>{_NAME}) TO ")
_COLUMN_LIST = re.compile(r"\s*\([^)]*\)")


def application_grants(
    *,
    account: str,
    schema: str,
    tables: Iterable[str],
    hidden: Iterable[str] = (),
    narrowed: Mapping[str, str] | None = None,
) -> list[str]:
    """The GRANT statements for a web or worker account.

    Args:
        account: the account as SQL writes it, such as ``'npanel_web'@'localhost'``.
        schema: the database's name.
        tables: all tables of the panel; audit tables get INSERT and SELECT only.
        hidden: tables the account must not see at all (the queue's, for web processes).
        narrowed: the rights on tables that get fewer than all four, by table, e.g. ``{"django_migrations": "SELECT"}``.

    Raises:
        ValueError: a name contains a backtick.
    """
    out_of_sight, fewer = set(hidden), {**TRAIL_RIGHTS, **(narrowed or {})}
    out_of_sight |= {table for table, rights in fewer.items() if not rights}
    return [
        f"GRANT {_rights(table, fewer)} ON {_quoted(schema)}.{_quoted(table)} TO {account}"
        for table in sorted(tables)
        if table not in out_of_sight
    ]


def trail_grants(role: str, *, account: str, schema: str, tables: Iterable[str]) -> list[str]:
    """The GRANT statements for the sealer (``audit``) or for retention and erasure (``retention``).

    Only retention may delete or blank, and the triggers let it do so only with what is archived, or erased.
    """
    present = set(tables)
    wanted = {**TRAIL_ROLES[role], "django_migrations": "SELECT"}
    return [
        f"GRANT {rights} ON {_quoted(schema)}.{_quoted(table)} TO {account}"
        for table, rights in sorted(wanted.items())
        if table in present
    ]


def effective_rights(cursor: Any, table: str = TABLE) -> set[str]:
    """What the current MariaDB account may do with an audit table, itself or by a role it can take.

    ``SHOW GRANTS`` is read because information_schema leaves out what comes by roles (measured on 10.11).
    """
    cursor.execute("SELECT DATABASE()")
    schema = str(cursor.fetchone()[0])
    cursor.execute("SHOW GRANTS")
    lines = [row[0] for row in cursor.fetchall()]
    cursor.execute("SELECT role_name FROM information_schema.applicable_roles")
    for (role,) in cursor.fetchall():
        cursor.execute(f"SHOW GRANTS FOR {_quoted(role)}")
        lines += [row[0] for row in cursor.fetchall()]
    return {right for line in lines for right in _rights_granted(line, schema, table)}


def _rights_granted(line: str, schema: str, table: str) -> set[str]:
    """The rights that one line of SHOW GRANTS gives on a table of ``schema``."""
    match = _GRANT.match(line)
    if match is None or not _matches(match["schema"], schema) or match["table"] not in ("*", f"`{table}`"):
        return set()
    rights = {right.strip().upper() for right in _COLUMN_LIST.sub("", match["rights"]).split(",")}
    return set(FORBIDDEN) if "ALL PRIVILEGES" in rights else rights


def _matches(pattern: str, schema: str) -> bool:
    """Whether a GRANT's database name, where ``%`` and ``_`` are wildcards, covers ``schema``."""
    if pattern == "*":
        return True
    parts = re.split(r"(\\.|%|_)", pattern[1:-1].replace("``", "`"))
    wild = {"%": ".*", "_": "."}
    regex = "".join(wild.get(part) or re.escape(part.removeprefix("\\")) for part in parts)
    return re.fullmatch(regex, schema, re.S) is not None


def _rights(table: str, fewer: Mapping[str, str]) -> str:
    return "SELECT, INSERT" if table in AUDIT_TABLES else fewer.get(table, "SELECT, INSERT, UPDATE, DELETE")


def _quoted(name: str) -> str:
    if "`" in name:
        raise ValueError(f"The name {name!r} contains a backtick.")
    return f"`{name}`"
