"""MariaDB of a fake node: understands the statements that NPanel's adapter sends, and keeps what they make."""

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from hosting.connections.base import Reply, Run

if TYPE_CHECKING:
    from hosting.connections.fake_node import FakeNode

UNIT = "mariadb.service"
#: Rights on one database that MariaDB 10.11 knows.
_ALL = frozenset(
    (
        "ALTER,ALTER ROUTINE,CREATE,CREATE ROUTINE,CREATE TEMPORARY TABLES,CREATE VIEW,DELETE,DELETE HISTORY,DROP,"
        "EVENT,EXECUTE,INDEX,INSERT,LOCK TABLES,REFERENCES,SELECT,SHOW VIEW,TRIGGER,UPDATE"
    ).split(",")
)
_ACCOUNT = r"'(?P<user>[^']*)'@'(?P<host>[^']*)'"


@dataclass(slots=True)
class FakeDatabase:
    """A database; ``data`` stands for its tables, and is what a dump keeps."""

    charset: str
    collation: str
    data: str = ""


@dataclass(slots=True)
class FakeMariaDbUser:
    """An account; rights by pattern as in mysql.db."""

    password_hash: str = ""
    locked: bool = True
    rights: dict[str, set[str]] = field(default_factory=dict)


class _SqlError(Exception):
    """What the server answers instead."""


