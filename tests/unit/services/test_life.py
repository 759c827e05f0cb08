"""A hosting service from its creation to its end and back, as a visitor, a resolver and the rows show it."""

import pytest

from audit.models import Event
from hosting.choices import OperationState, ServiceState
from hosting.errors import HostingError
from hosting.models import Domain, HostingService, Operation
from hosting.services.operations import discard_changes, retry_operation, rollback_operation
from hosting.services.sites import (
    add_domain,
    apply_service,
    change_php,
    delete_service,
    remove_domain,
    resume_service,
    suspend_service,
)
from tests.factories import make_customer
from tests.unit.services.world import World, domain_of, snapshot

pytestmark = pytest.mark.django_db


def state(service: HostingService) -> str:
    """The service's state now."""
    service.refresh_from_db()
    return service.state


def test_a_new_service_is_served_resolved_and_recorded(world: World) -> None:
    operation = world.ask("Bücher.Example.", username="books", php_version="8.4", reason="new customer")
    service = operation.service
    assert service is not None and service.state == ServiceState.PROVISIONING
    assert world.status("xn--bcher-kva.example") == 0
    world.run(operation)
    assert operation.state == OperationState.SUCCEEDED, operation.error
    assert state(service) == ServiceState.ACTIVE
    assert world.status("xn--bcher-kva.example") == world.status("www.xn--bcher-kva.example") == 200
    assert world.server.resolve("xn--bcher-kva.example", "A") == {"192.0.2.1"}
    assert world.server.resolve("www.xn--bcher-kva.example", "A") == {"192.0.2.1"}
    assert world.server.resolve("xn--bcher-kva.example", "NS") == {"ns1.panel.test.", "ns2.panel.test."}
    events = list(Event.objects.filter(operation_id=str(operation.pk)).order_by("pk"))
    assert [(event.verb, event.outcome) for event in events] == [
        ("operation.service_create", "requested"),
        ("operation.service_create", "succeeded"),
    ]
    assert events[0].after["domain"] == "xn--bcher-kva.example" and events[0].reason == "new customer"
    assert {event.trace_id for event in events} == {operation.trace_id}


def test_the_newest_php_is_taken_when_none_is_named(world: World) -> None:
    assert world.host("example.com").php_version == "8.4"


def test_suspending_shows_the_page_and_resuming_brings_the_site_back(world: World) -> None:
    service = world.host("example.com")
    world.server.put(f"/home/{service.username}/sites/example.com/public/index.html", b"mine", owner=service.username)
    suspended = suspend_service(actor=world.actor, service=service, reason="unpaid")
    assert state(service) == ServiceState.SUSPENDED
    world.work()
    assert world.status("example.com") == 503
    assert world.server.accounts.accounts[service.username] is not None
    suspended.refresh_from_db()
    assert suspended.state == OperationState.SUCCEEDED
    resume_service(actor=world.actor, service=service)
    world.work()
    assert state(service) == ServiceState.ACTIVE
    assert world.server.visit("example.com").stdout == b"mine"


def test_another_php_version_is_taken_up(world: World) -> None:
    service = world.host("example.com", php_version="8.2")
    change_php(actor=world.actor, service=service, php_version="8.4")
    assert [operation.state for operation in world.work()] == [OperationState.SUCCEEDED]
    service.refresh_from_db()
    assert service.php_version == "8.4" and world.status("example.com") == 200
    assert world.server.exists(f"/etc/php/8.4/fpm/pool.d/npanel-{service.username}.conf")
    assert not world.server.exists(f"/etc/php/8.2/fpm/pool.d/npanel-{service.username}.conf")


def test_a_second_domain_comes_and_goes(world: World) -> None:
    service = world.host("example.com")
    add_domain(actor=world.actor, service=service, name="example.org")
    world.work()
    assert world.status("example.org") == world.status("www.example.org") == 200
    assert world.server.resolve("example.org", "A") == {"192.0.2.1"}
    removal = remove_domain(actor=world.actor, domain=domain_of("example.org"))
    assert world.run(removal).state == OperationState.SUCCEEDED
    assert world.status("example.org") == 0 and world.status("example.com") == 200
    assert world.server.resolve("example.org", "A") == set()
    assert not Domain.objects.filter(name="example.org").exists()


