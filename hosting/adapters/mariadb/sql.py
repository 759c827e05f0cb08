"""The SQL scripts that change databases and accounts; each can be run again and then changes nothing."""
# ruff: noqa: S608  (every value in these statements comes quoted and checked from quoting.py)

from collections.abc import Iterable

from hosting.adapters.mariadb.quoting import (
    ALL,
    DATABASE_NAME,
    PRIVILEGES,
    ROLE,
    account,
    identifier,
    literal,
    pattern,
    role,
)
from hosting.state import Database, DatabaseUser, Grant

#: Whose database or account something is: MariaDB itself has no place for it that a customer could not change.
OWNERSHIP = "npanel.ownership"
_MAKE_OWNERSHIP = """\
CREATE DATABASE IF NOT EXISTS npanel CHARACTER SET ascii COLLATE ascii_bin;
CREATE TABLE IF NOT EXISTS npanel.ownership (
  kind VARCHAR(16) NOT NULL, name VARCHAR(128) NOT NULL, host VARCHAR(255) NOT NULL, owner VARCHAR(32) NOT NULL,
  PRIMARY KEY (kind, name, host), KEY (owner)
) ENGINE=InnoDB CHARACTER SET ascii COLLATE ascii_bin;
"""
_NO_SUCH_GRANT = "1141, 1147, 1403"


def make_database(database: Database) -> str:
    """Make a database, or give an existing one of ours its character set."""
    options = f"CHARACTER SET {literal(database.charset)} COLLATE {literal(database.collation)}"
    name = identifier(database.name)
    return _script([
        _refuse_stranger(database),
        _claim(database),
        f"CREATE DATABASE IF NOT EXISTS {name} {options}",
        f"ALTER DATABASE {name} {options}",
    ])  # fmt: skip


def guard_database(database: Database) -> str:
    """Only refuse a database that is not ours."""
    return _script([_refuse_stranger(database)])


def drop_database(database: Database) -> str:
    """Drop a database of ours, and forget it."""
    drop = f"DROP DATABASE IF EXISTS {identifier(database.name)}"
    return _script([_refuse_stranger(database), drop, _disclaim(database)])


def make_user(user: DatabaseUser, before: DatabaseUser | None) -> str:
    """Make an account, or change one of ours. A right that it keeps is never missing in between.

    Args:
        user: as it shall be.
        before: as it was observed, None when it was not there.
    """
    name, lock = account(user), "LOCK" if user.locked else "UNLOCK"
    sign_in = f"IDENTIFIED VIA mysql_native_password USING {literal(user.password_hash.value)}"
    # An account that is there though it was not seen was left half made: whatever rights it has go.
    first = [f"IF EXISTS ({_there(user)}) THEN {_revoke_all(user)}; END IF"] if before is None else []
    return _script([
        _refuse_stranger(user),
        _claim(user),
        *first,
        f"CREATE USER IF NOT EXISTS {name} ACCOUNT LOCK",
        *_rights(user, before.grants if before else ()),
        f"ALTER USER {name} {sign_in} ACCOUNT {lock}",
        *([_kill(user)] if user.locked else []),
    ])  # fmt: skip


def _rights(user: DatabaseUser, had: tuple[Grant, ...]) -> list[str]:
    """What gives and takes rights until the account has those it shall have; what it has already is left alone."""
    name = account(user)
    wanted = {grant.database for grant in user.grants}
    gone = [grant.database for grant in had if grant.database not in wanted]
    roles = [f"REVOKE {role(found.removeprefix(ROLE))} FROM {name}" for found in gone if found.startswith(ROLE)]
    plain = [_revoke(PRIVILEGES.values(), found, name) for found in gone if DATABASE_NAME.fullmatch(found)]
    if len(roles) + len(plain) < len(gone):
        # Rights of another shape than on one database: all of them go, and those that stay come back.
        return [*map(_forgiving, roles), _revoke_all(user), *(_grant(grant, name) for grant in user.grants)]
    new = [grant for grant in user.grants if grant not in had]
    widened = {grant.database for grant in had}
    excess = [_revoke(_others(grant), grant.database, name) for grant in new if grant.database in widened]
    return [*(_grant(grant, name) for grant in new), *map(_forgiving, [*excess, *plain, *roles])]


