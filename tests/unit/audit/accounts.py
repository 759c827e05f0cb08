"""The MariaDB accounts as ``database_grants --apply`` makes them, to log in with or to run NPanel's own code under."""

import contextlib
import io
from collections.abc import Iterator
from typing import Any

import pytest
from django.core.management import call_command
from django.db import connection

PASSWORD = "only-for-this-test"
ROLES = ("web", "worker", "audit", "retention")


@contextlib.contextmanager
def made() -> Iterator[None]:
    """Make the accounts for a block; skips the test on SQLite, which has none."""
    if connection.vendor != "mysql":
        pytest.skip("SQLite has no accounts")
    with connection.cursor() as cursor:
        for role in ROLES:
            cursor.execute(f"CREATE OR REPLACE USER 'nptest_{role}'@'%' IDENTIFIED BY '{PASSWORD}'")
    roles = [word for role in ROLES for word in ("--role", role)]
    call_command("database_grants", "--apply", "--prefix", "nptest", "--host", "%", *roles, stdout=io.StringIO())
    try:
        yield
    finally:
        with connection.cursor() as cursor:
            for role in ROLES:
                cursor.execute(f"DROP USER 'nptest_{role}'@'%'")


def link_as(role: str) -> Any:
    """A bare connection of an account."""
    import MySQLdb

    where = connection.get_connection_params()
    address = {name: where[name] for name in ("unix_socket", "host", "port") if name in where}
    return MySQLdb.connect(user=f"nptest_{role}", password=PASSWORD, database=where["database"], **address)


@contextlib.contextmanager
def acting_as(role: str) -> Iterator[None]:
    """Have Django's own connection be an account's for a block."""
    before = {name: connection.settings_dict[name] for name in ("USER", "PASSWORD")}
    connection.close()
    connection.settings_dict.update(USER=f"nptest_{role}", PASSWORD=PASSWORD)
    try:
        yield
    finally:
        connection.close()
        connection.settings_dict.update(before)
