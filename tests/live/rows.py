"""Reads the panel's database as plain SQL from outside of Django, on SQLite and on MariaDB."""

import contextlib
import json
import sqlite3
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

#: Columns that hold JSON.
_JSON = {
    "plan",
    "error",
    "result",
    "commands",
    "before",
    "after",
    "actor",
    "change",
    "diff",
    "facts",
    "unsynced",
    "refs",
}


class Rows:
    """``rows("SELECT …", value, …)`` gives dictionaries; ``%s`` stands for a value, JSON columns are parsed."""

    def __init__(self, url: str) -> None:
        self._url = urlsplit(url)

    def __call__(self, query: str, *values: object) -> list[dict[str, Any]]:
        with self._cursor() as cursor:
            cursor.execute(query if self._is_mariadb else query.replace("%s", "?"), values)
            names = [column[0] for column in cursor.description]
            return [_parsed(dict(zip(names, row, strict=True))) for row in cursor.fetchall()]

    def everything(self) -> str:
        """All rows of all tables as text."""
        listing = "SHOW TABLES" if self._is_mariadb else "SELECT name FROM sqlite_master WHERE type = 'table'"
        tables = [next(iter(row.values())) for row in self(listing)]
        return "\n".join(f"{table} {row}" for table in tables for row in self(f"SELECT * FROM {table}"))  # noqa: S608

    @property
    def _is_mariadb(self) -> bool:
        return self._url.scheme != "sqlite"

    @contextlib.contextmanager
    def _cursor(self) -> Iterator[Any]:
        connection = self._mariadb() if self._is_mariadb else sqlite3.connect(unquote(self._url.path), timeout=60)
        with contextlib.closing(connection):
            yield connection.cursor()

    def _mariadb(self) -> Any:
        import MySQLdb

        options = {name: values[0] for name, values in parse_qs(self._url.query).items()}
        return MySQLdb.connect(
            host=self._url.hostname,
            port=self._url.port or 3306,
            user=unquote(self._url.username or ""),
            password=unquote(self._url.password or ""),
            database=self._url.path.strip("/"),
            charset="utf8mb4",
            **options,
        )


def _parsed(row: Mapping[str, Any]) -> dict[str, Any]:
    return {name: json.loads(value) if name in _JSON and _is_json(value) else value for name, value in row.items()}


def _is_json(value: object) -> bool:
    return isinstance(value, str) and value[:1] in ("{", "[", "n")
