"""Secondary name servers: others that fetch the zones of a node, and answer for them while it can't."""

import base64
import binascii
import ipaddress
import secrets
from collections.abc import Iterable

from django.db import transaction

from audit.actor import Actor
from hosting.choices import NodeState, OperationKind
from hosting.desired import dns_address
from hosting.errors import HostingError
from hosting.models import Node, Operation, Secondary
from hosting.operations.requests import request_operation
from hosting.sealing import seal, unseal
from hosting.services.validation import save_valid
from hosting.texts import N_

ALGORITHM = "hmac-sha256"
#: Bytes of a TSIG key: as long as HMAC-SHA256's digest, or what an operator brings (RFC 8945 §6).
KEY_BYTES, SHORTEST, LONGEST = 32, 16, 128


@transaction.atomic
def add_secondary(
    *,
    actor: Actor,
    node: Node,
    name: str,
    address: str = "",
    carrier: Node | None = None,
    key: str = "",
    wait_for_approval: bool = False,
    reason: str = "",
) -> Operation:
    """Have another name server fetch all zones of a node, with a TSIG key of its own.

    Both sides are set up by a bootstrap: that of the node, which is returned, and that of ``carrier``.

    Args:
        node: the primary, whose zones they are. name: the other one's host name.
        address: of a name server that is no node of ours. carrier: or the node of ours that it is.
        key: the TSIG key (HMAC-SHA256, base64) if the other side has one already; else one is made.

    Raises:
        HostingError: ``invalid``, ``wrong_state`` (a node is not ready), ``sealing_error``.
    """
    _check_ready(node, *([carrier] if carrier else []))
    row = Secondary(node=node, name=name.strip().lower().rstrip("."), carrier=carrier)
    row.address = _address(node, carrier, address.strip())
    row.key_sealed = seal(_key(key.strip()), row.seal_context)
    save_valid(row)
    wanted: dict[str, object] = {"secondary": row.name, "address": row.address}
    return _set_up(actor, row, wanted, wait_for_approval, reason)


@transaction.atomic
def remove_secondary(
    *, actor: Actor, secondary: Secondary, wait_for_approval: bool = False, reason: str = ""
) -> Operation:
    """Let a name server fetch the zones of a node no more. A node of ours forgets them as well.

    Raises:
        HostingError: ``wrong_state`` (a node is not ready), ``not_found`` (it is gone already).
    """
    row = Secondary.objects.select_for_update().filter(pk=secondary.pk).select_related("node", "carrier").first()
    if row is None:
        raise HostingError(N_("There is no such secondary name server any more."), code="not_found")
    _check_ready(row.node)
    wanted: dict[str, object] = {"secondary": row.name, "removed": True}
    row.delete()
    return _set_up(actor, row, wanted, wait_for_approval, reason)


def settings_of(row: Secondary) -> dict[str, str]:
    """What the other side has to be told, its key included (needs the worker's key).

    Raises:
        SealingError: this process may not open it.
    """
    return {
        "primary": dns_address(row.node),
        "catalog": row.node.catalog,
        "key_name": row.key_name,
        "algorithm": ALGORITHM,
        "key": unseal(row.key_sealed, row.seal_context),
    }


def is_set_up(row: Secondary) -> bool:
    """Whether the node gives its zones to it, as its latest bootstrap left it."""
    return row.key_name in row.node.transfer_keys


def _set_up(actor: Actor, row: Secondary, wanted: dict[str, object], wait: bool, reason: str) -> Operation:
    carriers: Iterable[Node] = [row.carrier] if row.carrier and row.carrier.state == NodeState.READY else []
    made = [
        request_operation(
            actor=actor,
            kind=OperationKind.BOOTSTRAP,
            node=node,
            wait_for_approval=wait,
            reason=reason,
            wanted={**wanted, "node": row.node.name},
        )
        for node in (row.node, *carriers)
    ]
    return made[0]


def _check_ready(*nodes: Node) -> None:
    for node in nodes:
        if node.state != NodeState.READY:
            raise HostingError(
                N_("The node %(name)s is not ready.", name=node.name),
                code="wrong_state",
                hint=N_("Bootstrap it first."),
            )


def _address(node: Node, carrier: Node | None, given: str) -> str:
    if (carrier is None) == (not given):
        raise HostingError(
            N_("Give the address of the name server, or one of your nodes that is to be it."),
            code="invalid",
            hint=N_("One of the two."),
            field="address",
        )
    if carrier is not None and carrier.pk == node.pk:
        raise HostingError(
            N_("A node can't be its own secondary."), code="invalid", hint=N_("Choose another node."), field="carrier"
        )
    found = dns_address(carrier) if carrier is not None else given
    if not found or not dns_address(node):
        raise HostingError(
            N_("A node without a public address has no secondary, and is none."),
            code="invalid",
            hint=N_("Give the node its IP addresses."),
            field="carrier",
        )
    return _checked(found)


def _checked(address: str) -> str:
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        found = None
    if found is None or getattr(found, "scope_id", None):
        raise HostingError(
            N_("%(address)s is not an IP address.", address=repr(address[:60])),
            code="invalid",
            hint=N_("Write it as 203.0.113.53 or 2001:db8::53."),
            field="address",
        )
    return str(found)


def _key(given: str) -> str:
    """A TSIG key in base64: the given one, or a new one."""
    if not given:
        return base64.b64encode(secrets.token_bytes(KEY_BYTES)).decode()
    try:
        length = len(base64.b64decode(given, validate=True))
    except (binascii.Error, ValueError):
        length = 0
    if not SHORTEST <= length <= LONGEST:
        raise HostingError(
            N_("The TSIG key is not base64 of %(least)s to %(most)s bytes.", least=SHORTEST, most=LONGEST),
            code="invalid",
            hint=N_("Leave it empty, and one is made."),
            field="key",
        )
    return given
