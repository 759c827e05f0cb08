"""What MariaDB says of our databases and accounts: one query of JSON lines, and the Resources they stand for."""
# ruff: noqa: S608  (every value in these statements comes quoted and checked from quoting.py)

import json
from collections import defaultdict
from collections.abc import Iterable
from typing import Any

from hosting.adapters.base import Scope
from hosting.adapters.mariadb.quoting import ALL, EVERYWHERE, PATTERN, PRIVILEGES, ROLE, database_of, literal
from hosting.adapters.mariadb.sql import OWNERSHIP
from hosting.state import Database, DatabaseUser, Grant, Resource, Secret

#: Rights of other shapes than "on one database" that somebody may have given by hand: they must be seen.
_OTHER_RIGHTS = """\
SELECT JSON_OBJECT('row', 'other', 'user', o.name, 'host', o.host, 'on', CONCAT(t.Db, '.', t.Table_name),
  'rights', CONCAT_WS(',', NULLIF(t.Table_priv, ''), NULLIF(t.Column_priv, '')))
  FROM {mine} JOIN mysql.tables_priv t ON t.User = o.name AND t.Host = o.host;
SELECT JSON_OBJECT('row', 'other', 'user', o.name, 'host', o.host, 'on', CONCAT(p.Db, '.', p.Routine_name),
  'rights', p.Proc_priv) FROM {mine} JOIN mysql.procs_priv p ON p.User = o.name AND p.Host = o.host;
SELECT JSON_OBJECT('row', 'other', 'user', o.name, 'host', o.host, 'on', CONCAT('{role}', r.Role), 'rights', 'MEMBER')
  FROM {mine} JOIN mysql.roles_mapping r ON r.User = o.name AND r.Host = o.host;
"""
_USERS = """\
SELECT JSON_OBJECT('row', 'user', 'owner', o.owner, 'user', o.name, 'host', o.host, 'priv', g.Priv)
  FROM {mine} JOIN mysql.global_priv g ON g.User = o.name AND g.Host = o.host;
SELECT JSON_OBJECT('row', 'grant', 'user', o.name, 'host', o.host, 'pattern', d.Db, 'grantable', d.Grant_priv,
  'rights', CONCAT({columns})) FROM {mine} JOIN mysql.db d ON d.User = o.name AND d.Host = o.host;
"""
_DATABASE = """\
SELECT JSON_OBJECT('row', 'database', 'owner', o.owner, 'name', o.name, 'charset', s.DEFAULT_CHARACTER_SET_NAME,
  'collation', s.DEFAULT_COLLATION_NAME)
  FROM {mine} JOIN information_schema.SCHEMATA s ON s.SCHEMA_NAME = {name};
"""


def query(scope: Scope) -> str:
    """The SQL that asks for everything in scope ("" when nothing can be)."""
    return _databases(scope) + _users(scope)


def resources(output: str, scope: Scope) -> tuple[Resource, ...]:
    """The Resources that the query's output stands for."""
    rows: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for line in output.splitlines():
        row = json.loads(line)
        rows[row["row"]].append(row)
    grants: dict[str, list[Grant]] = defaultdict(list)
    for row in rows["grant"]:
        grants[_account(row)].append(_grant(row))
    for row in rows["other"]:
        grants[_account(row)].append(Grant(row["on"], tuple(sorted(row["rights"].upper().split(",")))))
    databases = [Database(row["owner"], row["name"], row["charset"], row["collation"]) for row in rows["database"]]
    users = [_user(row, grants[_account(row)]) for row in rows["user"]]
    return tuple(found for found in (*databases, *users) if scope.covers(found))


def _databases(scope: Scope) -> str:
    if not scope.wants(Database.kind):
        return ""
    names = scope.keys(Database.kind)
    if names is None:
        return _DATABASE.format(mine=_mine(Database.kind, scope), name="o.name")
    # Asked for by a constant, information_schema looks at one directory instead of all.
    return "".join(_DATABASE.format(mine=_mine(Database.kind, scope, [name]), name=literal(name)) for name in names)


def _users(scope: Scope) -> str:
    keys = scope.keys(DatabaseUser.kind)
    if keys == []:
        return ""
    names = None if keys is None else sorted({key.rpartition("@")[0] for key in keys})
    columns = ", ".join(f"d.{column}" for column in PRIVILEGES)
    return (_USERS + _OTHER_RIGHTS).format(mine=_mine(DatabaseUser.kind, scope, names), columns=columns, role=ROLE)


def _mine(kind: str, scope: Scope, names: Iterable[str] | None = None) -> str:
    """The rows of the ownership table that are in scope, as a derived table ``o``."""
    conditions = [f"kind = {literal(kind)}"]
    if scope.owner is not None:
        conditions.append(f"owner = {literal(scope.owner)}")
    if names is not None:
        conditions.append(f"name IN ({', '.join(map(literal, names))})")
    return f"(SELECT name, host, owner FROM {OWNERSHIP} WHERE {' AND '.join(conditions)}) o"


def _account(row: dict[str, Any]) -> str:
    return f"{row['user']}@{row['host']}"


def _grant(row: dict[str, Any]) -> Grant:
    """A right on one database; a pattern that matches several is kept as it is, so that it equals nothing wanted."""
    names = [name for name, flag in zip(PRIVILEGES.values(), row["rights"], strict=True) if flag == "Y"]
    rights = ALL if len(names) == len(PRIVILEGES) else tuple(sorted(names))
    more = ("GRANT OPTION",) if row["grantable"] == "Y" else ()
    return Grant(database_of(row["pattern"]) or f"{PATTERN}{row['pattern']}", (*rights, *more))


def _user(row: dict[str, Any], grants: Iterable[Grant]) -> DatabaseUser:
    priv = json.loads(row["priv"]) if isinstance(row["priv"], str) else row["priv"]
    everywhere = [Grant(EVERYWHERE, (f"{priv['access']:#x}",))] if priv.get("access") else []
    return DatabaseUser(
        owner=row["owner"],
        name=row["user"],
        password_hash=Secret(_password(priv)),
        host=row["host"],
        grants=tuple(sorted([*grants, *everywhere])),
        locked=bool(priv.get("account_locked", False)),
    )


def _password(priv: dict[str, Any]) -> str:
    """The hash, or (another way to sign in, or several) the whole of it, which equals no hash."""
    text: str = priv.get("authentication_string", "")
    if priv.get("plugin") == "mysql_native_password" and "auth_or" not in priv:
        return text
    return json.dumps({key: priv.get(key) for key in ("plugin", "authentication_string", "auth_or")})
