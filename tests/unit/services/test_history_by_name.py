"""A customer with things of every kind is deleted; each log line, operation and event is found by the name alone.

What was the customer's is told by the correlation id under which it was all done, which no search by name looks at.
"""

import datetime
import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from django.core.files.storage import storages
from django.core.management import call_command
from django.db import connection
from django.test import Client, override_settings
from django.utils import timezone

from accounts.models import Belonging, Customer, Membership, User
from accounts.services.members import add_member, remove_member
from accounts.services.people import delete_person
from audit.models import Event
from audit.record import record
from audit.sealing import seal_pending
from hosting.choices import WebhookEvent
from hosting.models import Domain, HostingService, Operation, Webhook
from hosting.services.customers import create_customer, delete_customer
from hosting.services.databases import create_database
from hosting.services.dns import add_record
from hosting.services.webhooks import create_webhook, delete_webhook
from observability import logging as npanel_logging
from observability import retention
from observability.archive import ArchiveStore
from observability.context import bind_trace
from observability.names import known
from observability.retained import get_kind
from tests import people
from tests.factories import make_operation
from tests.people import operator
from tests.unit.audit.trail import own_keys
from tests.unit.services.world import World

pytestmark = pytest.mark.django_db(transaction=True)
NAME, FORMER, CORRELATION = "Wanderlust & Söhne", "Wanderlust GbR", "all-that-they-did"
AGO = datetime.timedelta(days=100)


@pytest.fixture
def folder(settings: Any, tmp_path: Path) -> Iterator[Path]:
    """Logs go to a file of the test's own; archives and locks below the same folder."""
    settings.NPANEL_LOG_DIR = tmp_path / "log"
    settings.NPANEL_RETENTION_LOCK = tmp_path / "retention.lock"
    settings.STORAGES = {
        **settings.STORAGES,
        "archive": {
            "BACKEND": "django.core.files.storage.FileSystemStorage",
            "OPTIONS": {"location": str(tmp_path / "archive")},
        },
    }
    storages._storages.clear()  # type: ignore[attr-defined]
    own_keys(settings, tmp_path)
    settings.NPANEL_LOG_DIR.mkdir()
    npanel_logging.configure(service="npanel-worker", stream=None, file=tmp_path / "log" / "worker.log")
    yield tmp_path
    npanel_logging.configure(service="npanel-test", stream="stderr")
    storages._storages.clear()  # type: ignore[attr-defined]


@pytest.fixture
def gone(world: World, folder: Path) -> int:
    """The id of a customer who had everything, was renamed, and was deleted with all of it."""
    another = world.host("another.example", username="another")
    with bind_trace(correlation_id=CORRELATION), override_settings(NPANEL_FINAL_ARCHIVE_DAYS=0):
        customer = create_customer(actor=world.actor, name=FORMER, email="office@wanderlust.example")
        identity = int(customer.pk)
        rename(customer)
        had_by(world, customer)
        for service in HostingService.objects.filter(customer=customer):
            world.delete(service)
            world.purge(service)
        delete_customer(actor=world.actor, customer=customer)
    with bind_trace(correlation_id="of-somebody-else"):
        world.run(create_database(actor=world.actor, service=again(another), name="shop"))
    return identity


def had_by(world: World, customer: Customer) -> None:
    """Two services with zone, record and database; a member who stays, two who go; two webhooks."""
    for n in range(2):
        service = world.host(f"wander{n}.example", customer=customer, username=f"wander{n}")
        world.run(create_database(actor=world.actor, service=again(service), name="shop"))
        domain = Domain.objects.get(service=service)
        world.run(add_record(actor=world.actor, domain=domain, name="mail", type="A", content="192.0.2.8"))
    for who in ("stays", "leaves", "dies"):
        add_member(
            actor=world.actor, customer=customer, email=f"{who}@wanderlust.example", password="long enough 2026",
            access="owner" if who == "stays" else "viewer",
        )  # fmt: skip
    remove_member(actor=world.actor, membership=Membership.objects.get(user__email="leaves@wanderlust.example"))
    delete_person(actor=world.actor, user=User.objects.get(email="dies@wanderlust.example"))
    for n in range(2):
        create_webhook(
            actor=world.actor, customer=customer, url=f"https://hooks.example/{n}",
            events=[WebhookEvent.OPERATION_FINISHED],
        )  # fmt: skip
    delete_webhook(actor=world.actor, webhook=Webhook.objects.filter(customer=customer)[0])


def rename(customer: Customer) -> None:
    """In the console, as an operator would."""
    client = Client(headers={"X-Correlation-Id": CORRELATION})
    with bind_trace(correlation_id="the-operator-signs-in"):
        client.force_login(people.admin())
    address = f"/admin/accounts/customer/{customer.pk}/edit/"
    answer = client.post(address, {"name": NAME, "email": customer.email, "notes": ""})
    assert answer.status_code == 302, answer.content
    customer.refresh_from_db()
    assert customer.name == NAME


def again(service: HostingService) -> HostingService:
    return HostingService.objects.get(pk=service.pk)


def found(capsys: pytest.CaptureFixture[str], *options: str) -> list[dict[str, Any]]:
    """What ``log_search`` finds."""
    capsys.readouterr()
    call_command("log_search", *options, "--json")
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def logged(folder: Path) -> set[str]:
    """The customer's lines as they were written."""
    lines = (folder / "log" / "worker.log").read_text().splitlines()
    return {line for line in lines if json.loads(line).get("correlation_id") == CORRELATION}


