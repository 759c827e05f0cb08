"""Who counts as dead, what becomes of what dead workers left, and a worker whose own parts die."""

import os
import re
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import psutil
import pytest
from django.utils import timezone
from django_q.conf import Conf
from django_q.models import OrmQ

from hosting.choices import NodeState, OperationState, Phase
from hosting.connections.fake import FakeConnection
from hosting.errors import HostingError
from hosting.management.commands.worker import Worker
from hosting.models import Node, Operation, WorkerHeartbeat
from hosting.operations import locks, nodes, recovery
from hosting.operations.dispatcher import dispatch, due, install_queue_key
from hosting.operations.locks import LeaseLost, claim, guarded_update, is_dead, release_orphan, worker_name
from tests.factories import make_node, make_operation
from tests.unit.audit.refusal import rows_refused
from tests.unit.operations.conftest import ToyWorld

ROOT = Path(__file__).resolve().parents[3]
HOST = socket.gethostname()
DEAD = f"{HOST}:999999999:0"
#: Seconds after which a worker that does not do what it should is given up.
PATIENCE = 120.0


# --- who is dead -----------------------------------------------------------------------------------------------------


def test_a_worker_is_named_by_its_boot_and_its_start() -> None:
    host, pid, birth = worker_name().split(":")
    assert (host, pid) == (HOST, str(os.getpid()))
    assert re.fullmatch(r"[0-9a-f]{8}-\d+", birth)
    assert len(f"{'h' * 64}:{2**22}:{birth}") <= 100  # the longest host name and pid there are


def test_a_living_worker_is_not_dead_and_a_set_clock_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    name = worker_name()
    monkeypatch.setattr(psutil, "boot_time", lambda: 0.0)
    monkeypatch.setattr(time, "time", lambda: 0.0)
    assert worker_name() == name and not is_dead(name)


@pytest.mark.parametrize("birth", ["0", "", "12345678-1", "1700000000"])
def test_a_reused_pid_and_a_former_boot_are_dead(birth: str) -> None:
    assert is_dead(f"{HOST}:{os.getpid()}:{birth}")


@pytest.mark.parametrize("owner", [DEAD, f"{HOST}:{'9' * 40}:0"])
def test_who_is_not_there_is_dead(owner: str) -> None:
    assert is_dead(owner)


@pytest.mark.parametrize("owner", ["", HOST, f"{HOST}:²:0", f"{HOST}:x:0", "elsewhere.test:1:0"])
def test_of_whom_nothing_is_known_is_not_certainly_dead(owner: str) -> None:
    assert not is_dead(owner)


def test_a_zombie_is_dead_whatever_its_name() -> None:
    child = subprocess.Popen([sys.executable, "-c", "open('/proc/self/comm', 'w').write('a) R 1 (b'); input()"],
                             stdin=subprocess.PIPE)  # fmt: skip
    try:
        wait_for(lambda: Path(f"/proc/{child.pid}/comm").read_text() == "a) R 1 (b\n", "its odd name")
        name = f"{HOST}:{child.pid}:{locks._birth(child.pid)}"
        assert not is_dead(name)
        child.kill()
        wait_for(lambda: psutil.Process(child.pid).status() == psutil.STATUS_ZOMBIE, "its death")
        assert is_dead(name)
    finally:
        child.kill()
        child.communicate()
    assert is_dead(name)


# --- paused nodes ----------------------------------------------------------------------------------------------------


@pytest.mark.django_db
def test_nothing_is_claimed_on_a_paused_node(world: ToyWorld) -> None:
    world.want("alice", hello="world")
    operation = world.ask("alice")
    Node.objects.update(state=NodeState.PAUSED)
    assert claim(operation.pk) is None
    assert world.run(operation).state == OperationState.PENDING and world.published() == ""
    Node.objects.update(state=NodeState.READY)
    assert world.run(operation).state == OperationState.SUCCEEDED


@pytest.mark.django_db
def test_an_operation_without_a_node_is_claimed() -> None:
    operation = make_operation()
    Operation.objects.filter(pk=operation.pk).update(node=None)
    assert claim(operation.pk) is not None


# --- what dead workers left ------------------------------------------------------------------------------------------


