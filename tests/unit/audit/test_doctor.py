"""The doctor finds lost triggers, foreign keys, a switched-off pragma and rights that are too wide."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from django.core.management import call_command
from django.db import OperationalError, connection

from audit import triggers
from audit.doctor import examine
from audit.grants import FORBIDDEN, application_grants, effective_rights
from audit.models import Event
from audit.triggers import drop_triggers

PASSWORD = "only-for-this-test"
WEB = "'npanel_test_web'@'%'"


def run_doctor(capsys: Any, *arguments: str) -> tuple[int, dict[str, Any]]:
    """Exit status and JSON answer of ``manage.py audit_doctor``."""
    code = 0
    try:
        call_command("audit_doctor", "--json", *arguments)
    except SystemExit as ended:
        code = int(ended.code or 0)
    return code, json.loads(capsys.readouterr().out)


def codes() -> set[str]:
    """Codes of all findings."""
    return {finding.code for finding in examine()}


def test_a_sound_table_passes(db: None, capsys: Any) -> None:
    code, answer = run_doctor(capsys)
    assert (code, answer["sound"]) == (0, True)


def test_lost_triggers_fail_and_are_repaired(transactional_db: None, capsys: Any) -> None:
    drop_triggers("default")
    code, answer = run_doctor(capsys)
    assert (code, answer["findings"][0]["code"]) == (2, "audit.W002")
    code, answer = run_doctor(capsys, "--repair")
    assert (code, answer["sound"]) == (0, True)
    assert Event.objects.get().verb == "audit.repair"


def test_a_foreign_key_is_found(transactional_db: None) -> None:
    with connection.cursor() as cursor:
        kind = "BIGINT" if connection.vendor == "mysql" else "INTEGER"
        cursor.execute(f"CREATE TABLE audit_test_child (event {kind}, FOREIGN KEY (event) REFERENCES audit_event (id))")
        try:
            assert "audit.W003" in codes()
        finally:
            cursor.execute("DROP TABLE audit_test_child")
    assert "audit.W003" not in codes()


def test_a_missing_pragma_is_found(db: None) -> None:
    if connection.vendor != "sqlite":
        pytest.skip("a switch of SQLite only")
    with connection.cursor() as cursor:
        cursor.execute("PRAGMA recursive_triggers = OFF")
        try:
            assert "audit.W005" in codes()
        finally:
            cursor.execute("PRAGMA recursive_triggers = ON")


def test_the_system_check_says_the_same(transactional_db: None, capsys: Any) -> None:
    drop_triggers("default")
    call_command("check", databases=["default"])
    assert "audit.W002" in capsys.readouterr().err
    call_command("migrate", verbosity=0)
    call_command("check", databases=["default"])
    assert "audit.W002" not in capsys.readouterr().err


def test_rights_that_are_too_wide_fail_in_production_only(db: None, settings: Any) -> None:
    if connection.vendor != "mysql":
        pytest.skip("SQLite has no accounts")
    settings.NPANEL_ENVIRONMENT = "development"
    assert [finding.is_error for finding in examine() if finding.code == "audit.W006"] == [False]
    settings.NPANEL_ENVIRONMENT = "production"
    assert [finding.is_error for finding in examine() if finding.code == "audit.W006"] == [True]


@pytest.fixture
def web_account(transactional_db: None) -> Iterator[Any]:
    """Make a MariaDB account, and connect with it after the test has granted it something."""
    if connection.vendor != "mysql":
        pytest.skip("SQLite has no accounts")
    import MySQLdb

    def connect() -> Any:
        where = connection.get_connection_params()
        address = {name: where[name] for name in ("unix_socket", "host", "port") if name in where}
        return MySQLdb.connect(user="npanel_test_web", password=PASSWORD, database=where["database"], **address)

    with connection.cursor() as cursor:
        cursor.execute(f"CREATE OR REPLACE USER {WEB} IDENTIFIED BY '{PASSWORD}'")
        try:
            yield connect
        finally:
            cursor.execute(f"DROP USER {WEB}")


def grant(statements: list[str]) -> None:
    with connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)


def test_an_application_account_can_add_and_read_only(web_account: Any) -> None:
    schema = str(connection.settings_dict["NAME"])
    tables = connection.introspection.table_names()
    grant(application_grants(account=WEB, schema=schema, tables=tables, hidden=["django_session"]))
    link = web_account()
    cursor = link.cursor()
    cursor.execute(
        "INSERT INTO audit_event (uid, occurred_at, actor_type, actor_id, actor_login, actor_role, actor_interface,"
        " actor_ip, session_digest, impersonator_id, impersonator_login, verb, target_type, target_id, target_label,"
        " outcome, reason, trace_id, correlation_id, request_id, operation_id, node, version)"
        " VALUES (UUID(), NOW(), 'user', '', '', '', '', '', '', '', '', 'a.b', '', '', '', 'succeeded', '',"
        " '', '', '', '', '', '')"
    )
    cursor.execute("SELECT COUNT(*) FROM audit_event")
    assert cursor.fetchone() == (1,)
    for statement in (
        "UPDATE audit_event SET reason = 'forged'",
        "DELETE FROM audit_event",
        "REPLACE INTO audit_event SELECT * FROM audit_event",
        "TRUNCATE audit_event",
        "DROP TABLE audit_event",
        "ALTER TABLE audit_event ADD COLUMN x INT",
        "DROP TRIGGER audit_event_no_delete",
        "SELECT * FROM django_session",
    ):
        with pytest.raises(link.OperationalError) as refused:
            cursor.execute(statement)
        assert refused.value.args[0] in (1142, 1044), statement
    assert not effective_rights(cursor) & FORBIDDEN
    link.rollback()
    link.close()


@pytest.mark.parametrize(
    "statement",
    [
        "GRANT SELECT, INSERT, UPDATE, DELETE ON `{schema}`.* TO {account}",
        "GRANT DELETE ON *.* TO {account}",
        "GRANT SELECT, INSERT, DROP ON `{schema}`.audit_event TO {account}",
        "GRANT SELECT (id), UPDATE (reason) ON `{schema}`.audit_event TO {account}",
    ],
)
def test_the_doctor_sees_rights_however_they_were_granted(web_account: Any, statement: str) -> None:
    grant([statement.format(schema=connection.settings_dict["NAME"], account=WEB)])
    link = web_account()
    assert effective_rights(link.cursor()) & FORBIDDEN
    link.close()


def test_the_doctor_sees_rights_that_come_by_a_role(web_account: Any) -> None:
    with connection.cursor() as cursor:
        cursor.execute("CREATE OR REPLACE ROLE npanel_test_role")
        try:
            cursor.execute(f"GRANT DELETE, SELECT ON `{connection.settings_dict['NAME']}`.* TO npanel_test_role")
            cursor.execute(f"GRANT npanel_test_role TO {WEB}")
            cursor.execute(f"SET DEFAULT ROLE npanel_test_role FOR {WEB}")
            link = web_account()
            assert "DELETE" in effective_rights(link.cursor())
            link.close()
        finally:
            cursor.execute("DROP ROLE npanel_test_role")


def test_triggers_stay_in_force_for_the_owner(transactional_db: None) -> None:
    if connection.vendor != "mysql":
        pytest.skip("SQLite has no accounts")
    Event.objects.create(verb="a.b", actor_type="user", outcome="succeeded")
    with connection.cursor() as cursor, pytest.raises(OperationalError, match="append-only"):
        cursor.execute("DELETE FROM audit_event")


def test_an_account_that_may_not_read_trigger_bodies_sees_that_they_are_there(web_account: Any) -> None:
    schema = str(connection.settings_dict["NAME"])
    grant(application_grants(account=WEB, schema=schema, tables=connection.introspection.table_names()))
    rows = triggers._mariadb_triggers(web_account().cursor())
    assert {name for name, _sql in rows} == {"audit_event_no_update", "audit_event_no_delete"}
    assert {sql for _name, sql in rows} == {None}
    assert triggers._body(None) == triggers.UNREADABLE
