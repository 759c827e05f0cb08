"""Fixtures of the contract tests: one lab node for the session, a connection to it, and what is known of it."""

import secrets
from collections.abc import Iterator

import pytest

import hosting.adapters  # noqa: F401  (registers every adapter)
from hosting.adapters.base import NodeFacts
from hosting.connections.base import Connection
from hosting.connections.ssh import SSHConnection
from tests.contract.contract import SetUp, bootstrap
from tests.lab.fixtures import fresh_node, lab, lab_node  # noqa: F401
from tests.lab.nodes import Node


@pytest.fixture(scope="session")
def node(lab_node: Node) -> Node:  # noqa: F811
    """The session's lab node."""
    return lab_node


@pytest.fixture(scope="session")
def connection(node: Node) -> Iterator[Connection]:
    """A connection to the node over SSH, with its host key pinned."""
    connection = SSHConnection(node.address, private_key=node.key_path.read_text(), host_key=node.host_key)
    yield connection
    connection.close()


@pytest.fixture(scope="session")
def set_up(node: Node, connection: Connection) -> SetUp:
    """A function that bootstraps the node for adapters of the given kinds (once each) and returns what is known of it.

    ``set_up("system_user", "nginx")``; node_setup itself and its packages need no naming.
    """
    bare = NodeFacts(
        name=node.name,
        hostname=f"{node.name}.npanel.test",
        address=node.address,
        addresses=(node.address,),
        nameservers=("ns1.npanel.test", "ns2.npanel.test"),
        secrets={"powerdns_api_key": secrets.token_hex(16)},
    )
    known: dict[tuple[str, ...], NodeFacts] = {}

    def prepare(*kinds: str) -> NodeFacts:
        if kinds not in known:
            known[kinds] = bootstrap(connection, bare, kinds)
        return known[kinds]

    return prepare
