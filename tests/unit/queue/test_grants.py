"""MariaDB itself keeps a web account off the queue and off what was recorded, and lets it do its work."""

import json
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from io import StringIO
from typing import Any

import pytest
from django.core.cache.backends.db import DatabaseCache
from django.core.management import CommandError, call_command
from django.db import DatabaseError, connection
from django.test import Client, RequestFactory

from accounts.services.impersonation import ask_impersonation
from accounts.services.sessions import end_all_sessions, reset_second_factor
from accounts.throttle import take
from audit.grants import FORBIDDEN, effective_rights
from audit.models import Event
from hosting.choices import OperationState
from hosting.management.commands.database_grants import QUEUE_TABLES, ROLES, WEB_RIGHTS, WEB_TABLES
from hosting.models import JournalEntry, Operation
from hosting.operations.dispatcher import dispatch
from hosting.operations.webhook_sender import forget_old, send_due
from hosting.services import bulk
from hosting.services.intents import expire_intents
from hosting.services.lifecycle import purge_due
from hosting.services.sites import create_service, suspend_service
from tests import people
from tests.factories import make_customer, make_node, make_operation, make_plan, make_service
from tests.people import operator
from tests.unit.api.caller import Caller

pytestmark = pytest.mark.django_db(transaction=True)
needs_mariadb = pytest.mark.skipif("connection.vendor != 'mysql'", reason="SQLite has no accounts")

As = Callable[[str], Any]


@pytest.fixture
def prefix() -> Iterator[str]:
    """Accounts of this test's own, with the grants of the command; they go with the test."""
    name, password = f"t{secrets.token_hex(4)}", secrets.token_hex(16)
    hosts = ("localhost", "127.0.0.1")
    accounts = [f"'{name}_{role}'@'{host}'" for role in ROLES for host in hosts]
    with connection.cursor() as cursor:
        for account in accounts:
            cursor.execute(f"CREATE USER {account} IDENTIFIED BY '{password}'")
    for host in hosts:
        call_command("database_grants", "--apply", prefix=name, host=host, stdout=StringIO())
    yield f"{name}:{password}"
    with connection.cursor() as cursor:
        for account in accounts:
            cursor.execute(f"DROP USER {account}")


@pytest.fixture
def account(prefix: str) -> As:
    """The default connection, for a block, as another account."""
    name, _colon, password = prefix.partition(":")

    @contextmanager
    def switched(role: str) -> Iterator[None]:
        kept = {key: connection.settings_dict[key] for key in ("USER", "PASSWORD")}
        connection.close()
        connection.settings_dict.update(USER=f"{name}_{role}", PASSWORD=password)
        try:
            yield
        finally:
            connection.close()
            connection.settings_dict.update(kept)

    return switched


def denied(statement: str) -> None:
    """MariaDB refuses the statement for want of a right (not for another reason)."""
    with pytest.raises(DatabaseError) as refusal, connection.cursor() as cursor:
        cursor.execute(statement)
    # 1142 command denied, 1044 access denied to the database, 1227 needs a privilege (error codes of MariaDB)
    assert refusal.value.args[0] in (1142, 1044, 1227), refusal.value


@needs_mariadb
@pytest.mark.parametrize("table", sorted(QUEUE_TABLES))
def test_a_web_account_does_not_reach_the_queue(account: As, table: str) -> None:
    with account("web"):
        for statement in ("SELECT * FROM {}", "INSERT INTO {} () VALUES ()", "UPDATE {} SET id = 1", "DELETE FROM {}"):
            denied(statement.format(table))
        denied(f"DROP TABLE {table}")


@needs_mariadb
@pytest.mark.parametrize("table", sorted(WEB_RIGHTS))
def test_a_web_account_only_reads_what_only_the_worker_writes(account: As, table: str) -> None:
    statements = {"INSERT": "INSERT INTO {} () VALUES ()", "UPDATE": "UPDATE {} SET id = 1", "DELETE": "DELETE FROM {}"}
    with account("web"):
        for right, statement in statements.items():
            if right not in WEB_RIGHTS[table]:
                denied(statement.format(table))
        with connection.cursor() as cursor:
            cursor.execute(f"SELECT COUNT(*) FROM {table}")  # noqa: S608 - a name of our own