def test_the_main_domain_stays(world: World) -> None:
    world.host("example.com")
    before = snapshot()
    with pytest.raises(HostingError) as refusal:
        remove_domain(actor=world.actor, domain=domain_of("example.com"))
    assert refusal.value.code == "main_domain" and snapshot() == before


def test_a_deleted_service_is_gone_and_its_names_are_free_once_it_is_purged(world: World) -> None:
    service = world.host("example.com", username="alice")
    operation = world.delete(service)
    assert operation.state == OperationState.SUCCEEDED, operation.error
    assert state(service) == ServiceState.SOFT_DELETED
    assert Domain.objects.get().name_key == "example.com"  # held as long as it can be restored
    world.purge(service)
    assert state(service) == ServiceState.TERMINATED
    assert world.status("example.com") == 0 and world.server.resolve("example.com", "A") == set()
    assert "alice" not in world.server.accounts.accounts
    assert service.username_key is None and Domain.objects.get().name_key is None


@pytest.mark.parametrize("customer", ["same", "another"])
def test_the_names_of_a_terminated_service_can_be_used_again(world: World, customer: str) -> None:
    old = world.host("example.com", username="alice")
    world.delete(old)
    world.purge(old)
    new = world.host("example.com", username="alice", customer=old.customer if customer == "same" else make_customer())
    assert new.pk != old.pk and world.status("example.com") == 200
    old.refresh_from_db()
    assert old.state == ServiceState.TERMINATED and not old.domains.exists()


def test_a_made_up_user_name_is_never_one_that_was_used(world: World) -> None:
    service = world.host("example.com")
    world.delete(service)
    world.purge(service)
    assert world.host("example.com").username == "example1"


def test_a_deletion_is_rolled_back_with_everything(world: World) -> None:
    service = world.host("example.com", username="alice")
    page = "/home/alice/sites/example.com/public/index.html"
    world.server.put(page, b"precious", owner="alice", group="alice")
    deletion = world.delete(service)
    rollback = world.run(rollback_operation(actor=world.actor, operation=deletion, reason="by mistake"))
    assert rollback.state == OperationState.SUCCEEDED, rollback.error
    assert state(service) == ServiceState.ACTIVE
    assert not service.out_of_sync
    assert world.server.visit("example.com").stdout == b"precious"
    assert world.server.resolve("example.com", "A") == {"192.0.2.1"}
    assert domain_of("example.com").service == service
    assert apply_is_empty(world, service)


def apply_is_empty(world: World, service: HostingService) -> bool:
    """Whether facts and node agree."""
    return world.run(apply_service(actor=world.actor, service=service)).plan["changes"] == []


def test_a_suspended_service_comes_back_suspended(world: World) -> None:
    service = world.host("example.com")
    suspend_service(actor=world.actor, service=service)
    world.work()
    deletion = world.delete(service)
    rollback = world.run(rollback_operation(actor=world.actor, operation=deletion))
    assert rollback.state == OperationState.SUCCEEDED, rollback.error
    assert state(service) == ServiceState.SUSPENDED and not service.out_of_sync
    assert world.status("example.com") == 503
    assert apply_is_empty(world, service)


@pytest.mark.parametrize("wish", ["shop.example.com", "example.com"])
def test_nobody_gets_the_names_of_a_service_that_can_be_restored(world: World, wish: str) -> None:
    service = world.host("example.com", username="alice")
    deletion = world.delete(service)
    before = snapshot()
    for refused, options in (("domain_taken", {}), ("username_taken", {"username": "alice"})):
        with pytest.raises(HostingError) as refusal:
            world.ask(wish if refused == "domain_taken" else "else.test", **options)
        assert refusal.value.code == refused
    # What was asked for in vain leaves a customer and a plan of the test's, nothing else.
    after = snapshot()
    assert {name for name in after if after[name] != before[name]} <= {"Customer", "HostingPlan"}
    world.run(rollback_operation(actor=world.actor, operation=deletion))
    assert world.status("example.com") == 200


