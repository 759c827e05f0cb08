"""Giving up an operation that has not begun: the facts say again what they said before."""

import pytest

from hosting.choices import OperationState, ServiceState
from hosting.errors import HostingError
from hosting.models import Database, DnsRecord, Domain, HostingService, Operation
from hosting.services.databases import create_database, create_database_user, delete_database
from hosting.services.dns import add_record
from hosting.services.operations import (
    approve_operation,
    cancel_operation,
    discard_changes,
    retry_operation,
    rollback_operation,
)
from hosting.services.sites import (
    add_domain,
    apply_service,
    change_php,
    delete_service,
    remove_domain,
    resume_service,
    suspend_service,
)
from tests.factories import make_customer, make_operation
from tests.people import operator
from tests.unit.services.world import World, domain_of, snapshot

pytestmark = pytest.mark.django_db


def give_up(world: World, operation: Operation, *, planned: bool) -> None:
    """Cancel an operation before or after it was planned, and let the worker catch up."""
    if planned:
        assert world.run(operation).state == OperationState.PLANNED, operation.error
    cancelled = cancel_operation(actor=world.actor, operation=operation, reason="changed my mind")
    assert cancelled.state == OperationState.CANCELLED
    world.work()


def facts(service: HostingService) -> tuple[object, ...]:
    """Everything that is wanted of a service."""
    service.refresh_from_db()
    return (
        service.state,
        service.php_version,
        service.username_key,
        service.out_of_sync,
        sorted(service.domains.values_list("name", "name_key", "has_zone", "www", "php")),
        sorted(DnsRecord.objects.filter(domain__service=service).values_list("name", "type", "content")),
        sorted(service.databases.values_list("name")),
        sorted(service.database_users.values_list("name", "password_hash")),
    )


WISHES = {
    "suspend": lambda world, service: suspend_service(actor=world.actor, service=service, wait_for_approval=True),
    "delete": lambda world, service: delete_service(actor=world.actor, service=service, wait_for_approval=True),
    "php": lambda world, service: change_php(
        actor=world.actor, service=service, php_version="8.4", wait_for_approval=True
    ),
    "add domain": lambda world, service: add_domain(
        actor=world.actor, service=service, name="example.net", wait_for_approval=True
    ),
    "remove domain": lambda world, service: remove_domain(
        actor=world.actor, domain=domain_of("example.org"), wait_for_approval=True
    ),
    "add record": lambda world, service: add_record(
        actor=world.actor, domain=domain_of("example.com"), name="a", type="A", content="192.0.2.9",
        wait_for_approval=True,
    ),
    "add database": lambda world, service: create_database(
        actor=world.actor, service=service, name="two", wait_for_approval=True
    ),
    "remove database": lambda world, service: delete_database(
        actor=world.actor, database=Database.objects.get(name="alice_one"), wait_for_approval=True
    ),
}  # fmt: skip


@pytest.fixture
def service(world: World) -> HostingService:
    """A service with some of everything."""
    service = world.host("example.com", username="alice", php_version="8.2")
    add_domain(actor=world.actor, service=service, name="example.org")
    create_database(actor=world.actor, service=service, name="one")
    create_database_user(
        actor=world.actor, service=service, name="one", password="correct horse battery",
        databases=[Database.objects.get()],
    )  # fmt: skip
    assert {operation.state for operation in world.work()} == {OperationState.SUCCEEDED}
    return service


@pytest.mark.parametrize("planned", [False, True], ids=["waiting", "planned"])
@pytest.mark.parametrize("wish", WISHES)
def test_a_cancelled_wish_leaves_the_facts_and_the_node_as_they_were(
    world: World, service: HostingService, wish: str, planned: bool
) -> None:
    before = facts(service)
    give_up(world, WISHES[wish](world, service), planned=planned)
    assert facts(service) == before
    assert world.run(apply_service(actor=world.actor, service=service)).plan["changes"] == []
    assert world.status("example.com") == world.status("example.org") == 200


@pytest.mark.parametrize("planned", [False, True], ids=["waiting", "planned"])
def test_a_cancelled_creation_frees_its_names(world: World, planned: bool) -> None:
    operation = world.ask("example.com", username="alice", wait_for_approval=True)
    give_up(world, operation, planned=planned)
    assert operation.service is not None
    operation.service.refresh_from_db()
    assert operation.service.state == ServiceState.TERMINATED
    assert world.status("example.com") == 0 and "alice" not in world.server.accounts.accounts
    assert world.host("example.com", username="alice", customer=make_customer()).state == ServiceState.ACTIVE