class FakeMariaDb:
    """Databases by name, accounts by (name, host), and the table npanel.ownership."""

    def __init__(self, node: "FakeNode") -> None:
        self._node = node
        self.databases: dict[str, FakeDatabase] = {}
        self.users: dict[tuple[str, str], FakeMariaDbUser] = {}
        self.ownership: dict[tuple[str, str, str], str] = {}
        self.programs: dict[str, Callable[[list[str], Run], Reply]] = {
            "mariadb": self._client,
            "mariadb-dump": self._dump,
            "mariadbd": lambda words, run: Reply(),
        }

    def _client(self, words: list[str], run: Run) -> Reply:
        if not self._node.system.running(UNIT):
            return _error(2002, "HY000", "Can't connect to local server through socket '/run/mysqld/mysqld.sock' (2)")
        try:
            lines = [line for statement in _statements(run.stdin.decode()) for line in self._execute(statement)]
        except _SqlError as error:
            return Reply(exit_status=1, stderr=str(error).encode())
        return Reply(stdout="".join(f"{line}\n" for line in lines).encode())

    def _execute(self, statement: str) -> Iterator[str]:
        for pattern, method in _GRAMMAR:
            if match := pattern.fullmatch(statement):
                yield from method(self, match)
                return
        raise _SqlError(f"ERROR 1064 (42000) at line 1: the fake MariaDB does not know: {statement[:80]}")

    # --- databases

    def _create_database(self, match: re.Match[str]) -> Iterator[str]:
        self.databases.setdefault(match["name"], FakeDatabase(match["charset"], match["collation"]))
        yield from ()

    def _alter_database(self, match: re.Match[str]) -> Iterator[str]:
        database = self.databases[match["name"]]
        database.charset, database.collation = match["charset"], match["collation"]
        yield from ()

    def _drop_database(self, match: re.Match[str]) -> Iterator[str]:
        self.databases.pop(match["name"], None)
        yield from ()

    def _use(self, match: re.Match[str]) -> Iterator[str]:
        if match["name"] not in self.databases:
            raise _SqlError(f"ERROR 1049 (42000) at line 1: Unknown database '{match['name']}'")
        self._current = match["name"]
        yield from ()

    def _select_database(self, match: re.Match[str]) -> Iterator[str]:
        yield f"{self._current}\t42"

    def _source(self, match: re.Match[str]) -> Iterator[str]:
        self.databases[self._current].data = json.loads(self._node.content(match["path"]))
        yield from ()

    def _dump(self, words: list[str], run: Run) -> Reply:
        path = next(word.partition("=")[2] for word in words if word.startswith("--result-file="))
        database = self.databases.get(words[-1])
        if database is None:
            return Reply(exit_status=2, stderr=b'mariadb-dump: Got error: 1049: "Unknown database" when selecting')
        self._node.put(path, json.dumps(database.data).encode(), mode=0o600)
        return Reply()

    # --- accounts

    def _create_user(self, match: re.Match[str]) -> Iterator[str]:
        self.users.setdefault(_who(match), FakeMariaDbUser())
        yield from ()

    def _alter_user(self, match: re.Match[str]) -> Iterator[str]:
        user = self.users[_who(match)]
        user.password_hash, user.locked = match["hash"], match["lock"] == "LOCK"
        yield from ()

    def _drop_user(self, match: re.Match[str]) -> Iterator[str]:
        self.users.pop(_who(match), None)
        yield from ()

    def _grant(self, match: re.Match[str]) -> Iterator[str]:
        rights = _ALL if match["rights"] == "ALL PRIVILEGES" else match["rights"].split(", ")
        self.users[_who(match)].rights.setdefault(match["pattern"], set()).update(rights)
        yield from ()

    def _revoke(self, match: re.Match[str]) -> Iterator[str]:
        rights = self.users[_who(match)].rights
        left = rights.get(match["pattern"], set()) - set(match["rights"].split(", "))
        rights.pop(match["pattern"], None)
        if left:
            rights[match["pattern"]] = left
        yield from ()

    def _revoke_all(self, match: re.Match[str]) -> Iterator[str]:
        if user := self.users.get(_who(match)):
            user.rights.clear()
        yield from ()

    # --- marks

    def _refuse(self, match: re.Match[str]) -> Iterator[str]:
        kind, name, host, owner = _mark(match["mark"])
        there = name in self.databases if kind == "database" else (name, host) in self.users
        if there and self.ownership.get((kind, name, host)) != owner:
            raise _SqlError(f"ERROR 1644 (45000) at line 1: {match['message']}")
        yield from ()

    def _claim(self, match: re.Match[str]) -> Iterator[str]:
        kind, name, host, owner = re.findall(r"'([^']*)'", match["values"])
        self.ownership[kind, name, host] = owner
        yield from ()

    def _disclaim(self, match: re.Match[str]) -> Iterator[str]:
        kind, name, host, _ = _mark(match["mark"])
        self.ownership.pop((kind, name, host), None)
        yield from ()

    def _mine(self, conditions: str) -> Iterator[tuple[str, str, str]]:
        """Name, host and owner of the marks that a derived table selects."""
        facts = dict(re.findall(r"(kind|owner) = '([^']*)'", conditions))
        names = re.search(r"name IN \(([^)]*)\)", conditions)
        wanted = re.findall(r"'([^']*)'", names[1]) if names else None
        for (kind, name, host), owner in sorted(self.ownership.items()):
            if kind == facts["kind"] and facts.get("owner", owner) == owner and (wanted is None or name in wanted):
                yield name, host, owner

    # --- what is asked

    def _database_rows(self, match: re.Match[str]) -> Iterator[str]:
        for name, _, owner in self._mine(match["mine"]):
            if found := self.databases.get(name):
                row = {"row": "database", "owner": owner, "name": name}
                yield json.dumps(row | {"charset": found.charset, "collation": found.collation})

    def _user_rows(self, match: re.Match[str]) -> Iterator[str]:
        for name, host, owner in self._mine(match["mine"]):
            if user := self.users.get((name, host)):
                priv = {"access": 0, "plugin": "mysql_native_password", "authentication_string": user.password_hash}
                row = {"row": "user", "owner": owner, "user": name, "host": host}
                yield json.dumps(row | {"priv": json.dumps(priv | {"account_locked": user.locked})})

    def _grant_rows(self, match: re.Match[str]) -> Iterator[str]:
        columns = [column.removeprefix("d.") for column in match["columns"].split(", ")]
        for name, host, _ in self._mine(match["mine"]):
            for pattern, rights in self.users.get((name, host), FakeMariaDbUser()).rights.items():
                flags = "".join("Y" if _right(c) in rights else "N" for c in columns)
                row: dict[str, Any] = {"row": "grant", "user": name, "host": host, "pattern": pattern}
                yield json.dumps(row | {"grantable": "N", "rights": flags})

    def _account_state(self, match: re.Match[str]) -> Iterator[str]:
        user = self.users.get((match["user"], match["host"]))
        if user is not None:
            wanted = re.findall(r"'([^']*)'", match["names"])
            count = sum(pattern.replace("\\", "~") in wanted for pattern in user.rights)
            yield f"1\t{int(user.password_hash == match['hash'])}\t{int(user.locked)}\t{count}"

    def _nothing(self, match: re.Match[str]) -> Iterator[str]:
        yield from ()


def _statements(script: str) -> Iterator[str]:
    """The script's statements on one line each, those inside compound statements too."""
    text = re.sub(r"DELIMITER \$\$\nBEGIN NOT ATOMIC\n(.*?)END\$\$\n", r"\1", script, flags=re.DOTALL)
    text = re.sub(r"BEGIN DECLARE CONTINUE HANDLER FOR [\d, ]+ BEGIN END; (.*?); END;", r"\1;", text)
    text = re.sub(r"THEN ((?:SIGNAL|REVOKE) .*?); END IF;", r"THEN \1 END IF;", text)
    text = re.sub(r"^(source .*)$", r"\1;", text, flags=re.MULTILINE)
    for statement in text.split(";"):
        if words := " ".join(statement.split()):
            yield words


