"""Who may carry out an operation: claim by guarded UPDATE, lease with fencing token, and the signs of a dead worker."""

import functools
import os
import socket
from datetime import timedelta
from pathlib import Path
from uuid import UUID

from django.db import IntegrityError, models, transaction
from django.db.models import Exists, OuterRef
from django.db.models.functions import Coalesce
from django.utils import timezone

from hosting.choices import NodeState, OperationState, Phase
from hosting.errors import HostingError
from hosting.models import Node, Operation
from hosting.texts import N_
from hosting.transactions import retried

#: How long a lease lasts beyond the longest request that is under way, in seconds.
LEASE_MARGIN = 60.0


class LeaseLost(HostingError):
    """Another worker took the operation over; this one must not touch it any more."""

    code = "lease_lost"


def worker_name() -> str:
    """This process as ``host:pid:boot-start``, so that a reused pid is not taken for the same worker.

    Boot id and start in clock ticks since that boot, never the time of day: a clock that is set would make living
    workers look dead.
    """
    pid = os.getpid()
    return f"{socket.gethostname()}:{pid}:{_birth(pid)}"


def is_dead(owner: str) -> bool:
    """Whether a worker is certainly gone. Workers of other hosts are only known by their lease's end."""
    host, _colon, rest = owner.partition(":")
    pid, _colon, birth = rest.partition(":")
    if host != socket.gethostname() or not pid.isdecimal():
        return False
    try:
        return _birth(int(pid)) != birth
    except (FileNotFoundError, ProcessLookupError):
        return not _is_there(int(pid))
    except PermissionError:
        return False


def _birth(pid: int) -> str:
    """``boot-start`` of a process, "" when only its zombie is left.

    Fields of ``/proc/PID/stat`` (proc_pid_stat(5)) are counted after the last ``)``: the name before it may hold
    anything. Field 3 is the state, field 22 the start in clock ticks since the boot.

    Raises:
        OSError: there is no such process, or it can't be seen.
    """
    fields = Path(f"/proc/{pid}/stat").read_text(errors="replace").rpartition(")")[2].split()
    return "" if fields[0] in ("Z", "X") else f"{_boot()}-{fields[19]}"


@functools.cache
def _boot() -> str:
    """The first eight characters of this boot's id (random(4))."""
    return Path("/proc/sys/kernel/random/boot_id").read_text().strip()[:8]


def _is_there(pid: int) -> bool:
    """Whether a process exists that /proc does not show (it may be mounted with hidepid)."""
    try:
        os.kill(pid, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:
        return True
    return True


@retried
def claim(operation_id: UUID) -> Operation | None:
    """Take a pending operation for this worker.

    Returns:
        The operation with its new fence, or None when it is not pending, not due, its node is paused, or its target
        is busy.
    """
    now = timezone.now()
    # A subquery, not a join: joined, MySQL would choose the rows first and update them without looking again.
    paused = Node.objects.filter(pk=OuterRef("node_id"), state=NodeState.PAUSED)
    pending = Operation.objects.filter(~Exists(paused), pk=operation_id, state=OperationState.PENDING)
    waiting = pending.exclude(not_before__gt=now)
    try:
        with transaction.atomic():
            taken = waiting.update(
                state=OperationState.RUNNING,
                phase=_unless_rolling_back(Phase.PLANNING),
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


@retried
def release_orphan(operation: Operation) -> bool:
    """Put a running operation of a dead worker back into the queue (False: somebody was faster).

    Whoever claims it goes on from its journal, or takes it back if that was begun; the claim counts the attempt.
    """
    same = Operation.objects.filter(pk=operation.pk, state=OperationState.RUNNING, fence=operation.fence)
    released = same.update(
        state=OperationState.PENDING,
        phase=_unless_rolling_back(Phase.QUEUED),
        active_key=None,
        lease_owner="",
        lease_until=None,
        dispatched_at=None,
        not_before=None,
        fence=models.F("fence") + 1,
    )
    return bool(released)


def guarded_update(operation: Operation, **values: object) -> None:
    """Write to an operation only while this worker holds it, and show the values on the instance.

    Raises:
        LeaseLost: another worker has it now.
    """
    held = Operation.objects.filter(pk=operation.pk, state=OperationState.RUNNING, fence=operation.fence)
    if not held.update(**values):
        raise LeaseLost(N_("Operation %(pk)s was taken over by another worker.", pk=operation.pk))
    for name, value in values.items():
        setattr(operation, name, value)


def renew(operation: Operation, seconds: float) -> None:
    """Hold the lease for ``seconds`` more (and the margin); called before each batch with its longest duration."""
    guarded_update(operation, lease_until=timezone.now() + timedelta(seconds=seconds + LEASE_MARGIN))


def _unless_rolling_back(phase: Phase) -> models.Case:
    """``phase``, but what was being taken back stays so."""
    kept = models.When(phase=Phase.ROLLING_BACK, then=models.Value(Phase.ROLLING_BACK))
    return models.Case(kept, default=models.Value(phase))


def _loaded(operation_id: UUID) -> Operation:
    return Operation.objects.select_related("node", "service__plan", "service__node", "reverts").get(pk=operation_id)
