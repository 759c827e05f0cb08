"""What may become part of SQL, and how it is quoted; all of NPanel's SQL to MariaDB takes its values from here."""

import re

from hosting.adapters._values import OWNER, checked
from hosting.errors import UnsafeValue
from hosting.state import Database, DatabaseUser
from hosting.texts import N_, Text

#: Rights on one database, as SHOW GRANTS names them, by their columns in the table mysql.db (MariaDB 10.11).
PRIVILEGES = {
    "Alter_priv": "ALTER",
    "Alter_routine_priv": "ALTER ROUTINE",
    "Create_priv": "CREATE",
    "Create_routine_priv": "CREATE ROUTINE",
    "Create_tmp_table_priv": "CREATE TEMPORARY TABLES",
    "Create_view_priv": "CREATE VIEW",
    "Delete_history_priv": "DELETE HISTORY",
    "Delete_priv": "DELETE",
    "Drop_priv": "DROP",
    "Event_priv": "EVENT",
    "Execute_priv": "EXECUTE",
    "Index_priv": "INDEX",
    "Insert_priv": "INSERT",
    "Lock_tables_priv": "LOCK TABLES",
    "References_priv": "REFERENCES",
    "Select_priv": "SELECT",
    "Show_view_priv": "SHOW VIEW",
    "Trigger_priv": "TRIGGER",
    "Update_priv": "UPDATE",
}
ALL = ("ALL PRIVILEGES",)
#: How rights are named that are not on one database; no database has such a name, so none of them is ever wanted.
ROLE, PATTERN, EVERYWHERE = "(role) ", "(pattern) ", "(everywhere)"

DATABASE_NAME = re.compile(r"[a-z0-9_]{1,64}")
_USER_NAME = re.compile(r"[a-z0-9_]{1,80}")
#: ``localhost``, ``%``, an address or a pattern or netmask of addresses, a host name (MariaDB: account names).
_HOST = re.compile(r"[a-z0-9.:%-]{1,200}(?:/[0-9.]{1,15})?")
_HASH = re.compile(r"\*[0-9A-F]{40}")
_CHARSET = re.compile(r"[a-z0-9]{1,32}")
_COLLATION = re.compile(r"[a-z0-9_]{1,64}")
#: Printable ASCII that means nothing special between single quotes.
_PLAIN_TEXT = re.compile(r"[ !#-&(-\[\]-~]*")


def literal(value: str) -> str:
    """A string in single quotes.

    Raises:
        UnsafeValue: it holds a quote, a backslash or anything that is not printable ASCII.
    """
    plain_text = checked(value, _PLAIN_TEXT, N_("SQL text"))
    return f"'{plain_text}'"


def identifier(name: str) -> str:
    """A database name in backticks (``UnsafeValue`` unless it is ``[a-z0-9_]{1,64}``)."""
    plain_name = checked(name, DATABASE_NAME, N_("database name"))
    return f"`{plain_name}`"


def pattern(name: str) -> str:
    """A database name for GRANT, where a bare ``_`` would match any character, in backticks."""
    return identifier(name).replace("_", r"\_")


def database_of(found: str) -> str | None:
    """The one database that a pattern in mysql.db means, or None when it means several."""
    name = found.replace(r"\_", "_")
    return name if DATABASE_NAME.fullmatch(name) and name.replace("_", r"\_") == found else None


def account(user: DatabaseUser) -> str:
    """``'name'@'host'``."""
    return f"{literal(user.name)}@{literal(user.host)}"


def check_database(database: Database) -> None:
    """Refuse what is no name of its owner's, or no charset.

    Raises:
        UnsafeValue: a value is not of its grammar.
    """
    _check_name(database.name, database.owner, DATABASE_NAME, N_("database name"))
    checked(database.charset, _CHARSET, N_("character set"))
    checked(database.collation, _COLLATION, N_("collation"))


def check_user(user: DatabaseUser) -> None:
    """Refuse what is no account of its owner's, no hash, or a right on somebody else's database.

    Raises:
        UnsafeValue: a value is not of its grammar.
    """
    check_name(user)
    if not _HASH.fullmatch(user.password_hash.value):
        raise UnsafeValue(
            N_("The password hash of %(key)s is not '*' and 40 upper-case hexadecimal digits.", key=user.key)
        )
    for grant in user.grants:
        _check_name(grant.database, user.owner, DATABASE_NAME, N_("database name"))
        if not grant.privileges or (grant.privileges != ALL and not set(grant.privileges) <= set(PRIVILEGES.values())):
            raise UnsafeValue(
                N_("%(privileges)s is no right on a database.", privileges=", ".join(grant.privileges) or N_("nothing"))
            )


def check_name(user: DatabaseUser) -> None:
    """Refuse an account that is no name of its owner's (``UnsafeValue``)."""
    _check_name(user.name, user.owner, _USER_NAME, N_("database user name"))
    checked(user.host, _HOST, N_("host"))


def _check_name(name: str, owner: str, grammar: re.Pattern[str], what: Text) -> None:
    checked(owner, OWNER, N_("user name"))
    checked(name, grammar, what)
    if not name.startswith(f"{owner}_") or len(name) == len(owner) + 1:
        raise UnsafeValue(
            N_("The %(what)s %(name)s does not start with %(owner)s_.", what=what, name=repr(name), owner=owner)
        )


def role(name: str) -> str:
    """A role's name in backticks, whatever printable ASCII it is."""
    escaped = checked(name, _PLAIN_TEXT, N_("role")).replace("`", "``")
    return f"`{escaped}`"
