"""What a starting worker does first: finish or undo what a dead worker left, and find what the queue lost."""

from datetime import timedelta

from django.db.models import Q
from django.utils import timezone

from hosting.choices import OperationState
from hosting.errors import HostingError
from hosting.models import Operation, WorkerHeartbeat
from hosting.operations.locks import is_dead, take_over
from hosting.operations.outcome import finish
from hosting.operations.runner import carry_out
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
    running = Operation.objects.filter(state=OperationState.RUNNING).order_by("started_at")
    now = timezone.now()
    return [op for op in running if op.lease_until is None or op.lease_until < now or is_dead(op.lease_owner)]


def recover() -> int:
    """Take over every orphan and bring it to an end.

    Returns:
        How many were taken over.
    """
    forget_dead_workers()
    count = 0
    for orphan in orphans():
        operation = take_over(orphan)
        if operation is None:
            continue
        count += 1
        log.warning(
            "taking over from a dead worker", operation_id=str(operation.pk), phase=operation.phase, status="retrying"
        )
        if operation.attempts > ATTEMPTS_AT_MOST:
            _give_up(operation)
        else:
            carry_out(operation)
    return count


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
        f"Its worker died {ATTEMPTS_AT_MOST} times while carrying it out.",
        code="worker_died",
        hint="Look into the worker's log for the trace id, then plan the service again.",
    )
    begun = operation.journal.exists()
    finish(operation, OperationState.ROLLBACK_FAILED if begun else OperationState.FAILED, error=error)


def redispatch_lost() -> int:
    """Let operations be dispatched again that were handed to the queue and never claimed."""
    before = timezone.now() - timedelta(seconds=LOST_AFTER)
    lost = Q(state=OperationState.PENDING, dispatched_at__lt=before)
    return Operation.objects.filter(lost).update(dispatched_at=None)