@pytest.mark.parametrize("name", [NAME, NAME.lower(), FORMER])
def test_each_event_is_found_in_the_console(gone: int, name: str) -> None:
    from audit.admin import search

    theirs = set(Event.objects.filter(correlation_id=CORRELATION).values_list("verb", "target_type", "pk"))
    assert {kind for _verb, kind, _pk in theirs} >= {
        "service", "accounts.customer", "accounts.user", "hosting.webhook"
    }  # fmt: skip
    assert set(search(Event.objects.all(), name).values_list("verb", "target_type", "pk")) == theirs


@pytest.mark.parametrize("name", [NAME, FORMER, NAME.lower()])
def test_each_operation_and_line_is_found_hot(
    gone: int, name: str, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    theirs = {str(pk) for pk in Operation.objects.filter(correlation_id=CORRELATION).values_list("pk", flat=True)}
    assert len(theirs) == 10
    rows = found(capsys, "--name", name, "--kind", "operations", "--hot")
    assert {row["context"]["operation_id"] for row in rows} == theirs

    lines = {json.dumps(row, separators=(",", ":")) for row in found(capsys, "--name", name, "--kind", "app", "--hot")}
    assert lines == {line for line in logged(folder) if '"tenant_id"' in line}
    untold = logged(folder) - lines
    assert not untold, untold


def test_each_operation_and_line_is_found_archived(gone: int, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    theirs, lines = Operation.objects.filter(correlation_id=CORRELATION), len(logged(folder))
    count = theirs.count()
    assert lines > 10
    theirs.update(finished_at=timezone.now() - AGO)
    turned = folder / "log" / f"worker.log.{timezone.now() - AGO:%Y-%m-%d}"
    (folder / "log" / "worker.log").rename(turned)
    os.utime(turned, ((timezone.now() - AGO).timestamp(),) * 2)
    for kind in ("operations", "app"):
        for batch in list(get_kind(kind).batches(timezone.now().date() - datetime.timedelta(days=30))):
            manifest = get_kind(kind).archive(batch, ArchiveStore())
            get_kind(kind).remove(batch, manifest.lines)
    assert not theirs.exists() and not turned.exists()
    for name in (NAME, FORMER):
        assert len(found(capsys, "--name", name, "--kind", "operations", "--archived")) == count
        assert len(found(capsys, "--name", name, "--kind", "app", "--archived")) == lines


def test_each_event_is_found_hot_and_archived(gone: int, capsys: pytest.CaptureFixture[str]) -> None:
    theirs = {uid.hex for uid in Event.objects.filter(correlation_id=CORRELATION).values_list("uid", flat=True)}
    for name in (NAME, FORMER):
        rows = found(capsys, "--name", name, "--kind", "audit", "--hot")
        assert {row["context"]["uid"].replace("-", "") for row in rows} == theirs
    seal_pending(now=timezone.now() - AGO)
    record(verb="audit.retain", actor=operator(), target=("node", "1", "node"), outcome="succeeded")
    seal_pending()
    retention.run(get_kind("audit"))
    assert not Event.objects.filter(correlation_id=CORRELATION).exists()
    for name in (NAME, FORMER):
        rows = found(capsys, "--name", name, "--kind", "audit", "--archived")
        assert {row["context"]["uid"].replace("-", "") for row in rows} == theirs


def test_a_name_that_was_erased_finds_nothing_any_more(gone: int, capsys: pytest.CaptureFixture[str]) -> None:
    assert known(NAME).tenants == (str(gone),)
    call_command("erase_person", f"customer:{gone}", "--reason", "they asked", "--yes")
    assert known(NAME).tenants == () and known(FORMER).tenants == ()
    assert not Belonging.objects.filter(kind=Belonging.NAME).exists()
    assert known(f"customer:{gone}").targets["service"]


def test_an_index_finds_the_events_and_the_names(gone: int, explained: Callable[[Any], set[str]]) -> None:
    from audit.admin import search

    if connection.vendor != "mysql":
        pytest.skip("MariaDB says which index it uses")
    Event.objects.bulk_create(
        Event(actor_type="system", verb="service.apply", target_type="service", target_id=str(n), outcome="succeeded")
        for n in range(1_000, 6_000)
    )
    assert explained(search(Event.objects.all(), NAME)) == {"audit_target"}
    make_operation()
    row = Operation.objects.latest("created_at")
    Operation.objects.bulk_create(
        Operation(node=row.node, target_key=f"node:{n}", customer_name=f"name {n}", trace_id="0") for n in range(2_000)
    )
    assert explained(Operation.objects.filter(customer_name__in=known(NAME).names).order_by()) - {None}
    Belonging.objects.bulk_create(Belonging(customer_id=n, kind="name", key=f"name {n}") for n in range(9_000, 12_000))
    assert explained(Belonging.objects.filter(kind="name", key=NAME)) == {"belonging_key"}


@pytest.fixture
def explained() -> Callable[[Any], set[str]]:
    """Which indexes the database says it uses."""

    def names(rows: Any) -> set[str]:
        with connection.cursor() as cursor:
            cursor.execute("ANALYZE TABLE audit_event, accounts_belonging, hosting_operation")
            cursor.fetchall()
            statement, values = rows.query.sql_with_params()
            cursor.execute(f"EXPLAIN {statement}", values)
            column = [part[0] for part in cursor.description].index("key")
            return {row[column] for row in cursor.fetchall()}

    return names
