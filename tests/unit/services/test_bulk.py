"""One wish for many services: an operation and an honest result for each, whatever the others come to."""

import dataclasses
from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.models import Customer
from audit.models import Event
from hosting.choices import BulkItemState, BulkState, OperationKind, OperationState, ServiceState
from hosting.errors import HostingError
from hosting.models import BulkItem, BulkRun, HostingService, Intent, Operation
from hosting.services import bulk
from hosting.services.intents import expire_intents
from hosting.services.sites import suspend_service
from tests.factories import make_customer, make_node, make_plan, make_service
from tests.people import operator
from tests.unit.services.world import World

pytestmark = pytest.mark.django_db
NAMES = ("alice", "bob", "carol")


@pytest.fixture
def services(world: World) -> list[HostingService]:
    """Three hosted services."""
    return [world.host(f"{name}.test", username=name, php_version="8.2") for name in NAMES]


def start(
    world: World, services: list[HostingService], kind: OperationKind = OperationKind.SUSPEND, **options: object
) -> BulkRun:
    return bulk.start_bulk(actor=world.actor, kind=kind, services=services, reason="unpaid", **options)  # type: ignore[arg-type]


def finish(world: World, run: BulkRun) -> BulkRun:
    """Do what the worker does until the run has ended."""
    for _turn in range(20):
        bulk.advance_all()
        world.work()
        run.refresh_from_db()
        if run.is_final:
            return run
    raise AssertionError(f"{run} does not end: {bulk.counts(run)}")


def result(run: BulkRun) -> dict[str, str]:
    return dict(run.items.values_list("label", "state"))


def statuses(world: World) -> list[int]:
    return [world.status(f"{name}.test") for name in NAMES]


def token_and_confirm(world: World, run: BulkRun, **changes: str) -> BulkRun:
    token = bulk.prepare_bulk(actor=world.actor, run=run)
    given = {"token": token, "digest": run.digest, "reason": "contract ended", **changes}
    return bulk.confirm_bulk(actor=world.actor, run=run, **given)


def test_each_service_gets_an_operation_of_its_own(world: World, services: list[HostingService]) -> None:
    run = start(world, services)
    assert statuses(world) == [200, 200, 200] and not Operation.objects.filter(kind=OperationKind.SUSPEND).exists()
    finish(world, run)
    assert run.state == BulkState.SUCCEEDED and statuses(world) == [503, 503, 503]
    operations = Operation.objects.filter(bulk_item__run=run)
    assert operations.count() == 3
    assert {operation.correlation_id for operation in operations} == {run.correlation_id}
    assert {operation.reason for operation in operations} == {"unpaid"}
    outcomes = Event.objects.filter(verb__startswith="bulk.").order_by("pk").values_list("verb", "outcome")
    assert list(outcomes) == [("bulk.start", "requested"), ("bulk.finish", "succeeded")]


def test_a_refusal_is_one_rows_alone_and_is_tried_again_alone(world: World, services: list[HostingService]) -> None:
    world.run(suspend_service(actor=world.actor, service=services[1]))
    run = finish(world, start(world, services))
    assert run.state == BulkState.PARTIAL
    assert result(run) == {"alice": "succeeded", "bob": "refused", "carol": "succeeded"}
    refused = run.items.get(label="bob")
    assert refused.error["code"] == "wrong_state" and refused.operation is None
    HostingService.objects.filter(pk=services[1].pk).update(state=ServiceState.ACTIVE)
    known = set(Operation.objects.values_list("pk", flat=True))
    finish(world, bulk.retry_bulk(actor=world.actor, run=run))
    assert run.state == BulkState.SUCCEEDED
    assert Operation.objects.exclude(pk__in=known).get().service == services[1]
    refused.refresh_from_db()
    assert refused.attempts == 2


def test_a_failure_on_the_node_is_the_rows_failure(world: World, services: list[HostingService]) -> None:
    def refuse(*_args: object) -> object:
        raise HostingError("out of memory", code="command_failed", permanent=False)

    world.server.programs["usermod"] = refuse  # type: ignore[assignment]
    run = finish(world, start(world, services))
    assert run.state == BulkState.FAILED and set(result(run).values()) == {BulkItemState.FAILED}
    assert statuses(world) == [200, 200, 200]
    assert run.items.first().error["code"] == "command_failed"


def test_php_is_changed_for_all(world: World, services: list[HostingService]) -> None:
    run = finish(world, start(world, services, OperationKind.CHANGE_PHP, options={"php_version": "8.4"}))
    assert run.state == BulkState.SUCCEEDED
    assert set(HostingService.objects.values_list("php_version", flat=True)) == {"8.4"}
    unknown = finish(world, start(world, services, OperationKind.CHANGE_PHP, options={"php_version": "5.6"}))
    assert unknown.state == BulkState.FAILED
    assert {item.error["code"] for item in unknown.items.all()} == {"php_not_installed"}


def test_a_deletion_of_many_is_one_intent_with_one_token(world: World, services: list[HostingService]) -> None:
    run = start(world, services, OperationKind.DELETE)
    assert run.state == BulkState.WAITING
    bulk.advance_all()
    assert not Operation.objects.filter(kind=OperationKind.DELETE).exists()
    listed = Event.objects.get(verb="bulk.start").after["services"]
    assert listed == list(NAMES)
    finish(world, token_and_confirm(world, run))
    assert run.state == BulkState.SUCCEEDED and statuses(world) == [0, 0, 0]
    assert set(HostingService.objects.values_list("state", flat=True)) == {ServiceState.SOFT_DELETED}
    confirmed = Event.objects.filter(verb="intent.confirm", outcome="succeeded")
    assert confirmed.count() == 3 and Event.objects.filter(verb="bulk.confirm", outcome="succeeded").count() == 1