@needs_mariadb
def test_a_web_account_forges_no_journal(account: As) -> None:
    operation = make_operation()
    journal = JournalEntry(operation=operation, seq=1, kind="node_file", key="/etc/cron.d/x", change={})
    with account("web"):
        with pytest.raises(DatabaseError) as refusal:
            journal.save()
        assert refusal.value.args[0] == 1142
        Operation.objects.filter(pk=operation.pk).update(state=OperationState.CANCELLED)
    assert not JournalEntry.objects.exists()


@needs_mariadb
@pytest.mark.parametrize("role", ["web", "worker", "audit"])
def test_no_application_account_changes_or_removes_events(account: As, role: str) -> None:
    make_operation()
    call_command("audit_doctor", stdout=StringIO(), stderr=StringIO())
    with account(role):
        for statement in (
            "UPDATE audit_event SET outcome = 'x'",
            "DELETE FROM audit_event",
            "TRUNCATE audit_event",
            "DROP TABLE audit_event",
            "ALTER TABLE audit_event ADD COLUMN x INT",
            "RENAME TABLE audit_event TO audit_gone",
            "DROP TRIGGER audit_event_no_delete",
            "CREATE TRIGGER t BEFORE INSERT ON audit_event FOR EACH ROW SET NEW.verb = 'x'",
            "REPLACE INTO audit_event (id) VALUES (1)",
            "INSERT INTO audit_event (id) VALUES (1) ON DUPLICATE KEY UPDATE verb = 'x'",
        ):
            denied(statement)
        Event.objects.count()


@needs_mariadb
def test_the_audit_account_changes_no_event(account: As) -> None:
    with account("audit"):
        denied("UPDATE audit_event SET verb = 'x'")
        denied("DELETE FROM audit_event")
        denied("SELECT * FROM hosting_node")
        denied("SELECT * FROM accounts_user")


@needs_mariadb
@pytest.mark.parametrize("role", ["web", "worker"])
def test_an_application_account_grants_and_reads_nothing_further(account: As, role: str) -> None:
    with account(role):
        denied("CREATE TABLE x (a INT)")
        denied("DROP TABLE hosting_node")
        denied("ALTER TABLE hosting_node ADD COLUMN x INT")
        denied("SELECT * FROM mysql.global_priv")
        denied("GRANT SELECT ON hosting_node TO CURRENT_USER")


@needs_mariadb
@pytest.mark.parametrize("role", ["web", "worker", "audit"])
def test_the_doctor_finds_no_right_too_many(account: As, role: str) -> None:
    with account(role), connection.cursor() as cursor:
        rights = effective_rights(cursor) - {"USAGE"}  # no right at all
    assert rights == {"SELECT", "INSERT"}
    assert not rights & FORBIDDEN


@needs_mariadb
@pytest.mark.usefixtures("worker")
def test_both_accounts_can_do_their_work(account: As) -> None:
    customer, node, plan = make_customer(), make_node(), make_plan()
    with account("web"):
        operation = create_service(actor=operator(), customer=customer, node=node, plan=plan, domain="example.com")
        Operation.objects.filter(pk=operation.pk).update(state=OperationState.SUCCEEDED)
        service = operation.service
        assert service is not None
        type(service).objects.filter(pk=service.pk).update(state="active")
        suspend_service(actor=operator(), service=service)
        with pytest.raises(DatabaseError):
            dispatch()
    with account("worker"):
        assert dispatch() == 1
    with account("audit"):
        assert Event.objects.count() == 2


