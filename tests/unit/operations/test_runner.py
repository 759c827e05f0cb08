"""The road from a pending operation to its end, on a node whose only daemon is the toy one."""

from datetime import timedelta

import pytest
from django.utils import timezone

from audit.models import Event
from hosting.choices import EntryState, OperationKind, OperationState, Phase
from hosting.errors import HostingError
from hosting.models import Operation
from hosting.operations import recovery, runner
from hosting.operations.locks import LeaseLost, claim, guarded_update, take_over
from hosting.services.operations import approve_operation, cancel_operation, retry_operation, rollback_operation
from tests.people import operator
from tests.unit.operations.conftest import ToyWorld

pytestmark = pytest.mark.django_db


def test_a_wish_is_planned_applied_verified_and_recorded(world: ToyWorld) -> None:
    world.want("alice", hello="world")
    operation = world.run(world.ask("alice"))
    assert operation.state == OperationState.SUCCEEDED, operation.error
    assert world.published() == "alice.hello=world"
    assert operation.result["probes"] == [{"ref": "note:alice.hello", "answer": "published"}]
    assert [entry.state for entry in operation.journal.all()] == [EntryState.APPLIED]
    outcomes = list(
        Event.objects.filter(operation_id=str(operation.pk)).order_by("pk").values_list("outcome", flat=True)
    )
    assert outcomes == ["requested", "succeeded"]
    assert operation.active_key is None


def test_an_empty_plan_succeeds_without_a_reload(world: ToyWorld) -> None:
    world.want("alice", hello="world")
    world.run(world.ask("alice"))
    second = world.run(world.ask("alice"))
    assert second.state == OperationState.SUCCEEDED
    assert second.plan["changes"] == []
    assert second.result["reloads"] == []
    assert not second.journal.exists()


def test_a_failed_probe_takes_everything_back(world: ToyWorld) -> None:
    world.want("alice", hello="old")
    world.run(world.ask("alice"))
    service = world.want("alice", hello="UNREADABLE", more="x")
    operation = world.run(world.ask("alice"))
    assert operation.state == OperationState.ROLLED_BACK
    assert operation.error["code"] == "probe_failed"
    assert world.published() == "alice.hello=old"
    service.refresh_from_db()
    assert service.out_of_sync and service.unsynced == ["*"]
    assert set(operation.journal.filter(backward=False).values_list("state", flat=True)) == {EntryState.REVERTED}


def test_a_retry_after_the_cause_is_gone_succeeds_and_clears_the_mark(world: ToyWorld) -> None:
    service = world.want("alice", hello="UNREADABLE")
    failed = world.run(world.ask("alice"))
    world.want("alice", hello="fine")
    retried = world.run(retry_operation(actor=operator(), operation=failed))
    assert retried.state == OperationState.SUCCEEDED
    service.refresh_from_db()
    assert not service.out_of_sync


def test_a_broken_candidate_fails_alone(world: ToyWorld) -> None:
    world.want("alice", hello="BROKEN")
    operation = world.run(world.ask("alice"))
    assert operation.state == OperationState.ROLLED_BACK
    assert operation.error["code"] == "configuration_invalid"
    assert not world.fake.exists("/etc/notes/alice.hello")


def test_a_strangers_broken_file_is_moved_aside_and_others_go_on(world: ToyWorld) -> None:
    world.plant("someone.else", "BROKEN by hand")
    world.want("alice", hello="world")
    operation = world.run(world.ask("alice"))
    assert operation.state == OperationState.SUCCEEDED, operation.error
    assert world.fake.exists("/var/quarantine/someone.else")
    event = Event.objects.get(verb="file.quarantine")
    assert event.after["path"] == "/etc/notes/someone.else"


def test_a_customers_file_broken_by_hand_is_put_right(world: ToyWorld) -> None:
    world.want("alice", hello="world")
    world.run(world.ask("alice"))
    world.plant("alice.hello", "BROKEN")
    world.want("bob", note="new")
    operation = world.run(world.ask("bob"))
    assert operation.state == OperationState.SUCCEEDED, operation.error
    assert world.published() == "alice.hello=world\nbob.note=new"


def test_a_node_that_is_down_is_waited_for_and_then_reached(world: ToyWorld) -> None:
    world.want("alice", hello="world")
    world.fake.refuse()
    operation = world.run(world.ask("alice"))
    assert operation.state == OperationState.PENDING
    assert operation.error["code"] == "connection_refused"
    assert operation.not_before > timezone.now()
    assert world.run(operation).state == OperationState.PENDING  # not due yet
    world.fake.accept()
    Operation.objects.update(not_before=None)
    assert world.run(operation).state == OperationState.SUCCEEDED


def test_a_node_that_stays_down_fails_with_its_reason(world: ToyWorld) -> None:
    service = world.want("alice", hello="world")
    world.fake.refuse()
    operation = world.ask("alice", kind=OperationKind.CHANGE_PHP)
    for _attempt in range(len(runner.RETRY_AFTER) + 1):
        Operation.objects.update(not_before=None)
        world.run(operation)
    assert operation.state == OperationState.FAILED
    assert operation.error["code"] == "connection_refused"
    service.refresh_from_db()
    assert service.out_of_sync


