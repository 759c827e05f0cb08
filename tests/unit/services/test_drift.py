"""Drift: what a scan reports, what explains a difference and for how long, and what becomes of an adoption."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from hosting.choices import DriftState, NodeState, OperationKind, OperationState
from hosting.errors import HostingError
from hosting.models import DriftItem, HostingService, Node, Operation
from hosting.operations.drift import scan
from hosting.operations.requests import request_operation
from hosting.services.databases import password_hash
from hosting.services.drift import adopt, repair
from hosting.services.plans import change_plan
from hosting.state import Ref
from tests.unit.services.world import World

pytestmark = pytest.mark.django_db
PASSWORD = "correct horse battery staple"


@pytest.fixture
def service(world: World) -> HostingService:
    """A hosted service with a database and its account."""
    return world.host("example.com", username="alice", database="shop", database_password=PASSWORD)


def edit_site(world: World, domain: str = "example.com") -> None:
    """Change a site's file by hand, in a way that no setting could hold."""
    path = f"/etc/nginx/npanel/sites/{site_file(world, domain)}"
    world.server.put(path, world.server.content(path) + b"# by hand\n")


def site_file(world: World, domain: str) -> str:
    (name,) = [name for name in world.server.tree.at("/etc/nginx/npanel/sites").children if domain in name]
    return name


def edit_password(world: World) -> None:
    """Change the account's password past the panel."""
    world.server.mariadb.users["alice_shop", "localhost"].password_hash = password_hash("set by hand, 12 long")


def found(world: World) -> list[str]:
    """What a scan reports."""
    return [f"{item.kind}:{item.key}" for item in scan(world.node)]


def ask(world: World, service: HostingService, refs: list[Ref] | None, **options: Any) -> Operation:
    """An operation that waits for the worker."""
    return request_operation(
        actor=world.actor, kind=OperationKind.APPLY, node=world.node, service=service, refs=refs, **options
    )


SITE, ACCOUNT = Ref("virtual_host", "example.com"), Ref("database_user", "alice_shop@localhost")


# --- what explains a difference --------------------------------------------------------------------------------------


def test_an_operation_explains_only_what_it_is_limited_to(world: World, service: HostingService) -> None:
    edit_site(world)
    edit_password(world)
    ask(world, service, [SITE])
    assert found(world) == [str(ACCOUNT)]


def test_an_operation_on_all_of_a_service_explains_all_of_it(world: World, service: HostingService) -> None:
    world.host("example.org", username="bob")
    edit_site(world)
    edit_password(world)
    edit_site(world, "example.org")
    ask(world, service, None)
    assert found(world) == ["virtual_host:example.org"]


@pytest.mark.parametrize(("age", "reported"), [(timedelta(minutes=50), []), (timedelta(minutes=70), [str(SITE)])])
def test_a_plan_that_nobody_approves_explains_for_an_hour(
    world: World, service: HostingService, age: timedelta, reported: list[str]
) -> None:
    edit_site(world)
    operation = world.run(ask(world, service, None, wait_for_approval=True))
    assert operation.state == OperationState.PLANNED
    Operation.objects.filter(pk=operation.pk).update(created_at=timezone.now() - age)
    assert found(world) == reported


def test_what_ended_long_ago_explains_nothing(world: World, service: HostingService) -> None:
    world.run(ask(world, service, None))
    edit_site(world)
    assert found(world) == [str(SITE)]


def test_a_difference_is_one_item_until_it_goes(world: World, service: HostingService) -> None:
    edit_site(world)
    (first,), (second,) = scan(world.node), scan(world.node)
    assert first.pk == second.pk and second.last_seen_at > first.last_seen_at
    world.run(ask(world, service, [SITE]))
    assert found(world) == []
    item = DriftItem.objects.get()
    assert (item.state, item.open_key) == (DriftState.GONE, None) and item.closed_at is not None


def test_new_and_known_differences_come_oldest_first(world: World, service: HostingService) -> None:
    edit_site(world)
    (site,) = scan(world.node)
    edit_password(world)
    assert found(world) == [str(SITE), str(ACCOUNT)]
    assert DriftItem.objects.get(pk=site.pk).service == service


# --- out of sync -----------------------------------------------------------------------------------------------------


def mark(service: HostingService, *refs: str) -> None:
    """As a failed operation leaves a service."""
    service.refresh_from_db()
    service.mark_unsynced(set(refs))
    service.save()


def marks(service: HostingService) -> tuple[list[str], bool]:
    service.refresh_from_db()
    return service.unsynced, service.out_of_sync


def test_marks_that_no_difference_bears_out_go(world: World, service: HostingService) -> None:
    edit_password(world)
    mark(service, str(SITE), str(ACCOUNT))
    assert found(world) == [], "what is out of sync is explained"
    assert marks(service) == ([str(ACCOUNT)], True)
    world.server.mariadb.users["alice_shop", "localhost"].password_hash = password_hash(PASSWORD)
    assert found(world) == []
    assert marks(service) == ([], False)


