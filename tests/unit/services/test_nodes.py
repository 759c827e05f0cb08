"""Nodes: added with keys of their own, trusted by pinned keys only, made ready through the road."""

from typing import Any

import pytest

from audit.models import Event
from hosting.choices import NodeState
from hosting.errors import HostingError
from hosting.models import Node
from hosting.operations.nodes import node_secrets, ssh_context
from hosting.sealing import unseal
from hosting.services.nodes import add_node, check_node, fingerprint, pin_host_keys
from tests.people import operator
from tests.unit.services.world import World, snapshot

pytestmark = pytest.mark.django_db
HOST_KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIEtq1yQn2w0mSXR7sXFQ2h9cXJNpG0F7d1kqz0KkVvxh"


def test_a_node_gets_keys_of_its_own_that_only_the_worker_reads() -> None:
    node = add_node(actor=operator(), name=" Web-1 ", address=" 192.0.2.1 ", nameservers=["NS1.Panel.Test."])
    assert (node.name, node.address, node.nameservers) == ("web-1", "192.0.2.1", ["ns1.panel.test"])
    assert node.public_key.startswith("ssh-ed25519 ") and node.public_key.endswith(" npanel-web-1")
    assert "PRIVATE" in unseal(node.private_key_sealed, ssh_context(node))
    assert "PRIVATE" not in node.private_key_sealed
    assert len(node_secrets(node)["powerdns_api_key"]) == 48
    other = add_node(actor=operator(), name="web-2", address="192.0.2.2")
    assert other.public_key != node.public_key and node_secrets(other) != node_secrets(node)


def test_the_event_holds_no_secret() -> None:
    node = add_node(actor=operator(), name="web-1", address="192.0.2.1")
    event = Event.objects.get(verb="node.add")
    assert event.after == {"address": "192.0.2.1", "port": 22, "connection": "ssh"}
    assert node.state == NodeState.NEW


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"name": "Web 1"}, "name"),
        ({"name": "taken"}, "name"),
        ({"name": ""}, "name"),
        ({"address": ""}, "address"),
        ({"address": "192.0.2.1; id"}, "address"),
        ({"address": "-oProxyCommand=id"}, "address"),
        ({"address": "fe80::1%eth0\nx"}, "address"),
        ({"ssh_port": 0}, "ssh_port"),
        ({"ssh_port": 65536}, "ssh_port"),
        ({"ssh_user": "root;id"}, "ssh_user"),
        ({"connection": "telnet"}, "connection"),
        ({"host_keys": "not a key"}, "host_keys"),
        ({"public_addresses": ["192.0.2.1", "example.com"]}, "public_addresses"),
        ({"public_addresses": ["fe80::1%eth0"]}, "public_addresses"),
        ({"nameservers": ["ns1.panel.test", "ns 2"]}, "nameservers"),
        ({"nameservers": ["ns1"]}, "nameservers"),
        ({"nameservers": ["192.0.2.1"]}, "nameservers"),
    ],
)
def test_a_bad_node_is_refused(fields: dict[str, Any], field: str) -> None:
    add_node(actor=operator(), name="taken", address="192.0.2.9")
    before = snapshot()
    with pytest.raises(HostingError) as refusal:
        add_node(actor=operator(), **{"name": "web-1", "address": "192.0.2.1"} | fields)
    assert (refusal.value.code, refusal.value.field) == ("invalid", field), refusal.value.detail
    assert snapshot() == before


def test_host_keys_are_pinned_and_audited() -> None:
    node = add_node(actor=operator(), name="web-1", address="192.0.2.1")
    pin_host_keys(actor=operator(), node=node, host_keys=f"  {HOST_KEY}\n")
    assert Node.objects.get().host_keys == HOST_KEY
    event = Event.objects.get(verb="node.pin_host_keys")
    assert FINGERPRINT in event.after["host_keys"] and event.before == {"host_keys": ""}
    with pytest.raises(HostingError):
        pin_host_keys(actor=operator(), node=node, host_keys="ssh-rsa nonsense")
    assert Node.objects.get().host_keys == HOST_KEY


def test_the_fingerprint_is_what_ssh_keygen_shows() -> None:
    # printf '%s\n' "$HOST_KEY" | ssh-keygen -lf -
    assert fingerprint(HOST_KEY) == FINGERPRINT


FINGERPRINT = "SHA256:01qxyLhWdDbjEqY6NJ3tyCe3e9cIdndEnKJAV6yq9Kg"


def test_a_bootstrapped_node_is_ready_and_needs_nothing(world: World) -> None:
    assert world.node.state == NodeState.READY
    assert world.node.php_versions == ["8.4", "8.2"]
    facts, setup = check_node(node=world.node)
    assert facts["cpus"] >= 1 and not setup


def test_versions_are_ordered_as_numbers() -> None:
    versions = ["8.9", "8.10", "7.4"]
    node = Node(name="a", facts={"discovered": {"php_fpm": {"versions": versions}}})
    assert node.php_versions == ["8.10", "8.9", "7.4"]
