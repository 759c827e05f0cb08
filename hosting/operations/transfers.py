"""Which name servers fetch a node's zones, or have theirs fetched by it, as the node is told at its bootstrap."""

import json
from typing import Any

from hosting.choices import OperationKind
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
    """From a bootstrap on, zones of the node are for the secondaries that there were when it was planned."""
    node = operation.node
    if node is None or operation.kind != OperationKind.BOOTSTRAP or operation.started_at is None:
        return
    planned = Secondary.objects.filter(node=node, created_at__lt=operation.started_at).select_related("node")
    Node.objects.filter(pk=node.pk).update(transfer_keys=sorted(row.key_name for row in planned))


def _key(row: Secondary) -> dict[str, Any]:
    return {"name": row.key_name, "secret": unseal(row.key_sealed, row.seal_context)}
