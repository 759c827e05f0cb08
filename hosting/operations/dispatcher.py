"""Turns pending operations into queue tasks of one UUID; the only place that signs a task."""

from collections.abc import Iterable

from django.conf import settings
from django.db import models
from django.db.models import Exists, OuterRef
from django.utils import timezone

from hosting.choices import NodeState, OperationState
from hosting.models import Operation
from hosting.transactions import retried

#: The one function that the queue may call.
TASK = "hosting.tasks.execute"
#: Tasks in the queue for each worker process: enough to keep it busy, few enough that none waits there for long.
_AHEAD = 4


def install_queue_key() -> None:
    """Give this process the queue's signing key (the worker only). Other processes keep one the worker refuses.

    Tasks then come through :class:`hosting.operations.queue_guard.GuardedBroker`, and the queue's own schedules, which
    may name any function, are not looked at.

    Raises:
        OSError: the key file can't be read here.
    """
    from django_q.conf import Conf  # reads settings when it is imported

    Conf.SECRET_KEY = settings.NPANEL_QUEUE_KEY_FILE.read_text().strip()
    Conf.BROKER_CLASS = "hosting.operations.queue_guard.GuardedBroker"
    Conf.SCHEDULER = False


def due() -> models.QuerySet[Operation]:
    """Pending operations that may go to the queue now: due, not there yet, node not paused, first of a free target."""
    same_target = Operation.objects.filter(target_key=OuterRef("target_key"))
    running = same_target.filter(state=OperationState.RUNNING)
    older = same_target.filter(state=OperationState.PENDING, created_at__lt=OuterRef("created_at"))
    return (
        Operation.objects.filter(state=OperationState.PENDING, dispatched_at=None)
        .exclude(not_before__gt=timezone.now())
        .exclude(node__state=NodeState.PAUSED)
        .filter(~Exists(running), ~Exists(older))
        .order_by("created_at")
    )


@retried
def dispatch() -> int:
    """Hand what is due to the queue, in the transaction that marks it.

    Returns:
        How many operations were handed over.
    """
    from django_q.tasks import async_task

    now = timezone.now()
    count = 0
    for operation_id in list(due().values_list("pk", flat=True)[: _room()]):
        if Operation.objects.filter(pk=operation_id, dispatched_at=None).update(dispatched_at=now):
            async_task(TASK, str(operation_id))
            count += 1
    return count


def queued_tasks() -> tuple[dict[str, list[int]], dict[str, list[int]]]:
    """What lies in the queue's table, each as operation id -> row ids: what waits there, and what a worker has taken.

    Rows that this process can't verify are left out.
    """
    from django_q.models import OrmQ
    from django_q.signing import SignedPackage

    from hosting.operations.queue_guard import refusal  # it imports this module

    waiting: dict[str, list[int]] = {}
    taken: dict[str, list[int]] = {}
    now = timezone.now()
    for row_id, payload, lock in OrmQ.objects.values_list("pk", "payload", "lock"):
        if not refusal(payload):
            found = waiting if lock <= now else taken  # taking a row locks it for the time until its redelivery
            found.setdefault(SignedPackage.loads(payload)["args"][0], []).append(row_id)
    return waiting, taken


def drop_tasks(row_ids: Iterable[int]) -> None:
    """Remove tasks from the queue's table."""
    from django_q.models import OrmQ

    OrmQ.objects.filter(pk__in=list(row_ids)).delete()


def _room() -> int:
    """How many more tasks the queue may hold."""
    queued = Operation.objects.filter(state=OperationState.PENDING, dispatched_at__isnull=False).count()
    return max(0, settings.NPANEL_WORKERS * _AHEAD - queued)