@pytest.mark.parametrize("planned", [False, True], ids=["waiting", "planned"])
@pytest.mark.parametrize("state", ["active", "suspended"])
def test_cancelling_gives_a_service_back_the_state_it_had(
    world: World, service: HostingService, state: str, planned: bool
) -> None:
    if state == "suspended":
        world.run(suspend_service(actor=world.actor, service=service))
    before = facts(service)
    give_up(world, delete_service(actor=world.actor, service=service, wait_for_approval=True), planned=planned)
    assert facts(service) == before and before[0] == state


@pytest.mark.parametrize("planned", [False, True], ids=["waiting", "planned"])
@pytest.mark.parametrize("what", ["delete", "suspend", "resume"])
def test_a_cancelled_rollback_leaves_what_was_to_be_rolled_back(
    world: World, service: HostingService, what: str, planned: bool
) -> None:
    if what == "resume":
        world.run(suspend_service(actor=world.actor, service=service))
    act = {"delete": delete_service, "suspend": suspend_service, "resume": resume_service}[what]
    wish = act(actor=world.actor, service=service)
    done = world.confirm(wish) if what == "delete" else world.run(wish)
    before = facts(service)
    rollback = rollback_operation(actor=world.actor, operation=done, wait_for_approval=True)
    assert facts(service) != before
    give_up(world, rollback, planned=planned)
    assert facts(service) == before
    # It was cancelled, not used up.
    again = world.run(rollback_operation(actor=world.actor, operation=done))
    assert again.state == OperationState.SUCCEEDED, again.error


def test_cancelling_does_not_take_back_a_later_wish(world: World, service: HostingService) -> None:
    first = suspend_service(actor=world.actor, service=service, wait_for_approval=True)
    world.run(first)
    deletion = delete_service(actor=world.actor, service=service)
    cancel_operation(actor=world.actor, operation=first)
    service.refresh_from_db()
    assert service.state == ServiceState.SOFT_DELETED
    world.confirm(deletion)
    service.refresh_from_db()
    assert (deletion.state, service.state) == (OperationState.SUCCEEDED, ServiceState.SOFT_DELETED)
    assert world.status("example.com") == 0


@pytest.mark.parametrize("state", [state for state in OperationState if state not in ("pending", "planned")])
def test_what_has_begun_or_ended_can_not_be_cancelled(state: OperationState) -> None:
    operation = make_operation(state=state)
    before = snapshot()
    with pytest.raises(HostingError) as refusal:
        cancel_operation(actor=operator(), operation=operation)
    assert refusal.value.code == "wrong_state" and snapshot() == before
    operation.refresh_from_db()
    assert operation.state == state


@pytest.mark.parametrize("state", [state for state in OperationState if state != "planned"])
def test_only_a_planned_operation_is_approved(state: OperationState) -> None:
    operation = make_operation(state=state, plan_digest="d")
    before = snapshot()
    with pytest.raises(HostingError) as refusal:
        approve_operation(actor=operator(), operation=operation, digest="d")
    assert refusal.value.code == "wrong_state" and snapshot() == before


def test_another_plan_than_the_one_shown_is_not_approved() -> None:
    operation = make_operation(state=OperationState.PLANNED, plan_digest="d")
    with pytest.raises(HostingError) as refusal:
        approve_operation(actor=operator(), operation=operation, digest="e")
    assert refusal.value.code == "stale_plan"


@pytest.mark.parametrize("act", [retry_operation, discard_changes], ids=["retry", "discard"])
@pytest.mark.parametrize("state", ["pending", "running", "planned", "succeeded", "cancelled"])
def test_only_a_failed_operation_is_retried_or_discarded(state: str, act: object) -> None:
    operation = make_operation(state=state)
    before = snapshot()
    with pytest.raises(HostingError) as refusal:
        act(actor=operator(), operation=operation)  # type: ignore[operator]
    assert refusal.value.code == "wrong_state" and snapshot() == before


@pytest.mark.parametrize("state", [state for state in OperationState if state != "succeeded"])
def test_only_what_succeeded_is_rolled_back(state: OperationState) -> None:
    operation = make_operation(state=state)
    with pytest.raises(HostingError) as refusal:
        rollback_operation(actor=operator(), operation=operation)
    assert refusal.value.code == "wrong_state"


def test_what_changed_nothing_is_not_rolled_back() -> None:
    with pytest.raises(HostingError) as refusal:
        rollback_operation(actor=operator(), operation=make_operation(state="succeeded"))
    assert refusal.value.code == "nothing_to_roll_back"


def test_a_cancelled_first_wish_lets_the_second_go_on(world: World, service: HostingService) -> None:
    first = world.run(add_domain(actor=world.actor, service=service, name="a.test", wait_for_approval=True))
    add_domain(actor=world.actor, service=service, name="b.test")
    cancel_operation(actor=world.actor, operation=first)
    world.work()
    assert world.status("a.test") == 0 and world.status("b.test") == 200
    assert set(Domain.objects.values_list("name", flat=True)) == {"example.com", "example.org", "b.test"}
