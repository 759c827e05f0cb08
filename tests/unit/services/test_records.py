"""What was recorded stays: whoever is deleted, no audit event changes or goes."""

from typing import Any

import pytest
from django.db.models import ProtectedError
from django.test import override_settings

from accounts.models import Customer, User
from accounts.services.people import create_operator
from audit.models import Event
from hosting.choices import ServiceState
from hosting.errors import HostingError
from hosting.models import HostingService, JournalEntry, Operation
from hosting.services.customers import create_customer, delete_customer
from hosting.services.plans import change_plan, create_plan, delete_plan
from tests.factories import make_customer, make_operation, make_plan, make_service
from tests.people import admin, operator
from tests.unit.services.world import World, snapshot

pytestmark = pytest.mark.django_db


def events() -> list[dict[str, Any]]:
    """Every audit event with everything in it."""
    return list(Event.objects.order_by("pk").values())


def test_deleting_a_customer_with_terminated_services_changes_no_event(world: World) -> None:
    customer = create_customer(actor=world.actor, name="Alice Ltd", email="alice@example.com")
    service = world.host("example.com", customer=customer, database="shop", database_password="correct horse")
    world.delete(service)
    with override_settings(NPANEL_FINAL_ARCHIVE_DAYS=0):
        world.purge(service)
    before = events()
    operations = Operation.objects.count(), JournalEntry.objects.count()
    delete_customer(actor=world.actor, customer=customer)
    assert events()[:-1] == before
    assert events()[-1]["verb"] == "customer.delete"
    assert not Customer.objects.exists() and not HostingService.objects.exists()
    assert (Operation.objects.count(), JournalEntry.objects.count()) == operations
    assert set(Operation.objects.exclude(kind="node_bootstrap").values_list("target_label", flat=True)) == {"example"}


@pytest.mark.parametrize("state", [state for state in ServiceState if state != ServiceState.TERMINATED])
def test_a_customer_with_a_live_service_is_not_deleted(state: ServiceState) -> None:
    service = make_service(state=state)
    make_service(state=ServiceState.TERMINATED, customer=service.customer)
    before = snapshot()
    with pytest.raises(HostingError) as refusal:
        delete_customer(actor=operator(), customer=service.customer)
    assert refusal.value.code == "customer_in_use" and "1 hosting service" in refusal.value.detail
    assert snapshot() == before


def test_rows_that_others_need_are_protected_below_the_services() -> None:
    operation = make_operation()
    JournalEntry.objects.create(operation=operation, seq=1, kind="note", key="a", change={})
    service = operation.service
    assert service is not None
    for row in (service.customer, service.plan, service.node, operation):
        with pytest.raises(ProtectedError):
            row.delete()


def test_deleting_an_operator_changes_no_event() -> None:
    person = create_operator(actor=operator(), email="bob@panel.test", password="correct horse battery")
    before = events()
    person.delete()
    assert events() == before
    assert before[0]["target_label"] == "bob@panel.test"


def test_deleting_who_asked_leaves_the_operation_with_its_name() -> None:
    person = admin()
    operation = make_operation(actor={"type": "user", "id": str(person.pk), "login": person.email, "role": "ADMIN"})
    User.objects.all().delete()
    operation.refresh_from_db()
    assert operation.actor["login"] == operation.actor_login == "admin@panel.test"


def test_nothing_points_at_the_audit_table_or_from_it() -> None:
    assert not [field for field in Event._meta.get_fields() if field.is_relation]


@pytest.mark.parametrize(
    ("fields", "field"),
    [({"name": ""}, "name"), ({"name": "Taken"}, "name"), ({"name": "Bob", "email": "no address"}, "email")],
)
def test_a_bad_customer_is_refused(fields: dict[str, str], field: str) -> None:
    make_customer(name="Taken")
    before = snapshot()
    with pytest.raises(HostingError) as refusal:
        create_customer(actor=operator(), **fields)
    assert (refusal.value.code, refusal.value.field) == ("invalid", field) and snapshot() == before


def test_a_plan_is_made_changed_and_removed() -> None:
    plan = create_plan(actor=operator(), name=" Gold ", databases=None, domains=3)
    assert (plan.name, plan.databases, plan.domains) == ("Gold", None, 3)
    change_plan(actor=operator(), plan=plan, domains=5)
    delete_plan(actor=operator(), plan=plan)
    verbs = list(Event.objects.order_by("pk").values_list("verb", flat=True))
    assert verbs == ["plan.create", "plan.change", "plan.delete"]
    changed = Event.objects.get(verb="plan.change")
    assert (changed.before["domains"], changed.after["domains"]) == (3, 5)


def test_a_plan_in_use_stays() -> None:
    plan = make_service().plan
    before = snapshot()
    with pytest.raises(HostingError) as refusal:
        delete_plan(actor=operator(), plan=plan)
    assert refusal.value.code == "plan_in_use" and snapshot() == before


@pytest.mark.parametrize("values", [{"name": ""}, {"name": "Gold"}, {"domains": -1}, {"php_processes": None}])
def test_a_bad_plan_is_refused(values: dict[str, Any]) -> None:
    make_plan(name="Gold")
    plan, before = make_plan(), snapshot()
    with pytest.raises(HostingError) as refusal:
        change_plan(actor=operator(), plan=plan, **values)
    assert (refusal.value.code, refusal.value.field) == ("invalid", next(iter(values)))
    with pytest.raises(HostingError):
        create_plan(actor=operator(), **{"name": "Silver", **values})
    assert snapshot() == before
