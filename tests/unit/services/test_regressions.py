"""What a review of the road once found wrong with deletions, rollbacks and plans that wait, one test each."""

from collections.abc import Callable
from typing import Any

import pytest
from django.core.management import call_command

from hosting.choices import DriftState, OperationKind, OperationState, ServiceState
from hosting.errors import HostingError
from hosting.models import Domain, HostingService, Operation
from hosting.operations import drift
from hosting.operations.requests import request_operation
from hosting.services import drift as drift_service
from hosting.services.customers import delete_customer
from hosting.services.databases import create_database
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
    suspend_service,
)
from hosting.state import Ref
from tests.confirm import confirm
from tests.factories import make_customer
from tests.unit.services.world import World, domain_of

pytestmark = pytest.mark.django_db

DATA = "/home/alice/sites/a.test/public/data.php"
PASSWORD = "correct horse battery"
VHOST = "/etc/nginx/npanel/sites/alice.a.test.conf"


def after_each_batch(world: World, hook: Callable[[], None]) -> None:
    """Let something happen to the node after each batch that it answered."""
    original = world.server.batch

    def batch(*arguments: Any, **options: Any) -> list[Any]:
        answers = original(*arguments, **options)
        hook()
        return answers

    world.server.batch = batch  # type: ignore[method-assign]


def refused(code: str, act: Callable[..., object], world: World, **arguments: object) -> HostingError:
    """The refusal of a request."""
    with pytest.raises(HostingError) as refusal:
        act(actor=world.actor, **arguments)
    assert refusal.value.code == code, refusal.value
    return refusal.value


def done(world: World, operation: Operation) -> Operation:
    """An operation that was carried out well."""
    assert world.run(operation).state == OperationState.SUCCEEDED, operation.error
    return operation


def planned(world: World, operation: Operation) -> Operation:
    """An operation that waits for its approval."""
    assert world.run(operation).state == OperationState.PLANNED, operation.error
    return operation


def deleted(world: World, service: HostingService) -> Operation:
    """The deletion of a service, carried out."""
    return confirmed(world, delete_service(actor=world.actor, service=service))


def confirmed(world: World, operation: Operation) -> Operation:
    """A governed operation after it was confirmed and carried out, with whatever it caused."""
    assert world.confirm(operation).state == OperationState.SUCCEEDED, operation.error
    world.work()
    return operation


def approved(world: World, operation: Operation) -> Operation:
    """A planned operation after it was approved and carried out, with whatever it caused."""
    approve_operation(actor=world.actor, operation=operation, digest=operation.plan_digest)
    world.work()
    operation.refresh_from_db()
    assert operation.state == OperationState.SUCCEEDED, operation.error
    return operation


def tried_to_the_end(world: World, operation: Operation) -> Operation:
    """An operation whose node does not answer, after its last try."""
    while world.run(operation).state == OperationState.PENDING:
        Operation.objects.filter(pk=operation.pk).update(not_before=None)
    return operation


def creation(service: HostingService) -> Operation:
    """The operation that created a service."""
    return service.operations.get(kind=OperationKind.CREATE)


def state(service: HostingService) -> str:
    """The service's state now."""
    service.refresh_from_db()
    return service.state


def with_data(world: World) -> HostingService:
    """A service with a file and a database of its customer's."""
    service = world.host("a.test", username="alice", php_version="8.2", database="one", database_password=PASSWORD)
    world.server.put(DATA, b"mine", owner="alice")
    world.server.mariadb.databases["alice_one"].data = "mine"
    return service


def data_of(world: World) -> tuple[bytes, str]:
    """The customer's file and database as they are on the node."""
    database = world.server.mariadb.databases.get("alice_one")
    return world.server.content(DATA) if world.server.exists(DATA) else b"", database.data if database else ""


# --- services that are gone ----------------------------------------------------------------------------------------


def test_trying_again_for_a_service_that_is_gone_touches_nobody(world: World) -> None:
    world.host("victim.test", username="victim")
    operation = world.ask("gone.test", username="gone")
    world.server.refuse()
    assert tried_to_the_end(world, operation).state == OperationState.FAILED
    world.server.accept()
    service = operation.service
    assert service is not None
    done(world, discard_changes(actor=world.actor, operation=operation))
    service.refresh_from_db()
    delete_customer(actor=world.actor, customer=service.customer)
    operation.refresh_from_db()
    assert operation.service is None
    refused("wrong_state", retry_operation, world, operation=operation)
    world.work()
    assert world.status("victim.test") == 200 and "victim" in world.server.accounts.accounts


