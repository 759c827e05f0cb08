"""Nobody changes or removes an event: not the ORM, not SQL, on whichever database the suite runs."""

import os
import subprocess
import sys
import uuid
from collections.abc import Callable
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import DatabaseError, connection, transaction
from django.db.models import F

from audit.errors import AppendOnlyViolation
from audit.models import Event
from audit.testing import allow_flush
from audit.triggers import drop_triggers, missing_triggers

ORM_ATTACKS: dict[str, Callable[[Event], Any]] = {
    "save": lambda event: event.save(),
    "save with update_fields": lambda event: event.save(update_fields=["reason"]),
    "save with force_update": lambda event: Event(pk=event.pk, uid=event.uid).save(force_update=True),
    "delete": lambda event: event.delete(),
    "update": lambda event: Event.objects.update(reason="forged"),
    "filtered update": lambda event: Event.objects.filter(pk=event.pk).update(reason=F("verb")),
    "queryset delete": lambda event: Event.objects.all().delete(),
    "raw delete": lambda event: Event.objects.all()._raw_delete("default"),
    "base manager": lambda event: Event._base_manager.all().delete(),
    "bulk_update": lambda event: Event.objects.bulk_update([event], ["reason"]),
    "update_or_create": lambda event: Event.objects.update_or_create(pk=event.pk, defaults={"reason": "forged"}),
    "bulk_create over it": lambda event: Event.objects.bulk_create(
        [event], update_conflicts=True, update_fields=["reason"], unique_fields=["uid"]
    ),
    "bulk_create ignoring": lambda event: Event.objects.bulk_create([event], ignore_conflicts=True),
}

SQL_ATTACKS = {
    "any": {
        "update": "UPDATE audit_event SET reason = 'forged' WHERE id = {id}",
        "update all": "UPDATE audit_event SET reason = 'forged'",
        "change the key": "UPDATE audit_event SET id = 99 WHERE id = {id}",
        "delete": "DELETE FROM audit_event WHERE id = {id}",
        "delete all": "DELETE FROM audit_event",
        "replace by id": "REPLACE INTO audit_event ({columns}) SELECT {id}, {forged_new_uid} FROM audit_event",
        "replace by uid": "REPLACE INTO audit_event ({columns}) SELECT 99, {forged_same_uid} FROM audit_event",
    },
    "sqlite": {
        "insert or replace": "INSERT OR REPLACE INTO audit_event ({columns})"
        " SELECT {id}, {forged_new_uid} FROM audit_event",
        "update or replace": "UPDATE OR REPLACE audit_event SET reason = 'forged' WHERE id = {id}",
        "upsert": "INSERT INTO audit_event ({columns}) SELECT {id}, {forged_new_uid} FROM audit_event WHERE true"
        " ON CONFLICT DO UPDATE SET reason = 'forged'",
    },
    "mysql": {
        "on duplicate key": "INSERT INTO audit_event ({columns}) SELECT {id}, {forged_new_uid} FROM audit_event"
        " ON DUPLICATE KEY UPDATE reason = 'forged'",
        "multi-table update": "UPDATE audit_event JOIN (SELECT 1 one) t ON true SET reason = 'forged'",
        "multi-table delete": "DELETE audit_event FROM audit_event JOIN (SELECT 1 one) t ON true",
        "update ignore": "UPDATE IGNORE audit_event SET reason = 'forged'",
        "delete quick": "DELETE QUICK FROM audit_event",
    },
}


def sql_attack(name: str, event: Event) -> str:
    """The named statement against ``event``, for the database in use."""
    statements = {**SQL_ATTACKS["any"], **SQL_ATTACKS[connection.vendor]}
    if name not in statements:
        pytest.skip(f"not a statement of {connection.vendor}")
    quote = connection.ops.quote_name  # `before` is a keyword of MariaDB
    others = [
        quote(field.column) for field in Event._meta.concrete_fields if field.column not in ("id", "uid", "reason")
    ]
    tail = ", ".join(["'forged'", *others])
    return statements[name].format(
        id=event.pk,
        columns=", ".join(["id", "uid", "reason", *others]),
        forged_new_uid=f"'{uuid.uuid4().hex}', {tail}",
        forged_same_uid=f"uid, {tail}",
    )


