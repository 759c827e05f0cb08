"""The end of a service: deleted but restorable, then purged, with an archive that outlives it for a while."""

import json
from datetime import timedelta

import pytest
from django.test import override_settings
from django.utils import timezone

from audit.actor import Actor
from audit.models import Event
from hosting.adapters.kept_data import ARCHIVES
from hosting.choices import OperationKind, OperationState, ServiceState
from hosting.errors import HostingError
from hosting.models import HostingService, Operation
from hosting.operations import drift
from hosting.services.customers import delete_customer
from hosting.services.databases import delete_database
from hosting.services.lifecycle import purge_due, purge_service, restore_service
from hosting.services.operations import retry_operation
from hosting.services.sites import apply_service, suspend_service
from tests.confirm import carry_out_confirmed
from tests.unit.services.world import World, domain_of

pytestmark = pytest.mark.django_db
WORKER = Actor.system("worker")
PAGE = "/home/alice/sites/example.com/public/index.html"


@pytest.fixture
def service(world: World) -> HostingService:
    """A service with a page and a database that are its customer's."""
    service = world.host("example.com", username="alice", database="shop", database_password="correct horse battery")
    world.server.put(PAGE, b"precious", owner="alice", group="alice")
    world.server.mariadb.databases["alice_shop"].data = "rows"
    return service


def again(service: HostingService) -> HostingService:
    service.refresh_from_db()
    return service


def over(service: HostingService) -> None:
    """Let the grace period be over."""
    HostingService.objects.filter(pk=service.pk).update(purge_at=timezone.now() - timedelta(seconds=1))


def kept(world: World) -> list[str]:
    """The folders of kept data on the node."""
    root = "/var/lib/npanel/removed"
    return sorted(world.server.tree.at(root).children) if world.server.exists(root) else []


def archives(world: World) -> list[str]:
    return sorted(world.server.tree.at(ARCHIVES).children) if world.server.exists(ARCHIVES) else []


@override_settings(NPANEL_GRACE_DAYS=14)
def test_a_deleted_service_is_off_the_web_and_says_until_when_it_can_be_restored(
    world: World, service: HostingService
) -> None:
    world.delete(service)
    days = again(service).purge_at - timezone.now()
    assert timedelta(days=13, hours=23) < days <= timedelta(days=14)
    assert world.status("example.com") == 0 and world.server.resolve("example.com", "A") == set()
    assert "alice" not in world.server.accounts.accounts and not world.server.mariadb.users
    assert service.username_key == "alice" and domain_of("example.com").service == service
    assert drift.scan(world.node) == []
    assert purge_due(actor=WORKER) == 0


@pytest.mark.parametrize("before", ["active", "suspended"])
def test_it_is_restored_exactly(world: World, service: HostingService, before: str) -> None:
    if before == "suspended":
        world.run(suspend_service(actor=world.actor, service=service))
    world.delete(service)
    restoring = world.run(restore_service(actor=world.actor, service=service, reason="by mistake"))
    assert restoring.state == OperationState.SUCCEEDED, restoring.error
    assert again(service).state == before and service.purge_at is None and not service.out_of_sync
    assert world.server.content(PAGE) == b"precious" and world.server.mariadb.databases["alice_shop"].data == "rows"
    assert world.run(apply_service(actor=world.actor, service=service)).plan["changes"] == []
    assert world.status("example.com") == (200 if before == "active" else 503)
    restored = Event.objects.filter(verb="service.restore").order_by("pk").values_list("outcome", "reason")
    assert list(restored) == [("requested", "by mistake"), ("succeeded", "by mistake")]


def test_it_can_be_deleted_and_restored_again(world: World, service: HostingService) -> None:
    for _time in range(2):
        assert world.delete(service).state == OperationState.SUCCEEDED
        assert again(service).state == ServiceState.SOFT_DELETED
        assert world.run(restore_service(actor=world.actor, service=service)).state == OperationState.SUCCEEDED
    assert world.server.content(PAGE) == b"precious"


@pytest.mark.parametrize("act", [restore_service, purge_service])
@pytest.mark.parametrize("state", [state for state in ServiceState if state != ServiceState.SOFT_DELETED])
def test_only_a_deleted_service_is_restored_or_purged(
    world: World, service: HostingService, state: str, act: object
) -> None:
    HostingService.objects.filter(pk=service.pk).update(state=state)
    with pytest.raises(HostingError) as refusal:
        act(actor=world.actor, service=service)  # type: ignore[operator]
    assert refusal.value.code == "wrong_state"


def test_a_purge_archives_what_was_kept_and_removes_it_for_good(world: World, service: HostingService) -> None:
    world.run(delete_database(actor=world.actor, database=service.databases.get()))
    deletion = world.delete(service)
    assert len(kept(world)) == 2
    purge = world.purge(service)
    assert purge.state == OperationState.SUCCEEDED, purge.error
    assert kept(world) == []
    assert archives(world) == [f"alice-{deletion.pk}.json", f"alice-{deletion.pk}.tar.gz"]
    note = json.loads(world.server.content(f"{ARCHIVES}/alice-{deletion.pk}.json"))
    assert note["owner"] == "alice" and len(note["sha256"]) == 64
    assert b"precious" in world.server.content(f"{ARCHIVES}/alice-{deletion.pk}.tar.gz")
    assert again(service).state == ServiceState.TERMINATED and service.username_key is None
    assert service.archive_until > timezone.now() + timedelta(days=29)
    assert world.host("example.com", username="alice").pk != service.pk
    assert world.server.content(PAGE) != b"precious"