def _who(match: re.Match[str]) -> tuple[str, str]:
    return match["user"], match["host"]


def _mark(conditions: str) -> tuple[str, str, str, str]:
    facts = dict(re.findall(r"(kind|name|host|owner) = '([^']*)'", conditions))
    return facts["kind"], facts["name"], facts["host"], facts["owner"]


def _right(column: str) -> str:
    names = {"Create_tmp_table_priv": "CREATE TEMPORARY TABLES"}
    return names.get(column, column.removesuffix("_priv").replace("_", " ").upper())


def _error(number: int, state: str, message: str) -> Reply:
    return Reply(exit_status=1, stderr=f"ERROR {number} ({state}): {message}".encode())


_Method = Callable[[FakeMariaDb, re.Match[str]], Iterator[str]]
_OPTIONS = r"`(?P<name>\w+)` CHARACTER SET '(?P<charset>\w+)' COLLATE '(?P<collation>\w+)'"
_MINE = r"FROM \(SELECT name, host, owner FROM npanel\.ownership WHERE (?P<mine>.*?)\) o JOIN .*"
_GRAMMAR: list[tuple[re.Pattern[str], _Method]] = [
    (re.compile(pattern), method)
    for pattern, method in (
        (r"CREATE (?:DATABASE|TABLE) IF NOT EXISTS npanel.*", FakeMariaDb._nothing),
        (rf"CREATE DATABASE IF NOT EXISTS {_OPTIONS}", FakeMariaDb._create_database),
        (rf"ALTER DATABASE {_OPTIONS}", FakeMariaDb._alter_database),
        (r"DROP DATABASE IF EXISTS `(?P<name>\w+)`", FakeMariaDb._drop_database),
        (r"USE `(?P<name>\w+)`", FakeMariaDb._use),
        (r"SELECT DATABASE\(\), 6 \* 7", FakeMariaDb._select_database),
        (r"source (?P<path>\S+)", FakeMariaDb._source),
        (rf"CREATE USER IF NOT EXISTS {_ACCOUNT} ACCOUNT LOCK", FakeMariaDb._create_user),
        (
            rf"ALTER USER {_ACCOUNT} IDENTIFIED VIA mysql_native_password USING '(?P<hash>[^']*)' ACCOUNT"
            r" (?P<lock>\w+)",
            FakeMariaDb._alter_user,
        ),
        (rf"DROP USER IF EXISTS {_ACCOUNT}", FakeMariaDb._drop_user),
        (r"KILL USER .*", FakeMariaDb._nothing),
        (rf"GRANT (?P<rights>[A-Z, ]+) ON `(?P<pattern>[^`]*)`\.\* TO {_ACCOUNT}", FakeMariaDb._grant),
        (
            rf"(?:IF EXISTS .* THEN )?REVOKE ALL PRIVILEGES, GRANT OPTION FROM {_ACCOUNT}(?: END IF)?",
            FakeMariaDb._revoke_all,
        ),
        (rf"REVOKE (?P<rights>[A-Z, ]+) ON `(?P<pattern>[^`]*)`\.\* FROM {_ACCOUNT}", FakeMariaDb._revoke),
        (
            r"IF EXISTS .* AND NOT EXISTS \(SELECT 1 FROM npanel\.ownership WHERE (?P<mark>[^)]*)\)"
            r" THEN SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = '(?P<message>\w+)' END IF",
            FakeMariaDb._refuse,
        ),
        (r"REPLACE INTO npanel\.ownership \([^)]*\) VALUES \((?P<values>[^)]*)\)", FakeMariaDb._claim),
        (r"DELETE FROM npanel\.ownership WHERE (?P<mark>.*)", FakeMariaDb._disclaim),
        (rf"SELECT JSON_OBJECT\('row', 'database'.*?{_MINE}", FakeMariaDb._database_rows),
        (rf"SELECT JSON_OBJECT\('row', 'user'.*?{_MINE}", FakeMariaDb._user_rows),
        (rf"SELECT JSON_OBJECT\('row', 'grant'.*?CONCAT\((?P<columns>[^)]*)\)\) {_MINE}", FakeMariaDb._grant_rows),
        (rf"SELECT JSON_OBJECT\('row', 'other'.*?{_MINE}", FakeMariaDb._nothing),
        (
            r"SELECT JSON_VALUE.*?'\$\.authentication_string'\) = '(?P<hash>[^']*)'.*? IN \((?P<names>[^)]*)\)\)"
            r" FROM mysql\.global_priv WHERE User = '(?P<user>[^']*)' AND Host = '(?P<host>[^']*)'",
            FakeMariaDb._account_state,
        ),
    )
]