def test_the_mark_of_a_whole_service_stays_until_nothing_differs(world: World, service: HostingService) -> None:
    edit_password(world)
    mark(service, "*")
    assert found(world) == [] and marks(service) == (["*"], True)
    world.server.mariadb.users["alice_shop", "localhost"].password_hash = password_hash(PASSWORD)
    assert found(world) == [] and marks(service) == ([], False)


@pytest.mark.parametrize("state", [OperationState.PENDING, OperationState.RUNNING])
def test_marks_stay_while_an_operation_is_under_way(
    world: World, service: HostingService, state: OperationState
) -> None:
    mark(service, str(SITE))
    operation = ask(world, service, [ACCOUNT])
    Operation.objects.filter(pk=operation.pk).update(state=state)
    assert found(world) == [] and marks(service) == ([str(SITE)], True)


def test_new_limits_are_out_of_sync_and_no_drift(world: World, service: HostingService) -> None:
    other = world.host("example.org", username="bob", plan=service.plan)
    gone = world.host("example.net", username="carol", plan=service.plan)
    HostingService.objects.filter(pk=gone.pk).update(state="terminated", username_key=None)
    change_plan(actor=world.actor, plan=service.plan, php_processes=9, memory_mb=512)
    assert [marks(row) for row in (service, other)] == [(["php_pool:alice"], True), (["php_pool:bob"], True)]
    assert marks(gone) == ([], False)
    assert not [ref for ref in found(world) if ref in ("php_pool:alice", "php_pool:bob")]
    assert marks(service) == (["php_pool:alice"], True), "the node has the old limits"
    world.run(ask(world, service, None))
    assert marks(service) == ([], False)


def test_limits_that_nodes_never_see_mark_nothing(world: World, service: HostingService) -> None:
    change_plan(actor=world.actor, plan=service.plan, domains=50, name="Bigger", php_processes=5)
    assert marks(service) == ([], False)


def test_another_disk_limit_marks_the_user(world: World, service: HostingService) -> None:
    change_plan(actor=world.actor, plan=service.plan, disk_mb=900)
    assert marks(service) == (["system_user:alice"], True)


# --- what a scan leaves on the node's page ----------------------------------------------------------------------------


@pytest.mark.parametrize(("state", "kept"), [(NodeState.READY, ""), (NodeState.PAUSED, "Connection refused.")])
def test_a_scan_that_works_takes_the_failed_ones_note_away(
    world: World, service: HostingService, state: NodeState, kept: str
) -> None:
    Node.objects.filter(pk=world.node.pk).update(state=state, note="Connection refused.")
    scan(world.node)
    world.node.refresh_from_db()
    assert world.node.note == kept


def test_more_differences_cost_no_more_queries(world: World, service: HostingService) -> None:
    def cost(prepare: Callable[[], object]) -> int:
        prepare()
        with CaptureQueriesContext(
            connection,
        ) as queries:
            scan(world.node)
        return len(queries)

    names = [f"site{number}.example.com" for number in range(4)]
    for name in names:
        world.host(name.replace("example", "test"), username=f"u{name[4]}x")
    one = cost(lambda: edit_site(world))
    DriftItem.objects.all().delete()
    assert cost(lambda: [edit_site(world, name.replace("example", "test")) for name in names]) == one
    assert DriftItem.objects.filter(state=DriftState.OPEN).count() == 5


# --- adopting --------------------------------------------------------------------------------------------------------


def test_what_was_edited_by_hand_is_refused_at_once(world: World, service: HostingService) -> None:
    edit_site(world)
    (item,) = scan(world.node)
    before = Operation.objects.count()
    with pytest.raises(HostingError, match="edited by hand") as refusal:
        adopt(actor=world.actor, item=item)
    assert refusal.value.code == "not_adoptable" and Operation.objects.count() == before
    item.refresh_from_db()
    assert item.state == DriftState.OPEN
    assert world.run(repair(actor=world.actor, item=item)).state == OperationState.SUCCEEDED


def test_an_adoption_that_fails_is_open_again_after_the_next_scan(world: World, service: HostingService) -> None:
    HostingService.objects.filter(pk=service.pk).update(php_version="8.4")
    plan = service.plan
    plan.memory_mb = 999  # by hand in the database: nothing marks the pool
    plan.save()
    (item,) = scan(world.node)
    assert item.kind == "php_pool"
    adopt(actor=world.actor, item=item)
    (operation,) = world.work()
    assert operation.state == OperationState.FAILED, "processes and memory come from the plan"
    assert marks(service) == ([], False)
    (again,) = scan(world.node)
    assert (again.kind, again.state) == ("php_pool", DriftState.OPEN) and again.pk != item.pk


def test_what_is_adopted_is_no_drift_any_more(world: World, service: HostingService) -> None:
    edit_password(world)
    (item,) = scan(world.node)
    adopt(actor=world.actor, item=item)
    (operation,) = world.work()
    assert operation.state == OperationState.SUCCEEDED and found(world) == []