def test_deleting_what_was_never_made_makes_nothing(world: World) -> None:
    service = world.ask("a.test", username="alice").service
    assert service is not None
    deletion = delete_service(actor=world.actor, service=service)
    world.work()
    deletion.refresh_from_db()
    assert deletion.plan["changes"] == []
    assert state(service) == ServiceState.SOFT_DELETED
    confirmed(world, deletion)
    assert state(service) == ServiceState.TERMINATED  # there is nothing that could be restored
    assert world.status("a.test") == 0 and "alice" not in world.server.accounts.accounts


# --- rollbacks of creations ----------------------------------------------------------------------------------------


def test_a_creation_is_not_rolled_back_over_later_databases_and_a_stranger_never_sees_them(world: World) -> None:
    service = world.host("a.test", username="alice")
    create_database(actor=world.actor, service=service, name="one")
    world.work()
    world.server.mariadb.databases["alice_one"].data = "secret of the first"
    refusal = refused("changed_since", rollback_operation, world, operation=creation(service))
    assert "Delete the service" in refusal.hint and state(service) == ServiceState.ACTIVE
    deleted(world, service)
    world.purge(service)
    other = world.host("b.test", username="alice", customer=make_customer())
    done(world, create_database(actor=world.actor, service=other, name="one"))
    assert world.server.mariadb.databases["alice_one"].data == ""


def test_rollbacks_of_rollbacks_bring_the_customers_data_back(world: World) -> None:
    operation = creation(with_data(world))
    for data, status in 2 * [((b"", ""), 0), ((b"mine", "mine"), 200)]:
        operation = rollback_operation(actor=world.actor, operation=operation)
        operation = done(world, operation) if status else confirmed(world, operation)
        assert (data_of(world), world.status("a.test")) == (data, status)


@pytest.mark.parametrize("what", ["deletion", "rollback of the creation"])
def test_what_lost_its_user_name_to_another_service_is_not_brought_back(world: World, what: str) -> None:
    service = world.host("a.test", username="alice")
    if what == "deletion":
        gone = deleted(world, service)
    else:
        gone = confirmed(world, rollback_operation(actor=world.actor, operation=creation(service)))
    world.purge(service)
    other = world.host("b.test", username="alice", customer=make_customer())
    refused("irreversible", rollback_operation, world, operation=gone)
    assert state(service) == ServiceState.TERMINATED and state(other) == ServiceState.ACTIVE
    assert world.status("b.test") == 200


# --- plans that nobody has approved --------------------------------------------------------------------------------


def rolled_back_by_command(service: HostingService) -> Operation:
    """What the command takes back when no operation is named."""
    call_command("service_rollback", service.username, "--yes", "--timeout", "0", "--json")
    return Operation.objects.filter(kind=OperationKind.ROLLBACK).latest("created_at")


@pytest.mark.parametrize("given_up", ["cancelled", "failed"])
def test_the_last_operation_is_the_same_after_a_rollback_that_came_to_nothing(world: World, given_up: str) -> None:
    service = world.host("a.test", username="alice")
    newest = done(world, create_database(actor=world.actor, service=service, name="one"))
    rollback = rollback_operation(actor=world.actor, operation=newest, wait_for_approval=True)
    if given_up == "cancelled":
        cancel_operation(actor=world.actor, operation=planned(world, rollback), reason="plan only")
    else:
        Operation.objects.filter(pk=rollback.pk).update(needs_approval=False)
        world.server.refuse()
        assert tried_to_the_end(world, rollback).state == OperationState.FAILED
        world.server.accept()
    again = rolled_back_by_command(service)
    assert again != rollback and again.reverts == newest
    done(world, again)
    with pytest.raises(SystemExit) as end:  # the next one would remove the whole service: it waits to be confirmed
        rolled_back_by_command(service)
    waits = Operation.objects.filter(kind=OperationKind.ROLLBACK).latest("created_at")
    assert (end.value.code, waits.reverts, waits.state) == (2, creation(service), OperationState.PLANNED)
    assert world.status("a.test") == 200


def test_the_last_operation_is_the_same_while_its_rollback_waits(world: World, capsys: Any) -> None:
    service = world.host("a.test", username="alice")
    newest = done(world, create_database(actor=world.actor, service=service, name="one"))
    planned(world, rollback_operation(actor=world.actor, operation=newest, wait_for_approval=True))
    with pytest.raises(SystemExit):
        rolled_back_by_command(service)
    assert "busy" in "".join(capsys.readouterr())
    assert not Operation.objects.filter(reverts=creation(service)).exists()


