"""What a review of the road once found wrong: tickets, journals and bootstraps, one test each."""

from collections.abc import Callable
from typing import Any

import pytest

from hosting import desired
from hosting.choices import EntryState, NodeState, OperationState, Phase
from hosting.connections.base import Read, Remove, Reply, Request, Run, Write
from hosting.connections.fake import FakeConnection
from hosting.connections.fake_node import FakeNode
from hosting.errors import HostingError
from hosting.models import ActivationTicket, JournalEntry, Node, Operation
from hosting.operations import journal, nodes, runner
from hosting.operations.locks import claim
from hosting.services.nodes import bootstrap_node
from hosting.services.operations import rollback_operation
from hosting.state import Change, DaemonUnit, NodeFile, NodeLink, Package, Resource, plan
from tests.confirm import carry_out_confirmed
from tests.factories import make_node
from tests.people import operator
from tests.unit.operations.conftest import ToyWorld
from tests.unit.operations.toy import NOTES

pytestmark = pytest.mark.django_db

#: What no adapter asks for, but a forged journal may name.
FORGED = [
    NodeFile("/etc/cron.d/x", "* * * * * root id\n"),
    NodeLink("/etc/cron.d/x", "/home/alice/x"),
    Package("netcat"),
    DaemonUnit("ssh.service"),
]


def before_each(connection: FakeConnection, hook: Callable[[list[Request]], None]) -> None:
    """Call ``hook`` with the requests of each batch before the node gets them."""
    original = connection.batch

    def batch(requests: Any, **options: Any) -> list[Any]:
        hook(list(requests))
        return original(requests, **options)

    connection.batch = batch  # type: ignore[method-assign,assignment]


def waiting(world: ToyWorld, username: str, text: str) -> Operation:
    """An operation that has written its file and waits for the reload."""
    service = world.want(username, note=text)
    operation = claim(world.ask(username).pk)
    assert operation is not None
    changes = plan({}, desired.service_resources(service)).changes
    entries = journal.intend(operation, changes)
    world.plant(f"{username}.note", text)
    journal.settle(operation, entries, [None] * len(entries))
    Operation.objects.filter(pk=operation.pk).update(phase=Phase.ACTIVATING)
    ActivationTicket.objects.create(node=world.node, operation=operation)
    return operation


def ticket_of(operation: Operation) -> ActivationTicket:
    """The operation's ticket as it is now."""
    return ActivationTicket.objects.get(operation=operation)


def dropped_while_testing(world: ToyWorld) -> Operation:
    """An operation whose connection is lost in its third round trip: observe, write, and then the daemon's test."""
    seen: list[int] = []

    def drop_the_third(_requests: list[Request]) -> None:
        seen.append(1)
        if len(seen) == 3:
            world.fake.drop_next()

    world.want("alice", hello="world")
    before_each(world.fake, drop_the_third)
    return world.run(world.ask("alice"))


def test_a_leader_that_loses_its_connection_refuses_nobody(world: ToyWorld) -> None:
    other = waiting(world, "bob", "fine")
    operation = dropped_while_testing(world)
    assert (operation.state, operation.error["code"]) == (OperationState.PENDING, "outcome_unknown")
    assert {(ticket.done, ticket.error) for ticket in ActivationTicket.objects.all()} == {(False, None)}
    assert world.fake.exists(f"{NOTES}/bob.note") and world.fake.exists(f"{NOTES}/alice.hello")
    Operation.objects.filter(pk=operation.pk).update(not_before=None)
    assert world.run(operation).state == OperationState.SUCCEEDED, operation.error
    assert (ticket_of(other).done, ticket_of(other).error) == (True, None)
    assert world.published() == "alice.hello=world\nbob.note=fine"