def test_a_purge_waits_for_its_own_confirmation(world: World, service: HostingService) -> None:
    world.delete(service)
    purge = purge_service(actor=world.actor, service=service)
    world.work()
    purge.refresh_from_db()
    assert purge.state == OperationState.PLANNED and len(kept(world)) == 1
    assert purge.intent.reversibility == "irreversible"
    with pytest.raises(HostingError) as refusal:
        restore_service(actor=world.actor, service=service)
    assert refusal.value.code == "busy"


def test_the_worker_purges_when_the_grace_period_is_over_and_asks_nobody(world: World, service: HostingService) -> None:
    world.delete(service)
    over(service)
    assert purge_due(actor=WORKER) == 1 and purge_due(actor=WORKER) == 0
    world.work()
    assert again(service).state == ServiceState.TERMINATED and kept(world) == [] and len(archives(world)) == 2
    purge = Operation.objects.get(kind=OperationKind.PURGE)
    assert (purge.state, purge.actor_login) == (OperationState.SUCCEEDED, "worker")
    HostingService.objects.update(archive_until=timezone.now())
    assert purge_due(actor=WORKER) == 1
    world.work()
    assert archives(world) == [] and again(service).archive_until is None
    assert purge_due(actor=WORKER) == 0


def test_a_restore_that_is_under_way_is_not_purged(world: World, service: HostingService) -> None:
    world.delete(service)
    over(service)
    restoring = restore_service(actor=world.actor, service=service)
    assert purge_due(actor=WORKER) == 0
    assert world.run(restoring).state == OperationState.SUCCEEDED and world.status("example.com") == 200


@pytest.mark.parametrize("program", ["tar", "sha256sum"])
def test_without_a_whole_archive_nothing_is_removed(world: World, service: HostingService, program: str) -> None:
    def refuse(*_args: object) -> object:
        raise HostingError("disk full", code="command_failed", permanent=False)

    world.delete(service)
    working = world.server.programs[program]
    world.server.programs[program] = refuse  # type: ignore[assignment]
    purge = world.purge(service)
    assert purge.state == OperationState.ROLLED_BACK, purge.error
    assert len(kept(world)) == 1 and archives(world) == []
    world.server.programs[program] = working
    assert again(service).state == ServiceState.SOFT_DELETED
    assert world.run(restore_service(actor=world.actor, service=service)).state == OperationState.SUCCEEDED
    assert world.server.content(PAGE) == b"precious"


def test_a_purge_that_stopped_half_way_says_so_and_goes_on(world: World, service: HostingService) -> None:
    deletion = world.delete(service)
    folder = f"/var/lib/npanel/removed/{deletion.pk}"
    original = world.server.batch

    def batch(*arguments: object, **options: object) -> object:
        answers = original(*arguments, **options)  # type: ignore[arg-type]
        if world.server.exists(f"{folder}.purged"):
            world.server.refuse()
        return answers

    world.server.batch = batch  # type: ignore[method-assign,assignment]
    purge = carry_out_confirmed(purge_service(actor=world.actor, service=service), world.actor)
    while purge.state == OperationState.PENDING:
        Operation.objects.filter(pk=purge.pk).update(not_before=None)
        world.run(purge)
    assert purge.state == OperationState.ROLLBACK_FAILED
    del world.server.batch
    world.server.accept()
    assert world.run(retry_operation(actor=world.actor, operation=purge)).state == OperationState.SUCCEEDED
    assert kept(world) == [] and len(archives(world)) == 2
    assert again(service).state == ServiceState.TERMINATED


@override_settings(NPANEL_FINAL_ARCHIVE_DAYS=0)
def test_no_archive_is_made_where_none_is_wanted(world: World, service: HostingService) -> None:
    world.delete(service)
    assert world.purge(service).state == OperationState.SUCCEEDED
    assert archives(world) == [] and kept(world) == [] and again(service).archive_until is None


def test_a_customer_stays_while_a_final_archive_of_theirs_does(world: World, service: HostingService) -> None:
    world.delete(service)
    world.purge(service)
    with pytest.raises(HostingError) as refusal:
        delete_customer(actor=world.actor, customer=service.customer)
    assert refusal.value.code == "customer_in_use" and "final archive" in refusal.value.detail
    HostingService.objects.update(archive_until=timezone.now())
    purge_due(actor=WORKER)
    world.work()
    delete_customer(actor=world.actor, customer=service.customer)
    assert not HostingService.objects.exists() and archives(world) == []


def test_a_service_is_not_restored_without_the_zone_of_its_names(world: World, service: HostingService) -> None:
    below = world.host("shop.example.com", customer=service.customer)
    world.work()
    world.delete(below)
    world.work()
    world.delete(service)
    with pytest.raises(HostingError) as refusal:
        restore_service(actor=world.actor, service=below)
    assert refusal.value.code == "zone_missing" and again(below).state == ServiceState.SOFT_DELETED
    for each in (service, below):
        assert world.run(restore_service(actor=world.actor, service=each)).state == OperationState.SUCCEEDED
        world.work()
    assert world.server.resolve("shop.example.com", "A") == {"192.0.2.1"}