def test_a_service_whose_deletion_is_only_planned_is_not_removed_by_an_apply(world: World) -> None:
    service = world.host("a.test", username="alice")
    deletion = planned(world, delete_service(actor=world.actor, service=service, wait_for_approval=True))
    refused("service_gone", apply_service, world, service=service)
    assert world.status("a.test") == 200
    cancel_operation(actor=world.actor, operation=deletion)
    assert done(world, apply_service(actor=world.actor, service=service)).plan["changes"] == []


def test_an_apply_asked_for_before_a_deletion_that_waits_removes_nothing(world: World) -> None:
    service = world.host("a.test", username="alice")
    before = apply_service(actor=world.actor, service=service)
    deletion = delete_service(actor=world.actor, service=service, wait_for_approval=True)
    world.work()
    before.refresh_from_db()
    assert (before.state, before.error["code"]) == (OperationState.FAILED, "service_gone")
    assert world.status("a.test") == 200 and "alice" in world.server.accounts.accounts
    deletion.refresh_from_db()
    confirmed(world, deletion)
    assert world.status("a.test") == 0 and state(service) == ServiceState.SOFT_DELETED


@pytest.mark.parametrize("kind", ["php", "suspend"])
def test_cancelling_one_plan_leaves_another_untouched(world: World, kind: str) -> None:
    service = world.host("a.test", username="alice", php_version="8.2")
    addition = planned(world, add_domain(actor=world.actor, service=service, name="b.test", wait_for_approval=True))
    other = (
        change_php(actor=world.actor, service=service, php_version="8.4", wait_for_approval=True)
        if kind == "php"
        else suspend_service(actor=world.actor, service=service, wait_for_approval=True)
    )
    cancel_operation(actor=world.actor, operation=planned(world, other))
    world.work()
    service.refresh_from_db()
    assert (service.state, service.php_version) == (ServiceState.ACTIVE, "8.2")
    assert Domain.objects.filter(name="b.test").exists()
    addition.refresh_from_db()
    approved(world, addition)
    assert world.status("a.test") == world.status("b.test") == 200


@pytest.mark.parametrize("act", [suspend_service, apply_service], ids=["suspend", "apply"])
def test_what_is_for_everything_does_not_carry_out_what_waits_for_approval(
    world: World, act: Callable[..., Operation]
) -> None:
    service = world.host("a.test", username="alice")
    addition = planned(world, add_domain(actor=world.actor, service=service, name="b.test", wait_for_approval=True))
    done(world, act(actor=world.actor, service=service))
    addition.refresh_from_db()
    assert addition.state == OperationState.PLANNED and world.status("b.test") == 0
    assert not world.server.resolve("b.test", "A") and not world.server.exists("/home/alice/sites/b.test")


# --- zones of the customer's other services ------------------------------------------------------------------------


def two_services(world: World) -> tuple[HostingService, HostingService]:
    """A service with the zone example.com, and another one of the same customer with bob.test and blog.example.com."""
    customer = make_customer()
    first = world.host("example.com", username="alice", customer=customer)
    second = world.host("bob.test", username="bob", customer=customer)
    done(world, add_domain(actor=world.actor, service=second, name="blog.example.com"))
    world.work()
    assert published(world) == ({"192.0.2.1"}, {"blog", "www.blog"})
    return first, second


def published(world: World) -> tuple[set[str], set[str]]:
    """What a resolver says of blog.example.com, and the labels that the zone's rows hold for it."""
    rows = domain_of("example.com").records.filter(name__endswith="blog")
    return world.server.resolve("blog.example.com", "A"), set(rows.values_list("name", flat=True))


def test_a_planned_deletion_leaves_the_customers_other_zone_until_it_is_applied(world: World) -> None:
    first, second = two_services(world)
    before = published(world)
    deletion = delete_service(actor=world.actor, service=second, wait_for_approval=True)
    world.work()
    assert published(world) == before
    known = set(first.operations.values_list("pk", flat=True))
    deletion.refresh_from_db()
    confirmed(world, deletion)
    withdrawn = first.operations.exclude(pk__in=known).get()
    assert (withdrawn.kind, withdrawn.state) == (OperationKind.CHANGE_DNS, OperationState.SUCCEEDED)
    assert published(world) == (set(), set())
    done(world, rollback_operation(actor=world.actor, operation=deletion))
    world.work()
    assert published(world) == before and world.status("blog.example.com") == 200