def test_tickets_of_operations_that_have_ended_do_not_take_part(world: ToyWorld) -> None:
    ended = waiting(world, "bob", "given up")
    Operation.objects.filter(pk=ended.pk).update(state=OperationState.ROLLBACK_FAILED, active_key=None)
    ActivationTicket.objects.update(leader_fence=1)  # a leader had its files away when it died
    world.fake.batch([Remove(f"{NOTES}/bob.note")])
    world.want("alice", hello="world")
    operation = world.run(world.ask("alice"))
    assert operation.state == OperationState.SUCCEEDED, operation.error
    assert world.published() == "alice.hello=world" and not world.fake.exists(f"{NOTES}/bob.note")
    assert not ActivationTicket.objects.filter(operation=ended).exists()


def test_an_operation_that_gives_up_leaves_no_ticket(world: ToyWorld) -> None:
    operation = dropped_while_testing(world)
    world.fake.refuse()
    while operation.state == OperationState.PENDING:
        Operation.objects.update(not_before=None)
        world.run(operation)
    assert operation.state == OperationState.ROLLBACK_FAILED
    assert not ActivationTicket.objects.exists()


def test_an_unreadable_journal_fails_only_its_own_operation(world: ToyWorld) -> None:
    broken = waiting(world, "bob", "fine")
    unknown = {"action": "create", "kind": "gone", "key": "x", "before": None, "after": {"kind": "gone"}}
    broken.journal.update(kind="gone", change=unknown)
    world.want("alice", hello="world")
    operation = world.run(world.ask("alice"))
    assert operation.state == OperationState.SUCCEEDED, operation.error
    ticket = ticket_of(broken)
    assert ticket.done and ticket.error is not None and ticket.error["code"] == "journal_unreadable"


def test_a_strangers_broken_file_does_not_bring_rolled_back_files_back(world: ToyWorld) -> None:
    world.want("bob", note="fine")
    world.run(world.ask("bob"))
    world.want("alice", hello="UNREADABLE")

    def break_while_probing(requests: list[Request]) -> None:
        if any(isinstance(request, Read) for request in requests):
            world.plant("someone.else", "BROKEN by hand")

    before_each(world.fake, break_while_probing)
    operation = world.run(world.ask("alice"))
    assert (operation.state, operation.error["code"]) == (OperationState.ROLLED_BACK, "probe_failed")
    assert not world.fake.exists(f"{NOTES}/alice.hello") and not world.fake.exists(f"{NOTES}/someone.else")
    assert world.fake.exists("/var/quarantine/someone.else")
    assert world.published() == "bob.note=fine"
    written = [r.path for _context, r in world.fake.requests if isinstance(r, Write)]
    assert written.count(f"{NOTES}/alice.hello") == 1  # never again once it was taken back


def test_an_apply_that_never_reached_its_node_marks_nothing_out_of_sync(world: ToyWorld) -> None:
    service = world.want("alice", hello="world")
    world.run(world.ask("alice"))
    world.fake.refuse()
    operation = world.ask("alice")
    while operation.state == OperationState.PENDING:
        Operation.objects.update(not_before=None)
        world.run(operation)
    assert (operation.state, operation.error["code"]) == (OperationState.FAILED, "connection_refused")
    service.refresh_from_db()
    assert not service.out_of_sync and service.unsynced == []


def test_what_was_meant_for_a_service_that_is_gone_touches_nobody(world: ToyWorld) -> None:
    world.want("alice", hello="world")
    world.run(world.ask("alice"))
    orphan = world.ask("bob")
    Operation.objects.filter(pk=orphan.pk).update(service=None)
    world.run(orphan)
    assert (orphan.state, orphan.error["code"]) == (OperationState.FAILED, "service_gone")
    assert world.fake.exists(f"{NOTES}/alice.hello")


def test_nothing_is_rolled_back_while_a_later_operation_waits(world: ToyWorld) -> None:
    world.want("alice", hello="old")
    world.run(world.ask("alice"))
    world.want("alice", hello="new")
    change = world.run(world.ask("alice"))
    later = world.ask("alice")
    with pytest.raises(HostingError) as refusal:
        rollback_operation(actor=operator(), operation=change)
    assert refusal.value.code == "busy"
    world.run(later)
    assert rollback_operation(actor=operator(), operation=change).reverts == change


# --- bootstraps ----------------------------------------------------------------------------------------------------


