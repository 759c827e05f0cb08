"""A legal hold on a customer keeps what is about them and theirs, now and later, and nothing of anybody else."""

import datetime
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.core.files.storage import FileSystemStorage
from django.core.management import CommandError, call_command
from django.db import DatabaseError, connection
from django.utils import timezone

from audit.actor import Actor
from audit.choices import Outcome
from audit.models import Event, LegalHold
from audit.record import Target, record
from audit.sealing import seal_pending
from audit.segments import steps
from hosting.choices import OperationKind, OperationState, ServiceState
from hosting.errors import HostingError
from hosting.models import HostingService
from hosting.services.customers import delete_customer
from hosting.services.holds import extend_holds, hold_customer, place_hold, release_hold
from hosting.verbs import FILE_UPLOAD, OPERATION_VERBS
from observability.archive import ArchiveStore
from tests.factories import make_customer, make_operation, make_service
from tests.unit.audit.trail import own_keys

pytestmark = pytest.mark.django_db
SYSTEM = Actor.system("test")


@pytest.fixture(autouse=True)
def trail(settings: Any, tmp_path: Path) -> None:
    own_keys(settings, tmp_path)


@pytest.fixture
def retain(tmp_path: Path) -> Callable[[], list[str]]:
    """What retention does: its actions in their order."""
    store = ArchiveStore(FileSystemStorage(tmp_path / "archive"), recipients=())
    return lambda: [step.action for step in steps(store=store)]


def old_event(service: HostingService, age: int = 40) -> Event:
    """An event about a service, alone in the segment of its day."""
    seal_pending(now=timezone.now() - datetime.timedelta(days=age + 1))
    event = record(verb=FILE_UPLOAD, actor=SYSTEM, target=service, outcome=Outcome.SUCCEEDED)
    seal_pending(now=timezone.now() - datetime.timedelta(days=age))
    return event


def held(name: str) -> set[str]:
    parent = LegalHold.objects.get(target_label=name, part_of=None)
    rows = LegalHold.objects.filter(part_of=parent.pk, released_at=None)
    return {f"{row.target_type}:{row.target_id}" for row in [parent, *rows]}


def test_what_is_theirs_stays_and_what_is_anybody_elses_goes(retain: Callable[[], list[str]]) -> None:
    service, other = make_service(customer=make_customer(name="Ada Ltd")), make_service()
    mine = old_event(service, 45)
    theirs = old_event(other, 40)
    hold_customer(actor=SYSTEM, name="Ada Ltd", reason="Case 12")
    seal_pending()

    assert "held" in retain()

    assert Event.objects.filter(pk=mine.pk).exists()
    assert not Event.objects.filter(pk=theirs.pk).exists()
    with pytest.raises(DatabaseError, match="append-only"), connection.cursor() as cursor:
        cursor.execute("DELETE FROM audit_event WHERE id = %s", [mine.pk])


def test_a_release_lets_all_parts_go(retain: Callable[[], list[str]]) -> None:
    mine = old_event(make_service(customer=make_customer(name="Ada Ltd")))
    (hold,) = hold_customer(actor=SYSTEM, name="Ada Ltd", reason="Case 12")
    seal_pending()
    retain()
    released = release_hold(actor=SYSTEM, hold=hold, reason="Case closed")
    assert released.released_by == "test"
    assert not LegalHold.objects.filter(released_at=None).exists()
    seal_pending()
    assert "remove" in retain()
    assert not Event.objects.filter(pk=mine.pk).exists()
    reasons = Event.objects.filter(verb__in=("audit.hold", "audit.release")).order_by("pk")
    assert [event.reason for event in reasons] == ["Case 12", "Case 12", "Case closed"]
    with pytest.raises(HostingError, match="released"):
        release_hold(actor=SYSTEM, hold=hold, reason="again")


def test_what_they_get_later_is_held_too_until_the_release() -> None:
    customer = make_customer(name="Ada Ltd")
    (hold,) = hold_customer(actor=SYSTEM, name="Ada Ltd", reason="Case 12")
    assert held("Ada Ltd") == {f"accounts.customer:{customer.pk}"}
    service = make_service(customer=customer)
    make_service()
    assert extend_holds(actor=SYSTEM) == 2
    assert extend_holds(actor=SYSTEM) == 0
    assert held("Ada Ltd") >= {f"service:{service.pk}", f"hosting.hostingservice:{service.pk}"}
    release_hold(actor=SYSTEM, hold=hold, reason="over")
    make_service(customer=customer)
    assert extend_holds(actor=SYSTEM) == 0


def test_their_deletion_takes_nothing_out_of_the_hold() -> None:
    customer = make_customer(name="Ada Ltd")
    hold_customer(actor=SYSTEM, name="Ada Ltd", reason="Case 12")
    service = make_service(customer=customer)
    HostingService.objects.filter(pk=service.pk).update(state=ServiceState.TERMINATED)
    number = service.pk
    delete_customer(actor=SYSTEM, customer=customer)
    assert f"service:{number}" in held("Ada Ltd")


def test_who_was_deleted_before_is_found_by_name_with_what_was_theirs() -> None:
    customer = make_customer(name="Ada Ltd")
    record(verb=FILE_UPLOAD, actor=SYSTEM, target=customer, outcome=Outcome.SUCCEEDED)
    make_operation(service=None, state=OperationState.SUCCEEDED, customer_name="Ada Ltd", target_key="service:4711")
    record(
        verb=OPERATION_VERBS[OperationKind.CREATE], actor=SYSTEM, target=Target("service", "4712", "ada"),
        outcome=Outcome.REQUESTED, after={"customer": "Ada Ltd"},
    )  # fmt: skip
    delete_customer(actor=SYSTEM, customer=customer)
    hold_customer(actor=SYSTEM, name="Ada Ltd", reason="Case 12")
    assert held("Ada Ltd") >= {"service:4711", "service:4712"}


@pytest.mark.parametrize(
    ("wanted", "code"),
    [
        ({"name": "Nobody Ltd", "reason": "x"}, "not_found"),
        ({"name": "Ada Ltd", "reason": " "}, "reason_missing"),
        ({"name": "Ada Ltd", "reason": "x", "since": timezone.now(), "until": timezone.now()}, "invalid"),
    ],
)
def test_what_makes_no_sense_is_refused(wanted: dict[str, Any], code: str) -> None:
    make_customer(name="Ada Ltd")
    with pytest.raises(HostingError) as refused:
        hold_customer(actor=SYSTEM, **(wanted | ({"until": wanted["since"]} if "since" in wanted else {})))
    assert refused.value.code == code
    with pytest.raises(HostingError):
        place_hold(actor=SYSTEM, reason="x", target="service")
    assert not LegalHold.objects.exists()


def test_the_command_places_lists_and_releases(capsys: pytest.CaptureFixture[str]) -> None:
    make_service(customer=make_customer(name="Ada Ltd"))
    call_command("audit_hold", "--place", "--customer", "Ada Ltd", "--reason", "Case 12")
    shown = capsys.readouterr().out
    assert "Ada Ltd  accounts.customer:" in shown
    assert "with 2 targets" in shown
    call_command("audit_hold", "--release", shown.split()[0], "--reason", "over")
    assert "Nothing is held." in capsys.readouterr().out
    with pytest.raises(CommandError):
        call_command("audit_hold", "--place", "--customer", "Ada Ltd", "--target", "service:1", "--reason", "x")
    with pytest.raises(SystemExit):
        call_command("audit_hold", "--place", "--target", "service:1")
