"""On MariaDB with the real grants: what each account can do to the record, and what none can."""

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.core.files.storage import FileSystemStorage
from django.db import connection

from accounts.belongings import forget_names
from accounts.models import Belonging
from audit.models import Event, Segment
from audit.sealing import SealerBusy, seal_pending
from audit.triggers import _mariadb_triggers, expected_triggers
from audit.verifying import verify
from observability import retention
from observability.archive import ArchiveError, ArchiveStore
from observability.log_search import Reading, Wanted, search
from observability.names import known
from observability.retained import get_kind
from tests.factories import make_customer, make_service
from tests.people import member

from .accounts import ROLES, acting_as, link_as, made
from .trail import own_keys

pytestmark = pytest.mark.django_db(transaction=True)
TABLES = ("audit_event", "audit_seal", "audit_checkpoint", "audit_segment", "audit_erasure", "audit_erasureproof",
          "audit_subjectkey")  # fmt: skip
REFUSED = (1142, 1143, 1044, 1227, 1370, 1644)
ATTACKS = {
    "update": "UPDATE {table} SET {column} = {column}",
    "delete": "DELETE FROM {table}",
    "replace": "REPLACE INTO {table} SELECT * FROM {table}",
    "truncate": "TRUNCATE {table}",
    "drop": "DROP TABLE {table}",
    "alter": "ALTER TABLE {table} ADD COLUMN x INT",
    "trigger": "DROP TRIGGER audit_event_no_delete",
    "create trigger": "CREATE TRIGGER x BEFORE INSERT ON {table} FOR EACH ROW SET @x = 1",
    "rename": "RENAME TABLE {table} TO elsewhere",
}
#: What an account is there for; the triggers ask the rest.
MAY = {("retention", "delete", "audit_subjectkey")}


@pytest.fixture
def accounts(settings: Any, tmp_path: Any, happen: Callable[..., Event]) -> Iterator[Callable[[str], Any]]:
    """Connects as one of the four accounts; a sealed event is in the table."""
    links = []

    def connect(role: str) -> Any:
        links.append(link_as(role))
        return links[-1]

    with made():
        own_keys(settings, tmp_path)
        happen()
        seal_pending()
        yield connect
        for link in links:
            with contextlib.suppress(link.Error):  # a test may have closed it
                link.close()


@pytest.mark.parametrize("role", ROLES)
def test_no_account_gets_past(accounts: Callable[[str], Any], role: str) -> None:
    link = accounts(role)
    cursor = link.cursor()
    columns = {"audit_event": "verb", "audit_seal": "hash", "audit_checkpoint": "head_hash", "audit_segment": "archive"}
    passed = []
    for table in TABLES:
        for name, statement in ATTACKS.items():
            try:
                cursor.execute(statement.format(table=table, column=columns.get(table, "subject")))
            except link.Error as error:
                assert error.args[0] in REFUSED, (role, table, name, error)
            else:
                passed.append((role, name, table))
            link.rollback()
    assert {case for case in passed if case[2] not in ("audit_segment", "audit_erasure")} <= MAY, passed
    assert Event.objects.filter(verb="audit_test.happened").count() == 1
    assert verify().bad is None


def test_together_the_accounts_see_all_triggers(accounts: Callable[[str], Any]) -> None:
    seen = {name for role in ROLES for name, _sql in _mariadb_triggers(accounts(role).cursor())}
    assert seen == set(expected_triggers(connection))


def test_the_web_account_can_not_seal_or_read_keys(accounts: Callable[[str], Any]) -> None:
    link = accounts("web")
    for statement in (
        "INSERT INTO audit_seal SELECT seq + 9, event_id + 9, event_uid, commitments, previous_hash, hash, sealed_at"
        " FROM audit_seal",
        "SELECT * FROM audit_subjectkey",
        "INSERT INTO audit_segment (day) VALUES ('2020-01-01')",
        "INSERT INTO audit_erasure VALUES ('user:7', NOW())",
        "INSERT INTO audit_erasureproof VALUES (1, 'user:7', 'a1', 'x')",
        "INSERT INTO audit_verification (at, kind, ok, size, head_hash, key_id, signature)"
        " VALUES (NOW(), 'full', 1, 1, '', '', '')",
        "UPDATE audit_verification SET ok = 1",
    ):
        with pytest.raises(link.Error) as refused:
            link.cursor().execute(statement)
        assert refused.value.args[0] in REFUSED, statement


def test_a_second_sealer_waits_and_a_dead_one_lets_go(accounts: Callable[[str], Any]) -> None:
    link = accounts("audit")
    name = f"npanel_audit_sealer:{connection.settings_dict['NAME']}"[:64]
    link.cursor().execute("SELECT GET_LOCK(%s, 0)", [name])
    with pytest.raises(SealerBusy):
        seal_pending()
    link.close()
    for _ in range(100):
        try:
            seal_pending()
        except SealerBusy:
            continue
        return
    pytest.fail("the dead sealer's lock stayed")


def test_only_the_retention_account_runs_retention(
    accounts: Callable[[str], Any], settings: Any, tmp_path: Any, happen: Callable[..., Event]
) -> None:
    settings.NPANEL_RETENTION_LOCK, settings.NPANEL_AUDIT_SEALER = tmp_path / "lock", "worker"
    store = ArchiveStore(FileSystemStorage(tmp_path / "archive"), recipients=())
    for role in ("web", "worker", "audit"):
        with acting_as(role):
            assert not get_kind("audit").is_run_here(), role
    old = happen()
    seal_pending()
    with acting_as("retention"):
        assert get_kind("audit").is_run_here()
        assert retention.run(get_kind("audit"), store=store).state == "succeeded"
    assert Event.objects.filter(pk=old.pk).exists()  # of today


def test_an_account_without_the_keys_is_told_what_it_does_not_see(
    accounts: Callable[[str], Any], tmp_path: Any
) -> None:
    store = ArchiveStore(FileSystemStorage(tmp_path / "archive"), recipients=())
    name = "audit/2026/01/2026-01-01"
    store.write(name, [b"{}"], kind="audit")
    Segment.objects.create(
        day="2026-01-01", first_seq=0, last_seq=0, count=1, first_previous_hash="", last_hash="", archive=name,
        sha256="", manifest="",
    )  # fmt: skip
    for role, locked in (("web", [name]), ("worker", [name])):
        reading = Reading()
        with acting_as(role):
            hot = list(search(Wanted(kinds=("audit",), names=("example.test",)), reading, store))
        assert (len(hot), reading.locked) == (1, locked), role
    for role in ("audit", "retention"):
        with acting_as(role), pytest.raises((ArchiveError, KeyError)):
            list(search(Wanted(kinds=("audit",)), Reading(), store))


def test_the_accounts_that_read_archives_know_whose_a_name_is(accounts: Callable[[str], Any]) -> None:
    service = make_service(customer=make_customer(name="Wanderlust"))
    Belonging.objects.create(customer_id=service.customer.pk, kind=Belonging.NAME, key="Wanderlust GbR")
    member(service.customer)
    for role in ROLES:
        with acting_as(role):
            for name in ("Wanderlust", "wanderlust", "Wanderlust GbR"):
                assert known(name).targets["service"] == (str(service.pk),), role
    with acting_as("retention"):
        forget_names(service.customer.pk)
