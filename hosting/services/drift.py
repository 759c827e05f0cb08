"""Drift: look for it, repair it, adopt it."""

from audit.actor import Actor
from audit.choices import Outcome
from audit.record import record
from hosting.choices import DriftState, OperationKind
from hosting.errors import HostingError
from hosting.models import DriftItem, Node, Operation
from hosting.operations import drift
from hosting.operations.doorbell import ring
from hosting.operations.requests import request_operation
from hosting.state import DaemonUnit, NodeFile, NodeLink, Package, Ref
from hosting.texts import N_, Text
from hosting.transactions import retried
from hosting.translated import shown
from hosting.verbs import DRIFT_ADOPT

_SETUP_KINDS = (Package.kind, NodeFile.kind, NodeLink.kind, DaemonUnit.kind)


def scan_node(*, actor: Actor, node: Node) -> list[DriftItem]:
    """Compare a whole node with what is wanted, now and here (needs the worker's key).

    Raises:
        HostingError: the node can't be observed.
    """
    return drift.scan(node)


def request_scan(*, actor: Actor, node: Node) -> None:
    """Have the worker scan a node soon."""
    Node.objects.filter(pk=node.pk).update(scanned_at=None)
    ring()


@retried
def repair(*, actor: Actor, item: DriftItem, wait_for_approval: bool = False) -> Operation:
    """Make the node as wanted again, for this one difference.

    Raises:
        HostingError: ``wrong_state`` (it is not open any more).
    """
    _check_open(item)
    setup = item.kind in _SETUP_KINDS
    operation = request_operation(
        actor=actor,
        kind=OperationKind.BOOTSTRAP if setup else OperationKind.REPAIR,
        node=item.node,
        service=item.service,
        refs=None if setup else [Ref(item.kind, item.key)],
        wait_for_approval=wait_for_approval,
        wanted={"repair": f"{item.kind}:{item.key}"},
    )
    _close(item, DriftState.REPAIRED, actor, operation)
    return operation


@retried
def adopt(*, actor: Actor, item: DriftItem) -> DriftItem:
    """Take what the node has for what is wanted, for this one difference.

    The difference is closed; when the operation fails, the next scan opens it again as a new item.

    Raises:
        HostingError: ``wrong_state``, ``not_adoptable`` (the node's own files, a Resource of no service, or one that
            was edited by hand).
    """
    _check_open(item)
    if item.service is None:
        raise _not_adoptable(item, N_("belongs to no hosting service, so there is nothing that could adopt it"))
    if (item.change.get("before") or {}).get("edited"):
        raise _not_adoptable(item, N_("was edited by hand in a way that no setting could hold"))
    operation = request_operation(
        actor=actor,
        kind=OperationKind.ADOPT,
        node=item.node,
        service=item.service,
        refs=[Ref(item.kind, item.key)],
        wanted={"adopt": f"{item.kind}:{item.key}"},
    )
    record(
        verb=DRIFT_ADOPT,
        actor=actor,
        target=item.service,
        outcome=Outcome.REQUESTED,
        after={"adopt": f"{item.kind}:{item.key}", "diff": item.diff},
        operation_id=str(operation.pk),
        node=item.node.name,
    )
    _close(item, DriftState.ADOPTED, actor, operation)
    return item


def _not_adoptable(item: DriftItem, reason: Text) -> HostingError:
    return HostingError(
        N_("%(ref)s %(reason)s.", ref=f"{item.kind}:{item.key}", reason=reason),
        code="not_adoptable",
        hint=N_("Repair it, or leave it as it is."),
    )


def _check_open(item: DriftItem) -> None:
    if item.state != DriftState.OPEN:
        raise HostingError(
            N_("This difference is %(state)s already.", state=shown(item, "state")),
            code="wrong_state",
            hint=N_("Scan the node again."),
        )


def _close(item: DriftItem, state: DriftState, actor: Actor, operation: Operation) -> None:
    item.state, item.open_key, item.operation = state, None, operation
    item.closed_at, item.closed_by = operation.created_at, actor.login
    item.save()