def bootstrap(fake: FakeNode, monkeypatch: pytest.MonkeyPatch) -> tuple[Node, Operation]:
    """A new node, and the operation that was to make it ready."""
    node = make_node(state=NodeState.NEW, facts={})
    monkeypatch.setattr(nodes, "opener", lambda _node: fake)
    operation = carried_out(bootstrap_node(actor=operator(), node=node))
    node.refresh_from_db()
    return node, operation


def carried_out(operation: Operation) -> Operation:
    """The operation after a worker had it."""
    runner.run(operation.pk)
    operation.refresh_from_db()
    return operation


def touched(operation: Operation, *, backward: bool) -> set[tuple[str, str]]:
    """The Resources that an operation has begun to change in one direction."""
    return set(operation.journal.filter(backward=backward).values_list("kind", "key"))


def test_a_bootstrap_that_fails_early_is_taken_back_only_in_what_it_had_begun(monkeypatch: pytest.MonkeyPatch) -> None:
    fake = FakeNode(installed=False)
    kept = "/etc/nginx/conf.d/npanel.conf"
    fake.put(kept, b"# from an earlier installation\n")
    install = fake.programs["apt-get"]

    def no_nginx(words: list[str], run: Run) -> Reply:
        failed = words[-2:] == ["install", "nginx"]
        return Reply(exit_status=100, stderr=b"E: broken") if failed else install(words, run)

    fake.programs["apt-get"] = no_nginx
    node, operation = bootstrap(fake, monkeypatch)
    assert operation.state == OperationState.ROLLED_BACK, operation.error
    forward = touched(operation, backward=False)
    assert {kind for kind, _key in forward} == {"package"}
    assert touched(operation, backward=True) <= forward
    assert fake.content(kept) == b"# from an earlier installation\n"
    assert node.state == NodeState.NEW and "mariadb-server" not in fake.system.packages


@pytest.mark.parametrize("installed", [True, False])
def test_a_bootstrap_is_rolled_back_on_demand(monkeypatch: pytest.MonkeyPatch, installed: bool) -> None:
    fake = FakeNode(installed=installed)
    node, operation = bootstrap(fake, monkeypatch)
    assert node.state == NodeState.READY
    rollback = carried_out(rollback_operation(actor=operator(), operation=operation))
    if not installed:  # it would remove the daemons' packages
        assert rollback.state == OperationState.PLANNED and "mariadb-server" in fake.system.packages
        rollback = carry_out_confirmed(rollback, operator())
    assert rollback.state == OperationState.SUCCEEDED, rollback.error
    assert not fake.exists("/etc/nginx/conf.d/npanel.conf") and fake.exists("/etc/nginx/sites-enabled/default")
    node.refresh_from_db()
    assert node.state == NodeState.NEW
    again = carried_out(bootstrap_node(actor=operator(), node=node))
    assert again.state == OperationState.SUCCEEDED, again.error


@pytest.mark.parametrize("as_if", ["changed", "made"])
@pytest.mark.parametrize("forged", FORGED, ids=lambda resource: resource.kind)
def test_a_forged_journal_does_not_make_root_touch_what_is_not_ours(
    monkeypatch: pytest.MonkeyPatch, forged: Resource, as_if: str
) -> None:
    fake = FakeNode()
    _node, operation = bootstrap(fake, monkeypatch)
    change = Change(forged.kind, forged.key, *((forged, None) if as_if == "changed" else (None, forged)))
    JournalEntry.objects.create(
        operation=operation, seq=1000, kind=forged.kind, key=forged.key, change=change.to_json(),
        state=EntryState.APPLIED,
    )  # fmt: skip
    rollback = carried_out(rollback_operation(actor=operator(), operation=operation))
    assert (rollback.state, rollback.error["code"]) == (OperationState.FAILED, "not_ours")
    assert not rollback.journal.exists() and fake.exists("/etc/nginx/conf.d/npanel.conf")
    assert not fake.exists("/etc/cron.d/x") and "netcat" not in fake.system.packages
