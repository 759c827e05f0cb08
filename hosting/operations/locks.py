"""Who may carry out an operation: claim by guarded UPDATE, lease with fencing token, and the signs of a dead worker."""

import os
import socket
from datetime import timedelta
from uuid import UUID

import psutil
from django.db import IntegrityError, models, transaction
from django.db.models.functions import Coalesce
from django.utils import timezone

from hosting.choices import OperationState, Phase
from hosting.errors import HostingError
from hosting.models import Operation
from hosting.transactions import retried

#: How long a lease lasts beyond the longest request that is under way, in seconds.
LEASE_MARGIN = 60.0


class LeaseLost(HostingError):
    """Another worker took the operation over; this one must not touch it any more."""

    code = "lease_lost"


def worker_name() -> str:
    """This process as ``host:pid:start``, so that a reused pid is not taken for the same worker."""
    return f"{socket.gethostname()}:{os.getpid()}:{int(psutil.Process().create_time())}"


def is_dead(owner: str) -> bool:
    """Whether a worker is certainly gone. Workers of other hosts are only known by their lease's end."""
    host, _colon, rest = owner.partition(":")
    pid, _colon, started = rest.partition(":")
    if host != socket.gethostname() or not pid.isdigit():
        return False
    try:
        process = psutil.Process(int(pid))
        return int(process.create_time()) != int(started or 0) or process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


@retried
def claim(operation_id: UUID) -> Operation | None:
    """Take a pending operation for this worker.

    Returns:
        The operation with its new fence, or None when it is not pending, not due, or its target is busy.
    """
    now = timezone.now()
    waiting = Operation.objects.filter(pk=operation_id, state=OperationState.PENDING).exclude(not_before__gt=now)
    try:
        with transaction.atomic():
            taken = waiting.update(
                state=OperationState.RUNNING,
                phase=models.Case(
                    models.When(phase=Phase.ROLLING_BACK, then=models.Value(Phase.ROLLING_BACK)),
                    default=models.Value(Phase.PLANNING),
                ),
                active_key=models.F("target_key"),
                lease_owner=worker_name(),
                lease_until=now + timedelta(seconds=LEASE_MARGIN),
                fence=models.F("fence") + 1,
                attempts=models.F("attempts") + 1,
                started_at=Coalesce("started_at", now),
            )
    except IntegrityError:  # another operation holds the target
        return None
    return _loaded(operation_id) if taken else None


@retried
def take_over(operation: Operation) -> Operation | None:
    """Take a running operation from a worker that is dead or whose lease has ended (None: somebody was faster)."""
    now = timezone.now()
    same = Operation.objects.filter(pk=operation.pk, state=OperationState.RUNNING, fence=operation.fence)
    taken = same.update(
        lease_owner=worker_name(),
        lease_until=now + timedelta(seconds=LEASE_MARGIN),
        fence=models.F("fence") + 1,
        attempts=models.F("attempts") + 1,
    )
    return _loaded(operation.pk) if taken else None


def guarded_update(operation: Operation, **values: object) -> None:
    """Write to an operation only while this worker holds it, and show the values on the instance.

    Raises:
        LeaseLost: another worker has it now.
    """
    held = Operation.objects.filter(pk=operation.pk, state=OperationState.RUNNING, fence=operation.fence)
    if not held.update(**values):
        raise LeaseLost(f"Operation {operation.pk} was taken over by another worker.")
    for name, value in values.items():
        setattr(operation, name, value)


def renew(operation: Operation, seconds: float) -> None:
    """Hold the lease for ``seconds`` more (and the margin); called before each batch with its longest duration."""
    guarded_update(operation, lease_until=timezone.now() + timedelta(seconds=seconds + LEASE_MARGIN))


def _loaded(operation_id: UUID) -> Operation:
    return Operation.objects.select_related("node", "service__plan", "service__node", "reverts").get(pk=operation_id)
