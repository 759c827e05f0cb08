"""Nodes: add, pin, bootstrap."""

import base64
import hashlib
import ipaddress
import secrets
from collections.abc import Iterable
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.translation import gettext_lazy as _

from audit.actor import Actor
from audit.choices import Outcome
from audit.record import record
from audit.spool import waiting
from hosting.choices import ConnectionKind, NodeState, OperationKind
from hosting.connections.base import MakeDirectory, Read, Steps, Write, perform
from hosting.connections.ssh import SSHConnection, scan_host_key
from hosting.errors import HostingError
from hosting.models import Node, Operation
from hosting.operations.discovery import discover
from hosting.operations.nodes import connect, secret_context, ssh_context
from hosting.operations.planner import make_plan, setup_goal
from hosting.operations.requests import request_operation
from hosting.sealing import seal
from hosting.services.validation import save_valid, validated
from hosting.state import Plan
from hosting.texts import N_
from hosting.validators import validate_domain
from hosting.verbs import NODE_ADD, NODE_AUTHORIZE, NODE_PIN, NODE_RESUME

#: Secrets that every node has, made once and sealed to the worker.
NODE_SECRETS = ("powerdns_api_key",)


@transaction.atomic
def add_node(
    *,
    actor: Actor,
    name: str,
    address: str,
    ssh_port: int = 22,
    ssh_user: str = "root",
    connection: str = ConnectionKind.SSH,
    host_keys: str = "",
    public_addresses: Iterable[str] = (),
    nameservers: Iterable[str] = (),
) -> Node:
    """Add a server. NPanel makes a key pair of its own for it; ``node.public_key`` goes into its authorized_keys.

    Raises:
        HostingError: ``invalid`` (name taken, bad address, bad host key), ``sealing_error`` (no worker key).
    """
    node = Node(
        name=name.strip().lower(),
        address=address.strip(),
        ssh_port=ssh_port,
        ssh_user=ssh_user,
        connection=connection,
        host_keys=host_keys.strip(),
        public_addresses=list(public_addresses),
        nameservers=[server.strip().lower().rstrip(".") for server in nameservers],
    )
    with validated():
        _check_lists(node)
    _give_keys(node)
    save_valid(node)
    record(
        verb=NODE_ADD,
        actor=actor,
        target=node,
        outcome=Outcome.SUCCEEDED,
        after={"address": node.address, "port": node.ssh_port, "connection": node.connection},
        node=node.name,
    )
    return node


def _check_lists(node: Node) -> None:
    """What stands in lists has no field validator; a bad name server would break every zone of the node."""
    for address in node.public_addresses:
        try:
            if getattr(ipaddress.ip_address(address), "scope_id", None):
                raise ValueError("an address with a zone is no public one")
        except ValueError as error:
            raise ValidationError(
                {
                    "public_addresses": ValidationError(
                        _("%(address)s is not an IP address."), params={"address": repr(address[:60])}
                    )
                }
            ) from error
    for server in node.nameservers:
        try:
            validate_domain(server)
        except ValidationError as error:
            raise ValidationError({"nameservers": error}) from error


def _give_keys(node: Node) -> None:
    key = Ed25519PrivateKey.generate()
    private = key.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption()).decode()
    public = key.public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).decode()
    node.private_key_sealed = seal(private, ssh_context(node))
    node.public_key = f"{public} npanel-{node.name}"
    node.secrets_sealed = {name: seal(secrets.token_hex(24), secret_context(node, name)) for name in NODE_SECRETS}


def scan_host_keys(*, address: str, port: int) -> list[str]:
    """Ask a server for its host keys, for a person to compare; nothing is trusted by this.

    Raises:
        ConnectionFailed: it can't be reached.
    """
    return scan_host_key(address, port, timeout=10.0)


def fingerprint(host_key: str) -> str:
    """A host key's fingerprint as ``ssh-keygen -l`` prints it: ``SHA256:`` and unpadded base64."""
    digest = hashlib.sha256(base64.b64decode(host_key.split()[1])).digest()
    return "SHA256:" + base64.b64encode(digest).decode().rstrip("=")


def authorize_key(*, actor: Actor, node: Node, identity: str) -> None:
    """Put NPanel's own key into a node's authorized_keys, signing in once with a key that may already.

    Args:
        identity: an OpenSSH private key; it is used once and not kept.

    Raises:
        ConnectionFailed: it can't be reached, or refuses the key.
    """
    connection = SSHConnection(
        host=node.address,
        port=node.ssh_port,
        username=node.ssh_user,
        private_key=identity,
        host_key=node.host_keys,
    )
    try:
        perform(connection, _authorize(node))
    finally:
        connection.close()
    record(verb=NODE_AUTHORIZE, actor=actor, target=node, outcome=Outcome.SUCCEEDED, node=node.name)


def _authorize(node: Node) -> Steps[None]:
    home = "/root" if node.ssh_user == "root" else f"/home/{node.ssh_user}"
    path, owner = f"{home}/.ssh/authorized_keys", node.ssh_user
    (known,) = yield [Read(path)]
    lines = known.data.decode().splitlines()
    if node.public_key in lines:
        return
    data = "\n".join([*lines, node.public_key, ""]).encode()
    yield [MakeDirectory(f"{home}/.ssh", 0o700, owner, owner), Write(path, data, 0o600, owner, owner)]


def check_node(*, node: Node) -> tuple[dict[str, Any], Plan]:
    """Reach a node, learn what it is, and compare its setup with what is wanted (needs the worker's key).

    Raises:
        HostingError: it can't be reached or asked.
    """
    connection = connect(node)
    facts = discover(node, connection)
    return facts, make_plan(connection, setup_goal(node))


@transaction.atomic
def pin_host_keys(*, actor: Actor, node: Node, host_keys: str) -> None:
    """Trust these host keys of a server from now on, and no others.

    Raises:
        HostingError: ``invalid``.
    """
    before, node.host_keys = node.host_keys, host_keys.strip()
    save_valid(node)
    record(
        verb=NODE_PIN,
        actor=actor,
        target=node,
        outcome=Outcome.SUCCEEDED,
        before={"host_keys": before},
        after={"host_keys": node.host_keys},
        node=node.name,
    )


@transaction.atomic
def resume_node(*, actor: Actor, node: Node) -> None:
    """Let operations run on a paused node again.

    Raises:
        HostingError: ``wrong_state``, ``audit_waiting`` (spooled events are not in the audit log yet).
    """
    if node.state != NodeState.PAUSED:
        raise HostingError(N_("The node %(name)s is not paused.", name=node.name), code="wrong_state")
    if waiting():
        raise HostingError(
            N_("Audit events still wait on this machine."),
            code="audit_waiting",
            hint=N_("Run manage.py audit_replay first."),
        )
    node.state, node.note = NodeState.READY, ""
    node.save(update_fields=["state", "note"])
    record(verb=NODE_RESUME, actor=actor, target=node, outcome=Outcome.SUCCEEDED, node=node.name)


def bootstrap_node(*, actor: Actor, node: Node, wait_for_approval: bool = False, reason: str = "") -> Operation:
    """Make a server ready for hosting services: packages, daemons' configuration, units. Can be run again."""
    return request_operation(
        actor=actor,
        kind=OperationKind.BOOTSTRAP,
        node=node,
        wait_for_approval=wait_for_approval,
        reason=reason,
    )