def left(world: ToyWorld, username: str, **fields: Any) -> Operation:
    """An operation that a dead worker had claimed."""
    world.want(username, hello="world")
    operation = claim(world.ask(username).pk)
    assert operation is not None
    Operation.objects.filter(pk=operation.pk).update(**{"lease_owner": DEAD, **fields})
    operation.refresh_from_db()
    return operation


@pytest.mark.django_db
def test_an_orphan_goes_back_to_the_queue_untouched(world: ToyWorld) -> None:
    orphan = left(world, "alice", dispatched_at=timezone.now())
    assert recovery.requeue() == 1 and recovery.requeue() == 0
    queued = Operation.objects.get()
    assert (queued.state, queued.phase, queued.active_key) == (OperationState.PENDING, Phase.QUEUED, None)
    assert (queued.lease_owner, queued.lease_until, queued.dispatched_at) == ("", None, None)
    assert (queued.fence, queued.attempts) == (orphan.fence + 1, orphan.attempts)
    assert world.published() == "" and queued in due()
    with pytest.raises(LeaseLost):
        guarded_update(orphan, phase=Phase.APPLYING)
    done = world.run(queued)
    assert (done.state, done.attempts, world.published()) == (OperationState.SUCCEEDED, 2, "alice.hello=world")


@pytest.mark.django_db
def test_what_was_being_taken_back_stays_so(world: ToyWorld) -> None:
    cause = {"code": "x", "detail": "why", "hint": "", "permanent": False}
    left(world, "alice", phase=Phase.ROLLING_BACK, error=cause)
    recovery.requeue()
    queued = Operation.objects.get()
    assert (queued.phase, queued.error["detail"]) == (Phase.ROLLING_BACK, "why")
    assert world.run(queued).state == OperationState.ROLLED_BACK


@pytest.mark.django_db
def test_an_orphan_is_released_once(world: ToyWorld) -> None:
    orphan = left(world, "alice")
    assert release_orphan(orphan) and not release_orphan(orphan)


@pytest.mark.django_db
@pytest.mark.parametrize("way", [recovery.requeue, recovery.recover])
def test_what_killed_too_many_workers_is_given_up(world: ToyWorld, way: Callable[[], int]) -> None:
    left(world, "alice", attempts=recovery.ATTEMPTS_AT_MOST)
    assert way() == 1
    operation = Operation.objects.get()
    assert (operation.state, operation.error["code"]) == (OperationState.FAILED, "worker_died")


@pytest.mark.django_db
def test_recovering_here_leaves_paused_nodes_alone(world: ToyWorld) -> None:
    left(world, "alice")
    Node.objects.update(state=NodeState.PAUSED)
    assert recovery.recover() == 0
    assert Operation.objects.get().state == OperationState.PENDING and world.published() == ""


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    ("way", "state"), [(recovery.requeue, OperationState.PENDING), (recovery.recover, OperationState.SUCCEEDED)]
)
def test_an_orphan_that_can_not_be_written_stops_no_other(world: ToyWorld, way: Callable[[], int], state: str) -> None:
    first, second = left(world, "alice"), left(world, "bob")
    with rows_refused("hosting_operation", f"NEW.target_key = '{first.target_key}'", verb="UPDATE"):
        assert way() == 1
    first.refresh_from_db()
    assert first.state == OperationState.RUNNING
    second.refresh_from_db()
    assert second.state == state


# --- what the queue lost ---------------------------------------------------------------------------------------------


@pytest.fixture
def queue(monkeypatch: pytest.MonkeyPatch) -> None:
    """This process has the queue's key."""
    for name in ("SECRET_KEY", "BROKER_CLASS", "SCHEDULER"):
        monkeypatch.setattr(Conf, name, getattr(Conf, name))
    install_queue_key()


@pytest.mark.django_db
@pytest.mark.usefixtures("queue")
def test_a_late_task_that_still_waits_is_not_handed_over_again() -> None:
    make_operation()
    dispatch()
    Operation.objects.update(dispatched_at=timezone.now() - timedelta(hours=1))
    assert recovery.redispatch_lost() == 0
    assert dispatch() == 0 and OrmQ.objects.count() == 1


