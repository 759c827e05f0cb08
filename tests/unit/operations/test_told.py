"""What becomes of an operation between its tries is told in its own trace."""

from collections.abc import Callable
from typing import Any

import pytest

from audit import spool
from hosting.choices import OperationState
from hosting.models import Operation
from hosting.operations import recovery
from hosting.operations.locks import claim
from hosting.operations.outcome import finish
from observability.context import bind_trace, new_trace_id
from tests.unit.audit.refusal import events_refused
from tests.unit.observability.conftest import log_lines
from tests.unit.operations.conftest import ToyWorld

__all__ = ["log_lines"]
Lines = Callable[[], list[dict[str, Any]]]


def told(operation: Operation, lines: Lines, status: str) -> list[str]:
    """The messages of a status in the operation's trace."""
    return [
        line["message"] for line in lines() if (line["trace_id"], line.get("status")) == (operation.trace_id, status)
    ]


@pytest.mark.django_db
def test_tries_are_told(world: ToyWorld, log_lines: Lines) -> None:
    """The node that was not reached, and each attempt after the first, in the trace of the request."""
    world.want("alice", hello="world")
    world.fake.refuse()
    with bind_trace(trace_id=new_trace_id()):
        operation = world.ask("alice")
    world.run(operation)
    world.fake.accept()
    Operation.objects.update(not_before=None)
    assert world.run(operation).state == OperationState.SUCCEEDED
    assert told(operation, log_lines, "retrying") == ["node not reached", "attempt 2 begins"]


@pytest.mark.django_db
def test_a_dead_worker_is_told_in_the_operations_trace(world: ToyWorld, log_lines: Lines) -> None:
    """The watchdog has a trace of its own; nobody would look for this there."""
    world.want("alice", hello="world")
    with bind_trace(trace_id=new_trace_id()):
        operation = world.ask("alice")
    assert claim(operation.pk) is not None
    Operation.objects.update(lease_owner="elsewhere:1:gone", lease_until="2026-01-01T00:00:00Z")
    with bind_trace():
        assert recovery.requeue() == 1
    assert told(operation, log_lines, "retrying") == ["queued again after its worker's death"]


@pytest.mark.django_db(transaction=True)
def test_a_paused_node_is_told(world: ToyWorld, log_lines: Lines, settings: Any, tmp_path: Any) -> None:
    """The spooled outcome pauses the node: a line says so."""
    settings.NPANEL_AUDIT_SPOOL_DIR = tmp_path
    operation = claim(world.ask("alice").pk)
    assert operation is not None
    with events_refused(), bind_trace(trace_id=operation.trace_id):
        finish(operation, OperationState.SUCCEEDED)
    assert spool.waiting() == 1
    assert "node paused: audit events could only be spooled" in told(operation, log_lines, "partial")