@pytest.mark.parametrize(
    ("code", "changes"),
    [("wrong_token", {"token": "x"}), ("stale_plan", {"digest": "0" * 64}), ("reason_missing", {"reason": " "})],
)
def test_a_wrong_confirmation_of_many_is_refused_and_recorded(
    world: World, services: list[HostingService], code: str, changes: dict[str, str]
) -> None:
    run = start(world, services, OperationKind.DELETE)
    with pytest.raises(HostingError) as refusal:
        token_and_confirm(world, run, **changes)
    assert refusal.value.code == code
    assert Event.objects.get(verb="bulk.confirm").outcome == "denied"
    colleague = dataclasses.replace(operator(), id="2")
    with pytest.raises(HostingError) as refusal:
        bulk.prepare_bulk(actor=colleague, run=run)
    assert refusal.value.code == "other_actor"
    bulk.advance_all()
    world.work()
    assert statuses(world) == [200, 200, 200]


def test_what_nobody_confirms_is_cancelled(world: World, services: list[HostingService]) -> None:
    run = start(world, services, OperationKind.DELETE)
    Intent.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    assert expire_intents(actor=world.actor) == 1
    run.refresh_from_db()
    assert run.state == BulkState.CANCELLED
    assert set(HostingService.objects.values_list("state", flat=True)) == {ServiceState.ACTIVE}


def test_failed_deletions_are_confirmed_again_before_they_are_tried_again(
    world: World, services: list[HostingService]
) -> None:
    def refuse(*_args: object) -> object:
        raise HostingError("user is busy", code="command_failed", permanent=False)

    working = world.server.programs["userdel"]
    world.server.programs["userdel"] = refuse  # type: ignore[assignment]
    run = finish(world, token_and_confirm(world, start(world, services[:1], OperationKind.DELETE)))
    world.server.programs["userdel"] = working
    assert run.state == BulkState.FAILED and world.status("alice.test") == 200
    assert bulk.retry_bulk(actor=world.actor, run=run).state == BulkState.WAITING


def test_what_has_not_started_is_cancelled(world: World, services: list[HostingService]) -> None:
    run = start(world, services)
    bulk.advance_all()
    done = run.items.get(label="alice").operation
    assert done is not None
    world.run(done)
    bulk.cancel_bulk(actor=world.actor, run=run, reason="wrong list")
    finish(world, run)
    assert run.state == BulkState.PARTIAL
    assert result(run) == {"alice": "succeeded", "bob": "cancelled", "carol": "cancelled"}
    assert statuses(world) == [503, 200, 200]
    with pytest.raises(HostingError) as refusal:
        bulk.cancel_bulk(actor=world.actor, run=run)
    assert refusal.value.code == "wrong_state"


def test_a_run_that_is_cancelled_before_anything_started_is_cancelled(
    world: World, services: list[HostingService]
) -> None:
    run = bulk.cancel_bulk(actor=world.actor, run=start(world, services, OperationKind.DELETE))
    assert run.state == BulkState.CANCELLED and not Operation.objects.filter(kind=OperationKind.DELETE).exists()


def test_what_can_not_be_done_for_many_is_refused(world: World, services: list[HostingService]) -> None:
    for code, kind, chosen in (
        ("not_in_bulk", OperationKind.PURGE, services), ("nothing_chosen", OperationKind.SUSPEND, []),
    ):  # fmt: skip
        with pytest.raises(HostingError) as refusal:
            start(world, chosen, kind)
        assert refusal.value.code == code
    for kind, options in (
        (OperationKind.SUSPEND, {"wait_for_approval": "x"}), (OperationKind.CHANGE_PHP, {}),
        (OperationKind.CHANGE_PHP, {"php_version": "8.4", "actor": "x"}),
    ):  # fmt: skip
        with pytest.raises(HostingError) as refusal:
            start(world, services, kind, options=options)
        assert refusal.value.code == "wrong_options"
    assert not BulkRun.objects.exists()


def test_five_hundred_services_are_asked_for_in_a_few_queries_and_started_in_slices() -> None:
    node, plan, customer = make_node(), make_plan(), make_customer()
    several = [make_service(node=node, plan=plan, customer=customer) for _n in range(120)]
    with CaptureQueriesContext(
        connection,
    ) as few:
        run = bulk.start_bulk(actor=operator(), kind=OperationKind.SUSPEND, services=several)
    assert len(few) <= 8
    assert bulk.advance(run) == bulk.SLICE
    assert BulkItem.objects.filter(run=run, state=BulkItemState.STARTED).count() == bulk.SLICE
    assert Operation.objects.filter(state=OperationState.PENDING).count() == bulk.SLICE


def test_a_service_whose_customer_is_gone_is_a_row_without_it(world: World, services: list[HostingService]) -> None:
    run = start(world, services)
    BulkItem.objects.filter(label="bob").update(service=None)
    finish(world, run)
    assert result(run)["bob"] == BulkItemState.REFUSED and run.state == BulkState.PARTIAL
    assert Customer.objects.count() == 3
