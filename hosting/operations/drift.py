"""The drift scan: a whole node against everything that is wanted on it, less what operations explain."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Q
from django.utils import timezone

from hosting.adapters.base import Scope, adapter_for
from hosting.choices import DriftState, NodeState, OperationState
from hosting.connections.base import Context
from hosting.desired import node_resources, service_resources
from hosting.models import DriftItem, HostingService, Node
from hosting.operations.nodes import connect
from hosting.operations.planner import observe, setup_goal
from hosting.sealing import seal
from hosting.state import Change, Ref, Resource, plan
from hosting.transactions import retried
from observability.context import current
from observability.logging import get_logger

#: How long a plan that nobody approves explains differences; after that they are drift again.
_PLANNED_FOR = timedelta(hours=1)
_BATCH = 100

log = get_logger("drift_scan")


@dataclass(frozen=True, slots=True)
class Explanations:
    """What may explain a node's differences, read once for a whole scan.

    Args:
        services: the node's services by their owner (the user name they hold).
        operations: what each operation that explains something is limited to (None: nothing), by its target.
    """

    node: Node
    services: Mapping[str, HostingService]
    operations: Mapping[str, Sequence[frozenset[str] | None]]

    def service_of(self, change: Change) -> HostingService | None:
        """The hosting service that a Resource belongs to, by its owner."""
        return self.services.get(change.resource.owner)

    def cover(self, change: Change) -> bool:
        """Whether an operation knows of it: one that runs, waits, ended during the scan, or failed and left it so."""
        service = self.service_of(change)
        if service is not None and {"*", str(change.ref)} & set(service.unsynced):
            return True
        target = f"node:{self.node.pk}" if service is None else f"service:{service.pk}"
        return any(refs is None or str(change.ref) in refs for refs in self.operations.get(target, ()))


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
    known = _explanations(node, began)
    items = _keep(known, [change for change in differences if not known.cover(change)])
    _forget_marks(known, differences, found, began)
    log.info("drift scan", node=node.name, status="success", found=len(items), seen=len(found))
    return items


def _explanations(node: Node, since: datetime) -> Explanations:
    """Read after the comparison, so that whatever happened during it counts."""
    busy = _under_way(since) | Q(state=OperationState.PLANNED, created_at__gte=since - _PLANNED_FOR)
    operations: dict[str, list[frozenset[str] | None]] = {}
    for target, refs in node.operations.filter(busy).values_list("target_key", "refs"):
        operations.setdefault(target, []).append(None if refs is None else frozenset(refs))
    services = node.services.exclude(username_key=None)
    return Explanations(node, {service.username: service for service in services}, operations)


def _under_way(since: datetime) -> Q:
    return Q(state__in=[OperationState.PENDING, OperationState.RUNNING]) | Q(finished_at__gte=since)


@retried
def _keep(known: Explanations, changes: Sequence[Change]) -> list[DriftItem]:
    now, node = timezone.now(), known.node
    Node.objects.select_for_update().only("pk").get(pk=node.pk)  # two scans at once would open one difference twice
    opened = {item.open_key: item for item in node.drift.filter(state=DriftState.OPEN)}
    seen: list[DriftItem] = []
    for change in changes:
        key = open_key(node, change.ref)
        item = opened.pop(key, None) or DriftItem(node=node, open_key=key, first_seen_at=now)
        _fill(item, known, change)
        item.last_seen_at = now
        seen.append(item)
    _save(seen)
    gone = node.drift.filter(pk__in=[item.pk for item in opened.values()])
    gone.update(state=DriftState.GONE, open_key=None, closed_at=now)
    Node.objects.filter(pk=node.pk).update(scanned_at=now, last_seen_at=now)
    # A ready node's note is a failed scan's; a paused one's says why it is paused.
    Node.objects.filter(pk=node.pk, state=NodeState.READY).exclude(note="").update(note="")
    return sorted(seen, key=lambda item: (item.first_seen_at, item.pk))


def _save(items: Sequence[DriftItem]) -> None:
    fields = ["service", "adapter", "kind", "key", "change", "diff", "last_seen_at"]
    DriftItem.objects.bulk_update([item for item in items if item.pk], fields, batch_size=_BATCH)
    DriftItem.objects.bulk_create([item for item in items if not item.pk], batch_size=_BATCH)


def open_key(node: Node, ref: Ref) -> str:
    """What makes an open difference one row."""
    return f"{node.pk}:{ref}"[:400]


def _fill(item: DriftItem, known: Explanations, change: Change) -> None:
    item.service = known.service_of(change)
    item.adapter = adapter_for(change.kind).kind
    item.kind, item.key = change.kind, change.key
    item.change = change.to_json(lambda value: seal(value, f"drift:{known.node.pk}"))
    item.diff = change.diff()


def _forget_marks(
    known: Explanations, differences: Sequence[Change], found: Mapping[Ref, Resource], since: datetime
) -> None:
    """Clear the "out of sync" of services whose Resources have come to be as wanted by another way."""
    left: dict[str, set[str]] = {}
    for change in differences:
        left.setdefault(change.resource.owner, set()).add(str(change.ref))
    for owner, service in known.services.items():
        if _as_wanted(service, left.get(owner, set())):
            mine = {ref: resource for ref, resource in found.items() if resource.owner == owner}
            _forget_marks_of(service, mine, since)


def _as_wanted(service: HostingService, left: set[str]) -> set[str]:
    """Which of a service's marks the differences that are left don't bear out."""
    marks = set(service.unsynced)
    if "*" in marks:
        return set() if left else marks
    return marks - left


@retried
def _forget_marks_of(service: HostingService, found: Mapping[Ref, Resource], since: datetime) -> None:
    """Compare once more under the lock: what is wanted, or who works on it, may have changed since the scan did."""
    row = HostingService.objects.select_for_update().get(pk=service.pk)
    if row.operations.filter(_under_way(since)).exists():
        return
    left = {str(change.ref) for change in plan(found, service_resources(row)).changes}
    row.mark_synced(_as_wanted(row, left))
    row.save(update_fields=["unsynced", "out_of_sync"])
