"""Bootstrap is an operation like any other: planned, applied, verified, taken back; on a bare server as well."""

import pytest

from hosting.choices import NodeState, OperationState
from hosting.connections.base import Reply
from hosting.connections.fake_node import FakeNode
from hosting.models import Node, Operation
from hosting.operations import nodes, runner
from hosting.services.nodes import bootstrap_node
from hosting.services.operations import approve_operation
from tests.factories import make_node
from tests.people import operator

pytestmark = pytest.mark.django_db


def bootstrapped(fake: FakeNode, monkeypatch: pytest.MonkeyPatch, **options: bool) -> tuple[Node, Operation]:
    """A new node, and the operation that was to make it ready."""
    node = make_node(state=NodeState.NEW, facts={})
    monkeypatch.setattr(nodes, "opener", lambda _node: fake)
    operation = bootstrap_node(actor=operator(), node=node, **options)
    runner.run(operation.pk)
    operation.refresh_from_db()
    node.refresh_from_db()
    return node, operation


@pytest.mark.parametrize("installed", [True, False])
def test_a_server_becomes_ready(monkeypatch: pytest.MonkeyPatch, installed: bool) -> None:
    fake = FakeNode(installed=installed)
    node, operation = bootstrapped(fake, monkeypatch)
    assert operation.state == OperationState.SUCCEEDED, operation.error
    assert node.state == NodeState.READY and node.php_versions == ["8.2"]
    assert not fake.exists("/etc/nginx/sites-enabled/default")
    again = bootstrap_node(actor=operator(), node=node)
    runner.run(again.pk)
    again.refresh_from_db()
    assert again.plan["changes"] == []


def test_it_is_planned_before_anything_is_made(monkeypatch: pytest.MonkeyPatch) -> None:
    fake = FakeNode(installed=False)
    node, operation = bootstrapped(fake, monkeypatch, wait_for_approval=True)
    assert operation.state == OperationState.PLANNED
    assert node.state == NodeState.NEW and not fake.exists("/etc/nginx/conf.d/npanel.conf")
    assert "k" * 48 not in str(operation.plan)
    approve_operation(actor=operator(), operation=operation, digest=operation.plan_digest)
    runner.run(operation.pk)
    operation.refresh_from_db()
    assert operation.state == OperationState.SUCCEEDED, operation.error


def test_a_broken_file_of_somebody_else_is_moved_aside(monkeypatch: pytest.MonkeyPatch) -> None:
    fake = FakeNode()
    fake.break_nginx()
    _node, operation = bootstrapped(fake, monkeypatch)
    assert operation.state == OperationState.SUCCEEDED, operation.error
    assert not fake.exists("/etc/nginx/conf.d/broken.conf")


def test_a_failed_bootstrap_leaves_the_server_as_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    fake = FakeNode()
    said = b"nginx: [emerg] unknown directive in /etc/nginx/nginx.conf:1\n"
    fake.commands[("/usr/bin/prlimit",)] = lambda _fake, _run: Reply(exit_status=1, stderr=said)
    node, operation = bootstrapped(fake, monkeypatch)
    assert operation.state in (OperationState.ROLLED_BACK, OperationState.ROLLBACK_FAILED)
    assert "nginx.conf" in operation.error["hint"]
    assert node.state == NodeState.NEW
    assert not fake.exists("/etc/nginx/conf.d/npanel.conf")
    assert fake.exists("/etc/nginx/sites-enabled/default")