def drop_user(user: DatabaseUser) -> str:
    """Drop an account of ours, end its connections, and forget it."""
    drop = f"DROP USER IF EXISTS {account(user)}"
    return _script([_refuse_stranger(user), drop, _kill(user), _disclaim(user)])


def account_state(user: DatabaseUser) -> str:
    """Ask for four numbers: hash of the right kind, hash as wanted, locked, number of wanted databases with rights."""
    names = ", ".join(literal(grant.database.replace("_", r"~_")) for grant in user.grants) or "NULL"
    where = f"User = {literal(user.name)} AND Host = {literal(user.host)}"
    return (
        "SELECT JSON_VALUE(Priv, '$.plugin') = 'mysql_native_password' AND NOT JSON_EXISTS(Priv, '$.auth_or'),"
        f" JSON_VALUE(Priv, '$.authentication_string') = {literal(user.password_hash.value)},"
        " COALESCE(JSON_VALUE(Priv, '$.account_locked'), 0),"
        f" (SELECT COUNT(*) FROM mysql.db WHERE {where} AND REPLACE(Db, CHAR(92), '~') IN ({names}))"
        f" FROM mysql.global_priv WHERE {where};\n"
    )


def restore(database: str, path: str) -> str:
    """Run a dump of our own; its first line puts the client into sandbox mode."""
    return f"USE {identifier(database)};\nsource {literal(path)[1:-1]}\n"


def _script(statements: list[str]) -> str:
    body = "".join(f"  {statement};\n" for statement in statements)
    return f"{_MAKE_OWNERSHIP}DELIMITER $$\nBEGIN NOT ATOMIC\n{body}END$$\n"


def _refuse_stranger(resource: Database | DatabaseUser) -> str:
    """Stop the script when something of that name exists that NPanel did not make."""
    ours = f"SELECT 1 FROM {OWNERSHIP} WHERE {_row(resource)}"
    signal = f"SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = '{resource.kind}_taken'"
    return f"IF EXISTS ({_there(resource)}) AND NOT EXISTS ({ours}) THEN {signal}; END IF"


def _there(resource: Database | DatabaseUser) -> str:
    name = literal(resource.name)
    if isinstance(resource, Database):
        return f"SELECT 1 FROM information_schema.SCHEMATA WHERE SCHEMA_NAME = {name}"
    return f"SELECT 1 FROM mysql.global_priv WHERE User = {name} AND Host = {literal(resource.host)}"


def _row(resource: Database | DatabaseUser) -> str:
    kind, name, host, owner = map(literal, _mark(resource))
    return f"kind = {kind} AND name = {name} AND host = {host} AND owner = {owner}"


def _claim(resource: Database | DatabaseUser) -> str:
    return f"REPLACE INTO {OWNERSHIP} (kind, name, host, owner) VALUES ({', '.join(map(literal, _mark(resource)))})"


def _disclaim(resource: Database | DatabaseUser) -> str:
    return f"DELETE FROM {OWNERSHIP} WHERE {_row(resource)}"


def _mark(resource: Database | DatabaseUser) -> tuple[str, str, str, str]:
    host = resource.host if isinstance(resource, DatabaseUser) else ""
    return (resource.kind, resource.name, host, resource.owner)


def _kill(user: DatabaseUser) -> str:
    """End the account's connections. (KILL USER compares the host only when told one: no host, and all go.)"""
    return f"KILL USER {literal(user.name)}"


def _forgiving(statement: str) -> str:
    """A REVOKE that may find nothing to revoke."""
    return f"BEGIN DECLARE CONTINUE HANDLER FOR {_NO_SUCH_GRANT} BEGIN END; {statement}; END"


def _grant(grant: Grant, name: str) -> str:
    return f"GRANT {', '.join(grant.privileges)} ON {pattern(grant.database)}.* TO {name}"


def _revoke_all(user: DatabaseUser) -> str:
    return f"REVOKE ALL PRIVILEGES, GRANT OPTION FROM {account(user)}"


def _revoke(privileges: Iterable[str], database: str, name: str) -> str:
    return f"REVOKE {', '.join([*privileges, 'GRANT OPTION'])} ON {pattern(database)}.* FROM {name}"


def _others(grant: Grant) -> list[str]:
    return [] if grant.privileges == ALL else sorted(set(PRIVILEGES.values()) - set(grant.privileges))