@pytest.fixture
def event(happen: Callable[..., Event]) -> Event:
    """One recorded event, read back."""
    return Event.objects.get(pk=happen(reason="as it was").pk)


def assert_untouched(event: Event) -> None:
    """The table holds this one event, with every field as it was."""
    assert list(Event.objects.values()) == [{f.attname: getattr(event, f.attname) for f in Event._meta.concrete_fields}]


@pytest.mark.parametrize("name", ORM_ATTACKS)
def test_the_orm_refuses(event: Event, name: str) -> None:
    with pytest.raises((AppendOnlyViolation, DatabaseError)), transaction.atomic():
        ORM_ATTACKS[name](event)
    assert_untouched(event)


@pytest.mark.parametrize("name", [name for statements in SQL_ATTACKS.values() for name in statements])
def test_the_database_refuses(event: Event, name: str) -> None:
    statement = sql_attack(name, event)
    with pytest.raises(DatabaseError, match="append-only"), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement)
    assert_untouched(event)


@pytest.mark.parametrize("name", ["replace by id", "replace by uid", "insert or replace"])
def test_sqlite_refuses_replace_even_without_the_pragma(event: Event, name: str) -> None:
    if connection.vendor != "sqlite":
        pytest.skip("a hole of SQLite only")
    statement = sql_attack(name, event)
    with connection.cursor() as cursor:
        cursor.execute("PRAGMA recursive_triggers = OFF")
        try:
            with pytest.raises(DatabaseError), transaction.atomic():
                cursor.execute(statement)
        finally:
            cursor.execute("PRAGMA recursive_triggers = ON")
    assert_untouched(event)


def test_new_events_are_welcome(event: Event, happen: Callable[..., Event]) -> None:
    happen()
    Event.objects.bulk_create([Event(verb="audit_test.happened", actor_type="user", outcome="succeeded")])
    assert Event.objects.count() == 3


def test_there_is_no_foreign_key_in_or_out() -> None:
    assert not [field.name for field in Event._meta.get_fields() if field.is_relation]


def test_flush_is_refused_outside_of_the_test_runner(transactional_db: None, happen: Callable[..., Event]) -> None:
    happen()
    with pytest.raises(CommandError):
        call_command("flush", interactive=False, verbosity=0)
    assert Event.objects.count() == 1
    with allow_flush():
        call_command("flush", interactive=False, verbosity=0)
    assert Event.objects.count() == 0
    assert missing_triggers(connection) == []


def test_the_protection_cannot_be_lifted_in_a_running_panel() -> None:
    program = (
        "import django; django.setup()\n"
        "from audit.testing import NotATestDatabase, allow_flush\n"
        "try:\n"
        "    with allow_flush(): print('lifted')\n"
        "except NotATestDatabase: print('refused')\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=120, env=dict(os.environ)
    )
    assert done.stdout.strip() == "refused"


def test_migrate_puts_lost_triggers_back(transactional_db: None, happen: Callable[..., Event]) -> None:
    event = Event.objects.get(pk=happen().pk)
    if connection.vendor == "sqlite":  # Django alters a SQLite table by making a new one
        with connection.schema_editor() as editor:
            editor._remake_table(Event)
    else:
        drop_triggers("default")
    assert missing_triggers(connection) != []
    call_command("migrate", verbosity=0)
    assert missing_triggers(connection) == []
    with pytest.raises(DatabaseError), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("DELETE FROM audit_event")
    assert_untouched(event)


def test_a_trigger_that_does_nothing_counts_as_missing(transactional_db: None, happen: Callable[..., Event]) -> None:
    happen()
    body = "BEGIN SELECT 1; END" if connection.vendor == "sqlite" else "FOR EACH ROW SET @nothing = 1"
    with connection.cursor() as cursor:
        cursor.execute("DROP TRIGGER audit_event_no_delete")
        cursor.execute(f"CREATE TRIGGER audit_event_no_delete BEFORE DELETE ON audit_event {body}")
    assert missing_triggers(connection) == ["audit_event_no_delete"]
    call_command("migrate", verbosity=0)
    assert missing_triggers(connection) == []