def test_a_deletion_can_not_be_rolled_back_once_it_is_purged(world: World) -> None:
    service = world.host("example.com", username="alice")
    deletion = world.delete(service)
    purge = world.purge(service)
    for operation in (deletion, purge):
        with pytest.raises(HostingError) as refusal:
            rollback_operation(actor=world.actor, operation=operation)
        assert refusal.value.code == "irreversible"
    assert state(service) == ServiceState.TERMINATED


def test_a_creation_is_rolled_back(world: World) -> None:
    service = world.host("example.com")
    creation = Operation.objects.get(service=service)
    rollback = world.confirm(rollback_operation(actor=world.actor, operation=creation))
    assert rollback.state == OperationState.SUCCEEDED, rollback.error
    assert state(service) == ServiceState.SOFT_DELETED and service.purge_at is not None
    assert world.status("example.com") == 0
    world.purge(service)
    assert state(service) == ServiceState.TERMINATED
    assert not Domain.objects.exclude(name_key=None).exists()


def test_a_suspension_is_rolled_back(world: World) -> None:
    service = world.host("example.com")
    suspension = world.run(suspend_service(actor=world.actor, service=service))
    rollback = world.run(rollback_operation(actor=world.actor, operation=suspension))
    assert rollback.state == OperationState.SUCCEEDED, rollback.error
    assert state(service) == ServiceState.ACTIVE and world.status("example.com") == 200
    assert apply_is_empty(world, service)


def test_another_php_version_is_rolled_back_in_facts_too(world: World) -> None:
    service = world.host("example.com", php_version="8.2")
    change = world.run(change_php(actor=world.actor, service=service, php_version="8.4"))
    world.run(rollback_operation(actor=world.actor, operation=change))
    service.refresh_from_db()
    assert service.php_version == "8.2" and apply_is_empty(world, service)


def test_an_added_domain_is_rolled_back_in_facts_too(world: World) -> None:
    service = world.host("example.com")
    addition = world.run(add_domain(actor=world.actor, service=service, name="example.org"))
    world.run(rollback_operation(actor=world.actor, operation=addition))
    assert world.status("example.org") == 0
    assert not Domain.objects.filter(name="example.org").exists()
    assert apply_is_empty(world, service)


def test_a_removed_domain_is_rolled_back_in_facts_too(world: World) -> None:
    service = world.host("example.com")
    world.run(add_domain(actor=world.actor, service=service, name="example.org"))
    removal = world.run(remove_domain(actor=world.actor, domain=domain_of("example.org")))
    rollback = world.run(rollback_operation(actor=world.actor, operation=removal))
    assert rollback.state == OperationState.SUCCEEDED, rollback.error
    assert world.status("example.org") == 200
    domain = domain_of("example.org")
    assert domain.has_zone and world.server.resolve("www.example.org", "A") == {"192.0.2.1"}
    service.refresh_from_db()
    assert not service.out_of_sync and apply_is_empty(world, service)


@pytest.mark.parametrize("wish", ["suspend", "delete", "php", "domain"])
def test_while_the_node_is_down_the_wish_waits_and_then_comes_true(world: World, wish: str) -> None:
    service = world.host("example.com", php_version="8.2")
    world.server.down = True
    operation = {
        "suspend": lambda: suspend_service(actor=world.actor, service=service),
        "delete": lambda: delete_service(actor=world.actor, service=service),
        "php": lambda: change_php(actor=world.actor, service=service, php_version="8.4"),
        "domain": lambda: add_domain(actor=world.actor, service=service, name="example.org"),
    }[wish]()
    world.run(operation)
    assert operation.state == OperationState.PENDING and operation.error["code"] == "connection_refused"
    world.server.down = False
    Operation.objects.update(not_before=None)
    world.work()
    operation.refresh_from_db()
    if wish == "delete":
        operation = world.confirm(operation)
    assert operation.state == OperationState.SUCCEEDED and operation.error is None


