"""An operation whose outcome the database refuses is over nevertheless; its node waits for the audit log."""

from pathlib import Path
from typing import Any

import pytest

from audit import spool
from audit.models import Event
from hosting.choices import NodeState, OperationState
from hosting.errors import HostingError
from hosting.operations import dispatcher
from hosting.operations.locks import claim
from hosting.operations.outcome import finish
from hosting.services.nodes import resume_node
from tests.people import operator
from tests.unit.audit.refusal import events_refused
from tests.unit.operations.conftest import ToyWorld

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def folder(settings: Any, tmp_path: Path) -> None:
    """A spool of this test's own."""
    settings.NPANEL_AUDIT_SPOOL_DIR = tmp_path


def test_a_finished_operation_stays_finished_and_its_node_is_paused(world: ToyWorld) -> None:
    operation = claim(world.ask("alice").pk)
    assert operation is not None
    with events_refused():
        finish(operation, OperationState.SUCCEEDED)
    operation.refresh_from_db()
    world.node.refresh_from_db()
    assert (operation.state, world.node.state) == (OperationState.SUCCEEDED, NodeState.PAUSED)
    assert spool.waiting() == 1 and not Event.objects.filter(outcome="succeeded").exists()


def test_what_was_carried_out_is_recorded_by_the_replay(world: ToyWorld) -> None:
    world.want("alice", hello="world")
    operation, waiting = world.ask("alice"), world.ask("bob")
    with events_refused():
        world.run(operation)
    assert operation.state == OperationState.SUCCEEDED and world.published() == "alice.hello=world"
    world.node.refresh_from_db()
    assert "audit_replay" in world.node.note and waiting not in dispatcher.due()
    with pytest.raises(HostingError, match="Audit events still wait"):
        resume_node(actor=operator(), node=world.node)
    assert (spool.waiting(), spool.replay().inserted) == (1, 1)
    assert Event.objects.filter(operation_id=str(operation.pk), outcome="succeeded").count() == 1
    resume_node(actor=operator(), node=world.node)
    world.node.refresh_from_db()
    assert world.node.state == NodeState.READY and waiting in dispatcher.due()