@pytest.mark.django_db
@pytest.mark.usefixtures("queue")
def test_a_task_that_died_in_a_workers_hands_is_handed_over_again_once() -> None:
    make_operation()
    other = make_operation()
    dispatch()
    Operation.objects.update(dispatched_at=timezone.now() - timedelta(hours=1))
    taken = OrmQ.objects.order_by("pk").first()
    assert taken is not None
    OrmQ.objects.filter(pk=taken.pk).update(lock=timezone.now() + timedelta(hours=4))
    assert recovery.redispatch_lost() == 1
    assert dispatch() == 1 and OrmQ.objects.count() == 2
    assert not OrmQ.objects.filter(pk=taken.pk).exists()
    other.refresh_from_db()
    assert other.dispatched_at is not None


# --- the worker's parts ----------------------------------------------------------------------------------------------


@pytest.mark.django_db
@pytest.mark.parametrize("error", [TypeError("a bug"), HostingError("it is down", code="down")])
def test_a_node_that_can_not_be_scanned_stops_no_other(
    world: ToyWorld, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    bad = make_node(name="bad", state=NodeState.READY)
    good = make_node(name="good", state=NodeState.READY)

    def connect(node: Node) -> FakeConnection:
        if node == bad:
            raise error
        return world.fake

    monkeypatch.setattr(nodes, "opener", connect)
    Worker()._scan()
    for node in (bad, good, world.node):
        node.refresh_from_db()
        assert node.scanned_at is not None  # not again before its next turn
    assert bad.note == "it is down" or "TypeError" in bad.note
    assert (good.note, world.node.note) == ("", "")


@pytest.mark.django_db
def test_the_sign_of_life_is_a_chore_of_its_own() -> None:
    worker = Worker()
    worker._watch()
    assert not WorkerHeartbeat.objects.exists()
    (beat, seconds), *_others = worker._chores()
    beat()
    assert WorkerHeartbeat.objects.get().name == worker.name
    assert timedelta(seconds=2 * seconds) < recovery.WORKER_FRESH


def wait_for(condition: Callable[[], object], what: str) -> None:
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, f"{what} never came"
        time.sleep(0.05)


@pytest.fixture
def running(tmp_path: Path) -> Iterator[tuple[subprocess.Popen[str], list[psutil.Process]]]:
    """A worker on a database of its own, and the processes of its queue, the sentinel first."""
    environment = {name: text for name, text in os.environ.items() if not name.startswith("NPANEL_")}
    environment |= {"NPANEL_VAR_DIR": str(tmp_path), "NPANEL_WORKERS": "2"}
    manage = [sys.executable, str(ROOT / "manage.py")]
    for arguments in (["migrate", "-v0"], ["worker_key", "--init"]):
        subprocess.run([*manage, *arguments], env=environment, check=True, capture_output=True)
    with (tmp_path / "worker.log").open("w") as log:
        worker = subprocess.Popen(
            [*manage, "worker"], env=environment, stdout=log, stderr=subprocess.PIPE, text=True, start_new_session=True
        )
    children: list[psutil.Process] = []
    try:
        # The sentinel, two workers, the monitor and the pusher.
        wait_for(lambda: len(psutil.Process(worker.pid).children(recursive=True)) == 5, "the queue")
        (sentinel,) = psutil.Process(worker.pid).children()
        children = [sentinel, *sentinel.children()]
        yield worker, children
    finally:
        for process in [*children, psutil.Process(worker.pid)] if worker.poll() is None else children:
            if process.is_running():
                process.kill()
        worker.communicate()


def test_a_worker_whose_sentinel_died_ends_with_all_its_processes(
    running: tuple[subprocess.Popen[str], list[psutil.Process]],
) -> None:
    worker, children = running
    children[0].kill()
    _out, err = worker.communicate(timeout=PATIENCE)
    assert worker.returncode == 1 and "first process died" in err
    wait_for(lambda: not any(child.is_running() for child in children), "the end of its processes")


def test_a_killed_worker_leaves_no_process_behind(
    running: tuple[subprocess.Popen[str], list[psutil.Process]],
) -> None:
    worker, children = running
    worker.kill()
    wait_for(lambda: not any(child.is_running() for child in children), "the end of its processes")


def test_a_worker_that_is_told_to_stop_stops_with_0(
    running: tuple[subprocess.Popen[str], list[psutil.Process]],
) -> None:
    worker, children = running
    wait_for(lambda: psutil.Process(worker.pid).num_threads() > 4, "its chores")
    worker.terminate()
    worker.communicate(timeout=PATIENCE)
    assert worker.returncode == 0
    assert not any(child.is_running() for child in children)
