"""Finds what dead workers left and what the queue lost, and sees that it is finished or taken back."""

from collections.abc import Callable
from datetime import timedelta

from django.utils import timezone

from hosting.choices import NodeState, OperationState
from hosting.errors import HostingError
from hosting.models import Operation, WorkerHeartbeat
from hosting.operations.dispatcher import drop_tasks, queued_tasks
from hosting.operations.locks import is_dead, release_orphan, take_over
from hosting.operations.outcome import finish
from hosting.operations.runner import carry_out
from hosting.texts import N_
from observability.context import bind_trace
from observability.logging import get_logger

#: An operation that killed its worker this often is taken back instead of tried again.
ATTEMPTS_AT_MOST = 8
#: Seconds after which a dispatched operation that nobody claimed is dispatched again.
LOST_AFTER = 60.0
#: A worker that gave no sign of life for this long is not waited for.
WORKER_FRESH = timedelta(seconds=25)

log = get_logger("operation_recover")


def orphans() -> list[Operation]:
    """Operations whose worker is dead, or whose lease ended."""
    running = Operation.objects.filter(state=OperationState.RUNNING).select_related("node").order_by("started_at")
    now = timezone.now()
    return [op for op in running if op.lease_until is None or op.lease_until < now or is_dead(op.lease_owner)]


def requeue() -> int:
    """Put every orphan back into the queue, for the worker's processes; this takes no longer than its few updates.

    Returns:
        How many were put back, or given up because they had killed too many workers.
    """
    forget_dead_workers()
    return _each(_put_back)


def recover() -> int:
    """Take over every orphan and bring it to an end in this process.

    Returns:
        How many were taken over. Those of paused nodes only go back to the queue.
    """
    forget_dead_workers()
    return _each(_bring_to_an_end)


def _each(treat: Callable[[Operation], bool]) -> int:
    """Treat all orphans; one that hits a bug is logged, looked at again once its lease ends, and stops no other."""
    count = 0
    for orphan in orphans():
        try:
            count += treat(orphan)
        except Exception:
            log.exception("orphan not recovered", operation_id=str(orphan.pk), status="failed")
    return count


def _put_back(orphan: Operation) -> bool:
    if orphan.attempts >= ATTEMPTS_AT_MOST:
        return _bring_to_an_end(orphan)
    if not release_orphan(orphan):
        return False
    _log(orphan, "queued again after its worker's death")
    return True


def _bring_to_an_end(orphan: Operation) -> bool:
    if orphan.node is not None and orphan.node.state == NodeState.PAUSED and orphan.attempts < ATTEMPTS_AT_MOST:
        release_orphan(orphan)  # it stays in the queue until the node is resumed
        return False
    operation = take_over(orphan)
    if operation is None:
        return False
    _log(operation, "taking over from a dead worker")
    if operation.attempts > ATTEMPTS_AT_MOST:
        _give_up(operation)
    else:
        carry_out(operation)
    return True


def _log(operation: Operation, event: str) -> None:
    """Say it in the operation's own story, not in the watchdog's."""
    with bind_trace(trace_id=operation.trace_id, correlation_id=operation.correlation_id):
        log.warning(event, operation_id=str(operation.pk), phase=operation.phase, status="retrying")


def forget_dead_workers() -> None:
    """Remove the last signs of life of workers that are certainly dead, so that nobody waits for them."""
    dead = [row.pk for row in WorkerHeartbeat.objects.all() if is_dead(row.name)]
    WorkerHeartbeat.objects.filter(pk__in=dead).delete()


def worker_lives() -> bool:
    """Whether a worker is there that will carry operations out."""
    fresh = WorkerHeartbeat.objects.filter(at__gte=timezone.now() - WORKER_FRESH)
    return any(not is_dead(row.name) for row in fresh)


def _give_up(operation: Operation) -> None:
    error = HostingError(
        N_("Its worker died %(count)s times while carrying it out.", count=ATTEMPTS_AT_MOST),
        code="worker_died",
        hint=N_("Look into the worker's log for the trace id, then plan the service again."),
    )
    begun = operation.journal.exists()
    finish(operation, OperationState.ROLLBACK_FAILED if begun else OperationState.FAILED, error=error)


def redispatch_lost() -> int:
    """Let operations be dispatched again that were handed to the queue, left it, and were never claimed.

    A task that still waits in the queue's table is only late, however long ago it was handed over: a second one for
    the same operation would make a full queue fuller. The table holds few (see the dispatcher's room), so they are
    read. A task that some worker took and did not run stays in the table, locked for hours: it is removed, so that
    there is one task for each operation. Should it be in a living worker's hands after all, nothing happens twice:
    only one claims.
    """
    before = timezone.now() - timedelta(seconds=LOST_AFTER)
    late = Operation.objects.filter(state=OperationState.PENDING, dispatched_at__lt=before)
    if not late.exists():
        return 0
    waiting, taken = queued_tasks()
    lost = {str(pk) for pk in late.values_list("pk", flat=True)} - waiting.keys()
    drop_tasks([row for operation_id in lost for row in taken.get(operation_id, [])])
    return late.filter(pk__in=lost).update(dispatched_at=None)
