"""Which name servers fetch a node's zones, or have theirs fetched by it, as the node is told at its bootstrap."""

import json
from typing import Any

from hosting.choices import OperationKind, OperationState
from hosting.desired import dns_address
from hosting.models import Node, Operation, Secondary
from hosting.sealing import unseal


def transfer_secrets(node: Node) -> dict[str, str]:
    """What the node's name server has to know about secondaries, TSIG keys included (worker only)."""
    mine = Secondary.objects.filter(node=node).select_related("node")
    others = Secondary.objects.filter(carrier=node).select_related("node")
    told = {
        "catalog": node.catalog,
        "keys": [_key(row) for row in mine],
        "follows": [_key(row) | {"catalog": row.node.catalog, "address": dns_address(row.node)} for row in others],
    }
    return {"dns_transfers": json.dumps(told, sort_keys=True)}


def note_transfers(operation: Operation) -> None:
    """From a bootstrap on, zones of the node are for the secondaries that there were when it was planned.

    Once it is taken back, they are for those of the one before: the node has no keys of others.
    """
    node, reverted = operation.node, operation.reverts
    told: Operation | None = operation
    if reverted is not None and reverted.kind == OperationKind.BOOTSTRAP:
        told = _before(reverted)
    elif operation.kind != OperationKind.BOOTSTRAP:
        return
    if node is None:
        return
    rows, since = Secondary.objects.filter(node=node).select_related("node"), told.started_at if told else None
    planned = rows.none() if since is None else rows.filter(created_at__lt=since)
    Node.objects.filter(pk=node.pk).update(transfer_keys=sorted(row.key_name for row in planned))


def _before(bootstrap: Operation) -> Operation | None:
    """The bootstrap of the same node before this one that stays as it was."""
    done = Operation.objects.filter(node=bootstrap.node, kind=OperationKind.BOOTSTRAP, state=OperationState.SUCCEEDED)
    earlier = done.filter(created_at__lt=bootstrap.created_at).exclude(reverted_by__state=OperationState.SUCCEEDED)
    return earlier.order_by("-created_at").first()


def _key(row: Secondary) -> dict[str, Any]:
    return {"name": row.key_name, "secret": unseal(row.key_sealed, row.seal_context)}