def fail(world: World, operation: Operation) -> Operation:
    """Let an operation fail because a daemon refuses."""

    def refuse(*_args: object) -> object:
        raise HostingError("out of memory", code="command_failed", permanent=False)

    kept = world.server.programs["nginx"]
    world.server.programs["nginx"] = refuse  # type: ignore[assignment]
    world.run(operation)
    world.server.programs["nginx"] = kept
    assert operation.state in (OperationState.FAILED, OperationState.ROLLED_BACK), operation.state
    return operation


def test_a_failed_creation_is_marked_tried_again_and_served(world: World) -> None:
    operation = fail(world, world.ask("example.com"))
    service = operation.service
    assert service is not None and state(service) == ServiceState.ERROR and service.out_of_sync
    assert world.status("example.com") == 0
    world.run(retry_operation(actor=world.actor, operation=operation))
    assert state(service) == ServiceState.ACTIVE and not service.out_of_sync
    assert world.status("example.com") == 200


def test_a_failed_creation_is_discarded_and_its_names_are_free(world: World) -> None:
    operation = fail(world, world.ask("example.com", username="alice"))
    assert operation.service is not None
    world.run(discard_changes(actor=world.actor, operation=operation))
    assert state(operation.service) == ServiceState.TERMINATED
    assert world.host("example.com", username="alice").state == ServiceState.ACTIVE


def test_an_old_failure_can_not_be_discarded_after_its_retry_succeeded(world: World) -> None:
    operation = fail(world, world.ask("example.com"))
    world.run(retry_operation(actor=world.actor, operation=operation))
    before = snapshot()
    with pytest.raises(HostingError) as refusal:
        discard_changes(actor=world.actor, operation=operation)
    assert refusal.value.code == "wrong_state" and snapshot() == before
    assert world.status("example.com") == 200


@pytest.mark.parametrize("first", ["active", "suspended"])
def test_a_failed_switch_is_discarded(world: World, first: str) -> None:
    service = world.host("example.com")
    if first == "suspended":
        world.run(suspend_service(actor=world.actor, service=service))
    switch = suspend_service if first == "active" else resume_service
    operation = fail(world, switch(actor=world.actor, service=service))
    assert state(service) != first and service.out_of_sync
    world.run(discard_changes(actor=world.actor, operation=operation))
    assert state(service) == first and not service.out_of_sync
    assert apply_is_empty(world, service)


def test_a_failed_domain_is_discarded(world: World) -> None:
    service = world.host("example.com")
    operation = fail(world, add_domain(actor=world.actor, service=service, name="example.org"))
    assert state(service) == ServiceState.ACTIVE and service.out_of_sync
    assert world.status("example.com") == 200
    adoption = world.run(discard_changes(actor=world.actor, operation=operation))
    assert adoption.state == OperationState.SUCCEEDED, adoption.error
    assert not Domain.objects.filter(name="example.org").exists()
    assert apply_is_empty(world, service)


def test_a_failed_deletion_is_discarded_and_can_not_be_retried_then(world: World) -> None:
    service = world.host("example.com")

    def refuse(*_args: object) -> object:
        raise HostingError("user is busy", code="command_failed", permanent=False)

    world.server.programs["userdel"] = refuse  # type: ignore[assignment]
    operation = world.delete(service)
    assert operation.state == OperationState.ROLLED_BACK, operation.error
    assert world.status("example.com") == 200
    world.run(discard_changes(actor=world.actor, operation=operation))
    assert state(service) == ServiceState.ACTIVE
    with pytest.raises(HostingError) as refusal:
        retry_operation(actor=world.actor, operation=operation)
    assert refusal.value.code == "wrong_state"


def test_what_waits_when_a_deletion_is_asked_for_does_not_free_the_names_early(world: World) -> None:
    service = world.host("example.com", username="alice")
    waiting = add_domain(actor=world.actor, service=service, name="example.org")
    deletion = delete_service(actor=world.actor, service=service)
    world.run(waiting)
    assert state(service) == ServiceState.SOFT_DELETED
    assert domain_of("example.com").service == service
    world.confirm(deletion)
    assert state(service) == ServiceState.SOFT_DELETED
    world.purge(service)
    assert not Domain.objects.exclude(name_key=None).exists()