@needs_mariadb
def test_a_web_account_serves_every_door(account: As) -> None:
    """Sign-in and its budgets, sessions, the cache, tokens, keys of requests, members, webhooks, intents, bulk runs."""
    service, admin = make_service(), people.admin()
    owner = people.member(service.customer)
    people.stranger()
    with account("web"):
        DatabaseCache("npanel_cache", {}).set("x", 1)
        take("login", RequestFactory().post("/"), admin.email)
        client = Client()
        client.force_login(admin)
        end_all_sessions(actor=operator(), user=admin)
        caller = Caller(admin)
        add = {"customer": service.customer.pk, "email": "kim@example.com"}
        member = caller.post("members", add, Idempotency_Key="a")
        assert member.status_code == 201
        assert caller.delete(f"members/{member.json()['id']}").status_code == 204
        hook = {"url": "https://hooks.test/x", "events": ["intent.waiting"], "customer": service.customer.pk}
        made = caller.post("webhooks", hook).json()
        run = caller.post("bulk-runs", {"kind": "service_delete", "services": [service.pk]}).json()
        shown = caller.post(f"bulk-runs/{run['id']}/prepare").json()
        wanted = {"token": shown["token"], "digest": shown["digest"], "reason": "x"}
        assert caller.post(f"bulk-runs/{run['id']}/confirm", wanted, Idempotency_Key="b").status_code == 200
        assert caller.post(f"bulk-runs/{run['id']}/cancel").json()["state"] == "cancelled"
        removal = caller.delete(f"services/{service.pk}").json()
        assert caller.post(f"operations/{removal['id']}/cancel").status_code == 202
        assert caller.delete(f"webhooks/{made['id']}").status_code == 204
        ask_impersonation(actor=operator(), operator=admin, user=owner, reason="x")
        reset_second_factor(actor=operator(), user=owner)


@needs_mariadb
def test_the_worker_account_does_not_see_the_web_processes_cache(account: As) -> None:
    with account("worker"):
        for table in WEB_TABLES:
            denied("SELECT * FROM {}".format(table))  # noqa: S608, UP032 - a name of our own


@needs_mariadb
def test_the_worker_account_does_its_chores(account: As) -> None:
    with account("worker"):
        assert expire_intents(actor=operator()) == 0
        assert bulk.advance_all() == purge_due(actor=operator()) == send_due() == 0
        forget_old()


@needs_mariadb
def test_the_migrator_may_migrate(account: As) -> None:
    with account("migrator"):
        call_command("migrate", check=True, plan=True, stdout=StringIO())
        with connection.cursor() as cursor:
            cursor.execute("CREATE TABLE migrator_was_here (a INT)")
            cursor.execute("DROP TABLE migrator_was_here")


@needs_mariadb
def test_applying_takes_back_what_was_granted_too_much(prefix: str, account: As) -> None:
    name = prefix.partition(":")[0]
    schema = connection.settings_dict["NAME"]
    with connection.cursor() as cursor:
        for host in ("localhost", "127.0.0.1"):
            cursor.execute(f"GRANT ALL PRIVILEGES ON `{schema}`.* TO '{name}_web'@'{host}' WITH GRANT OPTION")
    with account("web"):
        Event.objects.count()
        with connection.cursor() as cursor:
            cursor.execute("SELECT COUNT(*) FROM django_q_ormq")
    for host in ("localhost", "127.0.0.1"):
        call_command("database_grants", "--apply", role=["web"], prefix=name, host=host, stdout=StringIO())
    with account("web"):
        denied("SELECT * FROM django_q_ormq")
        denied("DELETE FROM audit_event")


@needs_mariadb
def test_printing_changes_nothing_and_names_every_table() -> None:
    out = StringIO()
    call_command("database_grants", json=True, stdout=out)
    found = json.loads(out.getvalue())
    assert found["applied"] is False and set(found["roles"]) == set(ROLES)
    web, worker = (" ".join(found["roles"][role]["grants"]) for role in ("web", "worker"))
    for table in connection.introspection.table_names():
        assert (f"`{table}`" in worker) == (table not in WEB_TABLES | {"audit_subjectkey"})
        assert (f"`{table}`" in web) == (table not in QUEUE_TABLES | {"audit_subjectkey"})
    assert "ON `" + connection.settings_dict["NAME"] + "`.* " not in web + worker
    text = StringIO()
    call_command("database_grants", role=["audit"], stdout=text)
    assert "`audit_event`" in text.getvalue() and "DELETE" not in text.getvalue() + web.split("`audit_")[1]


@pytest.mark.parametrize("option", [{"prefix": "a'b"}, {"prefix": ""}, {"host": "x' OR '1"}, {"host": "a b"}])
def test_odd_names_are_refused(option: dict[str, str]) -> None:
    with pytest.raises(CommandError):
        call_command("database_grants", **option, stdout=StringIO())


def test_sqlite_has_no_grants() -> None:
    if connection.vendor == "sqlite":
        with pytest.raises(CommandError, match="MariaDB"):
            call_command("database_grants", stdout=StringIO())
