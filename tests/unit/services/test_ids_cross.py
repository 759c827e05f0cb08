"""The ids cross from who asked to all that comes of it: bulk runs, commands, the worker's chores."""

import threading

import pytest

from audit.models import Event
from hosting.choices import BulkState, OperationKind
from hosting.management.commands.worker import Worker
from hosting.models import Operation
from hosting.services import bulk
from observability import context
from observability.context import bind_trace, new_trace_id
from tests.unit.commands.conftest import Manage, manage
from tests.unit.services.world import World

__all__ = ["manage"]
pytestmark = pytest.mark.django_db
CORRELATION = "friday-suspension-2026"


def test_a_bulk_runs_operations_share_its_correlation_id(world: World) -> None:
    """Though the worker asks for them later, in traces of its own chore; and their audit events have it as well."""
    services = [world.host(f"{name}.test", username=name) for name in ("alice", "bob")]
    with bind_trace(trace_id=new_trace_id(), correlation_id=CORRELATION):
        run = bulk.start_bulk(actor=world.actor, kind=OperationKind.SUSPEND, services=services, reason="unpaid")
    for _turn in range(20):
        with bind_trace():
            bulk.advance_all()
            world.work()
    run.refresh_from_db()
    assert run.state == BulkState.SUCCEEDED
    operations = Operation.objects.filter(kind=OperationKind.SUSPEND)
    assert {operation.correlation_id for operation in operations} == {CORRELATION} and len(operations) == 2
    events = Event.objects.filter(operation_id__in=[str(operation.pk) for operation in operations])
    assert events.count() >= 4 and {event.correlation_id for event in events} == {CORRELATION}


def test_each_command_has_a_trace_of_its_own(world: World, manage: Manage) -> None:
    """The operation and its audit events have it; the next command has another."""
    world.host("alice.test", username="alice")
    for name in ("one", "two"):
        assert manage("database_create", "alice", name, "--yes").status == 0
    operations = Operation.objects.filter(kind=OperationKind.ADD_DATABASE)
    traces = {operation.trace_id for operation in operations}
    assert len(traces) == 2 and context.current().trace_id not in traces
    for operation in operations:
        events = Event.objects.filter(operation_id=str(operation.pk))
        assert {event.trace_id for event in events} == {operation.trace_id}


def test_each_round_of_a_chore_has_a_trace_of_its_own(db: None) -> None:
    """Two chores, two rounds each: four traces, and none of them the process's."""
    worker, seen = Worker(), []

    def chore() -> None:
        seen.append(context.current().trace_id)
        if len(seen) % 2 == 0:
            worker.stopping.set()

    for _chore in range(2):
        worker.stopping.clear()
        thread = threading.Thread(target=worker._every, args=(chore, 0.0))
        thread.start()
        thread.join()
    assert len(set(seen)) == 4 and context.current().trace_id not in seen