@pytest.mark.parametrize("after_planning", [False, True], ids=["waiting", "planned"])
@pytest.mark.parametrize("name", ["blog.example.com", "new.example.com"], ids=["removal", "addition"])
def test_a_cancelled_change_of_a_domain_leaves_the_customers_other_zone(
    world: World, name: str, after_planning: bool
) -> None:
    _first, second = two_services(world)
    zone = sorted(domain_of("example.com").records.values_list("name", "type", "content"))
    known = sorted(Domain.objects.values_list("name", "has_zone"))
    if name.startswith("new"):
        change = add_domain(actor=world.actor, service=second, name=name, wait_for_approval=True)
    else:
        change = remove_domain(actor=world.actor, domain=domain_of(name), wait_for_approval=True)
    if after_planning:
        planned(world, change)
    cancel_operation(actor=world.actor, operation=change)
    world.work()
    assert published(world)[0] == {"192.0.2.1"} and world.status("blog.example.com") == 200
    assert not world.server.resolve("new.example.com", "A")
    assert sorted(domain_of("example.com").records.values_list("name", "type", "content")) == zone
    assert sorted(Domain.objects.values_list("name", "has_zone")) == known


# --- differences ---------------------------------------------------------------------------------------------------


def edited_by_hand(world: World) -> HostingService:
    """A service whose vhost somebody changed on the node in a way that no setting holds."""
    service = world.host("a.test", username="alice")
    text = world.server.content(VHOST).replace(b"server {", b"server {\n    client_max_body_size 7m;", 1)
    world.server.put(VHOST, text)
    return service


def test_a_hand_edited_site_is_not_adopted(world: World) -> None:
    service = edited_by_hand(world)
    (item,) = drift.scan(world.node)
    refused("not_adoptable", drift_service.adopt, world, item=item)
    item.refresh_from_db()
    service.refresh_from_db()
    assert item.state == DriftState.OPEN
    assert not service.out_of_sync and [again.pk for again in drift.scan(world.node)] == [item.pk]


def test_an_adoption_that_the_facts_can_not_hold_fails_and_changes_none(world: World) -> None:
    service = edited_by_hand(world)
    domains = list(service.domains.values())
    adoption = request_operation(
        actor=world.actor, kind=OperationKind.ADOPT, node=world.node, service=service,
        refs=[Ref("virtual_host", "a.test")],
    )  # fmt: skip
    world.run(adoption)
    assert adoption.state == OperationState.FAILED and adoption.error is not None
    service.refresh_from_db()
    assert list(service.domains.values()) == domains
    assert not service.out_of_sync and service.unsynced == []
    assert [item.key for item in drift.scan(world.node)] == ["a.test"]


# --- later operations, and those half done -------------------------------------------------------------------------


def test_two_steps_are_rolled_back_one_after_the_other(world: World) -> None:
    service = world.host("a.test", username="alice", php_version="8.2")
    first = done(world, change_php(actor=world.actor, service=service, php_version="8.4"))
    second = done(world, change_php(actor=world.actor, service=service, php_version="8.2"))
    refused("changed_since", rollback_operation, world, operation=first)
    for operation, php in ((second, "8.4"), (first, "8.2")):
        done(world, rollback_operation(actor=world.actor, operation=operation))
        service.refresh_from_db()
        assert (service.php_version, service.out_of_sync) == (php, False)


def test_a_half_done_deletion_goes_on_as_itself_and_can_still_be_rolled_back(world: World) -> None:
    service = with_data(world)
    deletion = confirm(delete_service(actor=world.actor, service=service), world.actor)
    after_each_batch(world, lambda: None if world.server.exists("/home/alice") else world.server.refuse())
    assert tried_to_the_end(world, deletion).state == OperationState.ROLLBACK_FAILED
    del world.server.batch
    world.server.accept()
    again = retry_operation(actor=world.actor, operation=deletion)
    assert again.pk == deletion.pk and again.state == OperationState.PENDING
    done(world, again)
    assert state(service) == ServiceState.SOFT_DELETED and data_of(world) == (b"", "")
    done(world, rollback_operation(actor=world.actor, operation=again))
    assert data_of(world) == (b"mine", "mine")
    assert state(service) == ServiceState.ACTIVE and world.status("a.test") == 200
