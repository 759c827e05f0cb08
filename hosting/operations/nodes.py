"""Opens connections to nodes with the secrets that only the worker has; one kept connection a node and process."""

import os
import threading
from collections.abc import Callable

from hosting.choices import ConnectionKind
from hosting.connections.base import Connection
from hosting.connections.local import LocalConnection
from hosting.connections.ssh import SSHConnection
from hosting.models import Node
from hosting.sealing import unseal

_kept: dict[tuple[int, int, str], Connection] = {}
_lock = threading.Lock()


def ssh_context(node: Node) -> str:
    """What a node's private key is sealed for."""
    return f"node:{node.name}:ssh"


def secret_context(node: Node, name: str) -> str:
    """What one of a node's other secrets is sealed for."""
    return f"node:{node.name}:secret:{name}"


def node_secrets(node: Node) -> dict[str, str]:
    """The node's secrets, opened (worker only)."""
    return {name: unseal(value, secret_context(node, name)) for name, value in node.secrets_sealed.items()}


def _open(node: Node) -> Connection:
    if node.connection == ConnectionKind.LOCAL:
        return LocalConnection()
    return SSHConnection(
        host=node.address,
        port=node.ssh_port,
        username=node.ssh_user,
        private_key=unseal(node.private_key_sealed, ssh_context(node)),
        host_key=node.host_keys,
    )


#: How a connection is made. Tests put a fake node here: the one seam that is faked.
opener: Callable[[Node], Connection] = _open


def connect(node: Node) -> Connection:
    """The process's connection to a node, opened on first use and after a fork.

    Raises:
        ConnectionFailed: (a subclass, at first use) the node can't be reached.
        SealingError: this process may not open the node's key.
    """
    identity = f"{node.connection}:{node.address}:{node.ssh_port}:{node.ssh_user}:{hash(node.host_keys)}"
    key = (os.getpid(), node.pk, identity)
    with _lock:
        if key not in _kept:
            _forget_other_keys(node)
            _kept[key] = opener(node)
        return _kept[key]


def disconnect_all() -> None:
    """Close this process's connections (end of a worker, between tests)."""
    with _lock:
        for (pid, _node, _identity), connection in list(_kept.items()):
            if pid == os.getpid():
                connection.close()
        _kept.clear()


def _forget_other_keys(node: Node) -> None:
    """Drop connections of a parent process (never closed here: they are the parent's) or to an old address."""
    for key in [k for k in _kept if k[1] == node.pk]:
        connection = _kept.pop(key)
        if key[0] == os.getpid():
            connection.close()
