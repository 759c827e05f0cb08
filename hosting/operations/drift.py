"""The drift scan: a whole node against everything that is wanted on it, less what operations explain."""

from collections.abc import Iterable, Mapping

from django.db.models import Q
from django.utils import timezone

from hosting.adapters.base import Scope, adapter_for
from hosting.choices import DriftState, OperationState
from hosting.connections.base import Context
from hosting.desired import node_resources
from hosting.models import DriftItem, HostingService, Node, Operation
from hosting.operations.nodes import connect
from hosting.operations.planner import observe, setup_goal
from hosting.sealing import seal
from hosting.state import Change, Ref, plan
from hosting.transactions import retried
from observability.context import current
from observability.logging import get_logger

log = get_logger("drift_scan")


def scan(node: Node) -> list[DriftItem]:
    """Compare a node with what is wanted and keep the differences as open drift (worker only).

    Returns:
        The open items, oldest first.

    Raises:
        HostingError: the node can't be observed; what was known stays.
    """
    began = timezone.now()
    setup = setup_goal(node)
    connection, context = connect(node), Context(trace_id=current().trace_id)
    found = observe(connection, Scope(setup.scope.facts), context) | observe(connection, setup.scope, context)
    differences = plan(found, {**node_resources(node), **setup.wanted}).changes
    items = _keep(node, [change for change in differences if not _explained(node, change, began)])
    log.info("drift scan", node=node.name, status="success", found=len(items), seen=len(found))
    return items


def _explained(node: Node, change: Change, since: object) -> bool:
    """Whether an operation knows of it: one that runs, waits, ended during the scan, or failed and left it so."""
    service = service_of(node, change)
    if service is None:
        target = f"node:{node.pk}"
    else:
        if "*" in service.unsynced or str(change.ref) in service.unsynced:
            return True
        target = f"service:{service.pk}"
    busy = Q(state__in=[OperationState.PENDING, OperationState.PLANNED, OperationState.RUNNING]) | Q(
        finished_at__gte=since
    )
    return Operation.objects.filter(busy, target_key=target).exists()


def service_of(node: Node, change: Change) -> HostingService | None:
    """The hosting service that a Resource belongs to, by its owner."""
    owner = change.resource.owner
    return HostingService.objects.filter(node=node, username_key=owner).first() if owner else None


@retried
def _keep(node: Node, changes: Iterable[Change]) -> list[DriftItem]:
    now = timezone.now()
    known: Mapping[str, DriftItem] = {item.open_key or "": item for item in node.drift.filter(state=DriftState.OPEN)}
    seen: list[DriftItem] = []
    for change in changes:
        key = open_key(node, change.ref)
        item = known.get(key) or DriftItem(node=node, open_key=key, first_seen_at=now)
        _fill(item, node, change)
        item.last_seen_at = now
        item.save()
        seen.append(item)
    gone = node.drift.filter(state=DriftState.OPEN).exclude(pk__in=[item.pk for item in seen])
    gone.update(state=DriftState.GONE, open_key=None, closed_at=now)
    Node.objects.filter(pk=node.pk).update(scanned_at=now, last_seen_at=now)
    return seen


def open_key(node: Node, ref: Ref) -> str:
    """What makes an open difference one row."""
    return f"{node.pk}:{ref}"[:400]


def _fill(item: DriftItem, node: Node, change: Change) -> None:
    item.service = service_of(node, change)
    item.adapter = adapter_for(change.kind).kind
    item.kind, item.key = change.kind, change.key
    item.change = change.to_json(lambda value: seal(value, f"drift:{node.pk}"))
    item.diff = change.diff()