@pytest.mark.parametrize("after", [0, 1])
def test_a_dropped_command_is_unknown_and_settled_by_observing(world: ToyWorld, after: int) -> None:
    world.want("alice", one="1", two="2")
    operation = world.ask("alice")
    original = world.fake.batch
    seen: list[int] = []

    def drop_the_second_batch(*args: object, **kwargs: object) -> object:
        seen.append(1)
        if len(seen) == 2:
            world.fake.drop_next(after=after)
        return original(*args, **kwargs)  # type: ignore[arg-type]

    world.fake.batch = drop_the_second_batch  # type: ignore[method-assign,assignment]
    world.run(operation)
    assert operation.state == OperationState.PENDING
    assert operation.error["code"] == "outcome_unknown"
    assert set(operation.journal.values_list("state", flat=True)) == {EntryState.UNKNOWN}
    Operation.objects.update(not_before=None)
    assert world.run(operation).state == OperationState.SUCCEEDED
    assert world.published() == "alice.one=1\nalice.two=2"


def test_a_plan_waits_for_its_approval_and_is_applied_as_shown(world: ToyWorld) -> None:
    world.want("alice", hello="world")
    operation = world.run(world.ask("alice", wait_for_approval=True))
    assert operation.state == OperationState.PLANNED
    assert world.published() == ""
    approve_operation(actor=operator(), operation=operation, digest=operation.plan_digest)
    assert world.run(operation).state == OperationState.SUCCEEDED


def test_a_stale_plan_is_not_applied(world: ToyWorld) -> None:
    world.want("alice", hello="world")
    operation = world.run(world.ask("alice", wait_for_approval=True))
    approve_operation(actor=operator(), operation=operation, digest=operation.plan_digest)
    world.plant("alice.hello", "somebody was faster")
    world.run(operation)
    assert operation.state == OperationState.PLANNED
    assert operation.error["code"] == "stale_plan"
    assert world.published() == ""
    with pytest.raises(HostingError, match="not the one you saw"):
        approve_operation(actor=operator(), operation=operation, digest="0" * 64)


def test_a_cancelled_operation_is_never_run(world: ToyWorld) -> None:
    world.want("alice", hello="world")
    operation = world.ask("alice")
    cancel_operation(actor=operator(), operation=operation)
    assert world.run(operation).state == OperationState.CANCELLED
    assert world.published() == ""


def test_a_rollback_brings_back_what_was_there(world: ToyWorld) -> None:
    world.want("alice", hello="old")
    world.run(world.ask("alice"))
    world.want("alice", hello="new", more="x")
    change = world.run(world.ask("alice"))
    world.run(rollback_operation(actor=operator(), operation=change))
    assert world.published() == "alice.hello=old"


def test_what_was_changed_since_is_not_rolled_back_over(world: ToyWorld) -> None:
    world.want("alice", hello="1")
    first = world.run(world.ask("alice"))
    world.want("alice", hello="2")
    world.run(world.ask("alice"))
    with pytest.raises(HostingError) as refusal:
        rollback_operation(actor=operator(), operation=first)
    assert refusal.value.code == "changed_since"


def test_only_one_operation_at_a_time_touches_a_target(world: ToyWorld) -> None:
    world.want("alice", hello="world")
    first, second = world.ask("alice"), world.ask("alice")
    assert claim(first.pk) is not None
    assert claim(second.pk) is None
    assert claim(first.pk) is None


def test_a_stale_worker_can_write_nothing(world: ToyWorld) -> None:
    world.want("alice", hello="world")
    stale = claim(world.ask("alice").pk)
    assert stale is not None
    Operation.objects.update(lease_until=timezone.now() - timedelta(seconds=1))
    fresh = take_over(stale)
    assert fresh is not None and fresh.fence == stale.fence + 1
    with pytest.raises(LeaseLost):
        guarded_update(stale, phase=Phase.APPLYING)
    assert take_over(stale) is None


def test_what_a_dead_worker_left_is_finished(world: ToyWorld) -> None:
    world.want("alice", hello="world")
    operation = claim(world.ask("alice").pk)
    assert operation is not None
    Operation.objects.update(lease_owner=f"{operation.lease_owner.split(':')[0]}:999999999:0")
    assert recovery.recover() == 1
    operation.refresh_from_db()
    assert operation.state == OperationState.SUCCEEDED
    assert world.published() == "alice.hello=world"


def test_redelivered_tasks_do_nothing(world: ToyWorld) -> None:
    world.want("alice", hello="world")
    operation = world.run(world.ask("alice"))
    requests = len(world.fake.requests)
    assert runner.run(operation.pk) is None
    assert len(world.fake.requests) == requests


def test_a_bug_of_ours_takes_the_operation_back(world: ToyWorld) -> None:
    world.want("alice", hello="world")
    world.adapter.bugs.append(TypeError("a bug"))
    operation = world.run(world.ask("alice"))
    assert operation.state == OperationState.ROLLED_BACK
    assert operation.error["code"] == "internal_error"
    assert world.published() == ""


def test_operations_without_a_service_are_asked_for_too(world: ToyWorld) -> None:
    operation = world.ask("alice", kind=OperationKind.SUSPEND)
    assert operation.trace_id and operation.target_key.startswith("service:")
