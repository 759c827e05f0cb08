"""Secondaries: added and removed with both bootstraps, zones that follow, rollbacks, refusals, and all doors."""

import base64
import json
from typing import Any

import pytest

from accounts.choices import MemberAccess
from audit.models import Event
from hosting.adapters.powerdns import setup
from hosting.choices import NodeState, OperationKind, OperationState
from hosting.connections.base import Read
from hosting.connections.fake_node import FakeNode
from hosting.errors import HostingError
from hosting.models import Domain, DriftItem, JournalEntry, Node, Operation, Secondary
from hosting.operations import nodes
from hosting.sealing import unseal
from hosting.services.dns import add_record
from hosting.services.drift import scan_node
from hosting.services.nodes import add_node, bootstrap_node
from hosting.services.operations import rollback_operation
from hosting.services.secondaries import add_secondary, is_set_up, remove_secondary
from hosting.services.sites import add_domain
from tests import people
from tests.unit.api.caller import Caller, code
from tests.unit.commands.conftest import Manage, manage
from tests.unit.services.world import World, snapshot

__all__ = ["manage"]

pytestmark = pytest.mark.django_db
NAME, ADDRESS = "ns2.example.net", "192.0.2.53"


@pytest.fixture
def second(world: World) -> tuple[Node, FakeNode]:
    """Another node of ours, with a server of its own."""
    server = FakeNode(php=("8.2",))
    node = add_node(actor=world.actor, name="fake2", address="192.0.2.2", public_addresses=["192.0.2.2"])
    servers = {world.node.pk: world.server, node.pk: server}
    nodes.opener = lambda row: servers[row.pk]
    done = world.run(bootstrap_node(actor=world.actor, node=node))
    assert done.state == OperationState.SUCCEEDED, done.error
    node.refresh_from_db()
    return node, server


def add(world: World, **data: Any) -> Secondary:
    add_secondary(actor=world.actor, **{"node": world.node, "name": NAME, "address": ADDRESS} | data)
    done = world.work()
    assert {operation.state for operation in done} == {OperationState.SUCCEEDED}, [one.error for one in done]
    world.node.refresh_from_db()
    return Secondary.objects.select_related("node").get(name=data.get("name", NAME))


def text_of(server: FakeNode, path: str) -> str:
    (reply,) = server.batch([Read(path)])
    assert not isinstance(reply, HostingError)
    return reply.text


def told(server: FakeNode) -> dict[str, Any]:
    data: dict[str, Any] = json.loads(text_of(server, setup.TRANSFERS))
    return data


def shared(world: World, name: str = "example.com") -> tuple[str, str, list[str]]:
    data = world.server.powerdns.zones[f"{name}."]
    return data["kind"], data["catalog"], data["master_tsig_key_ids"]


def test_zones_are_shared_from_then_on_and_secondaries_are_told(world: World, zone: Domain) -> None:
    row = add(world)
    assert is_set_up(row) and row.key_name == "ns2.example.net.fake1.npanel.invalid"
    written = text_of(world.server, setup.CONFIGURATION)
    assert f"also-notify={ADDRESS}\n" in written and "disable-axfr=no" in written
    (key,) = told(world.server)["keys"]
    assert key == {"name": row.key_name, "secret": unseal(row.key_sealed, row.seal_context)}
    world.run(add_record(actor=world.actor, domain=zone, name="b", type="A", content="192.0.2.10"))
    assert shared(world) == ("Master", "fake1.npanel.invalid.", [f"{row.key_name}."])
    assert world.server.powerdns.notified == ["example.com."]
    world.host("second.test")
    assert shared(world, "second.test") == shared(world)
    rows = [list(model.objects.values()) for model in (Operation, JournalEntry, Event, Secondary, Node)]
    assert key["secret"] not in str(rows), "the key is sealed in every row"


@pytest.mark.parametrize("name", ["fake1.npanel.invalid", "x.fake1.npanel.invalid", "npanel.invalid"])
def test_nobody_hosts_a_catalog(world: World, zone: Domain, name: str) -> None:
    """It would say which zones all secondaries have: theirs alone, or anybody's."""
    with pytest.raises(HostingError) as refusal:
        add_domain(actor=world.actor, service=zone.service, name=name)
    assert refusal.value.code == "domain_taken" and not Domain.objects.filter(name=name).exists()


def test_a_node_of_ours_is_set_up_as_well(world: World, second: tuple[Node, FakeNode]) -> None:
    node, server = second
    row = add(world, carrier=node, address="")
    assert row.address == "192.0.2.2"
    secret = told(world.server)["keys"][0]["secret"]
    (follow,) = told(server)["follows"]
    assert follow == {
        "address": "192.0.2.1", "catalog": "fake1.npanel.invalid", "name": row.key_name, "secret": secret,
    }  # fmt: skip
    assert "allow-notify-from=192.0.2.1\n" in text_of(server, setup.CONFIGURATION)
    remove_secondary(actor=world.actor, secondary=row)
    assert {operation.node_id for operation in world.work()} == {world.node.pk, node.pk}
    assert told(server)["follows"] == [] and "\nsecondary=yes" not in text_of(server, setup.CONFIGURATION)


def test_a_removed_secondary_gets_nothing_more(world: World, zone: Domain) -> None:
    row = add(world)
    world.run(add_record(actor=world.actor, domain=zone, name="b", type="A", content="192.0.2.10"))
    operation = remove_secondary(actor=world.actor, secondary=row)
    world.work()
    world.node.refresh_from_db()
    assert world.node.transfer_keys == [] and told(world.server)["keys"] == []
    assert "disable-axfr=yes" in text_of(world.server, setup.CONFIGURATION)
    event = Event.objects.get(verb="operation.node_bootstrap", outcome="requested", operation_id=str(operation.pk))
    assert event.after == {"secondary": NAME, "removed": True, "node": "fake1"}
    with pytest.raises(HostingError) as refusal:
        remove_secondary(actor=world.actor, secondary=row)
    assert refusal.value.code == "not_found"


def test_before_the_bootstrap_no_zone_names_the_key(world: World, zone: Domain) -> None:
    """A key that is not there yet would be refused by the name server."""
    operation = add_secondary(actor=world.actor, node=world.node, name=NAME, address=ADDRESS, wait_for_approval=True)
    assert world.run(operation).state == OperationState.PLANNED
    done = world.run(add_record(actor=world.actor, domain=zone, name="b", type="A", content="192.0.2.10"))
    assert done.state == OperationState.SUCCEEDED and shared(world)[0] == "Native"
    assert not is_set_up(Secondary.objects.select_related("node").get())


def test_a_rollback_brings_back_records_and_not_who_may_fetch_them(world: World, zone: Domain) -> None:
    change = world.run(add_record(actor=world.actor, domain=zone, name="b", type="A", content="192.0.2.10"))
    row = add(world)
    back = world.run(rollback_operation(actor=world.actor, operation=change))
    assert back.state == OperationState.SUCCEEDED, back.error
    assert world.server.resolve("b.example.com", "A") == set()
    assert shared(world) == ("Master", "fake1.npanel.invalid.", [f"{row.key_name}."])
    zone.service.refresh_from_db()
    assert not zone.service.out_of_sync


def test_zones_name_no_key_that_went_with_its_bootstrap(world: World, zone: Domain) -> None:
    """The name server would refuse every change of every zone."""
    first = add(world)
    add(world, name="ns3.example.net", address="192.0.2.54")
    latest = Operation.objects.filter(kind=OperationKind.BOOTSTRAP).latest("created_at")
    back = world.run(rollback_operation(actor=world.actor, operation=latest))
    assert back.state == OperationState.SUCCEEDED, back.error
    world.node.refresh_from_db()
    assert [key["name"] for key in told(world.server)["keys"]] == world.node.transfer_keys == [first.key_name]


def test_a_zone_that_somebody_stopped_sharing_is_drift(world: World, zone: Domain) -> None:
    add(world)
    world.run(add_record(actor=world.actor, domain=zone, name="b", type="A", content="192.0.2.10"))
    scan_node(actor=world.actor, node=world.node)
    assert not DriftItem.objects.filter(kind="dns_zone").exists()
    world.server.powerdns.zones["example.com."].update(kind="Native", master_tsig_key_ids=[], catalog="")
    scan_node(actor=world.actor, node=world.node)
    assert DriftItem.objects.get(kind="dns_zone").key == "example.com"


HOSTILE = ("x\ny", "a b", "a;b", "$(id)", "../x", "ns\u2028.example.net", "'", "", "localhost", "x" * 191)


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_names_are_refused(world: World, name: str) -> None:
    refused(world, "name", name=name)


ADDRESSES = (
    "x\ny", "192.0.2\n.1", "192.0.2.53:54", "fe80::1%eth0", "ns.example.net", "192.0.2.0/24", "1",
    "192.0.2.53 x", "٣.٣.٣.٣",
)  # fmt: skip


@pytest.mark.parametrize("address", ADDRESSES)
def test_hostile_addresses_are_refused(world: World, address: str) -> None:
    refused(world, "address", address=address)


@pytest.mark.parametrize("key", ["short", "x" * 30 + '"', base64.b64encode(b"x" * 15).decode(), "YWJj\nYWJj" * 9])
def test_hostile_keys_are_refused(world: World, key: str) -> None:
    refused(world, "key", key=key)


def refused(world: World, field: str, **data: Any) -> None:
    before = snapshot()
    with pytest.raises(HostingError) as refusal:
        add_secondary(actor=world.actor, **{"node": world.node, "name": NAME, "address": ADDRESS} | data)
    assert refusal.value.code == "invalid" and refusal.value.field == field
    assert snapshot() == before


def test_what_makes_no_sense_is_refused(world: World, second: tuple[Node, FakeNode]) -> None:
    refused(world, "address", address="")
    refused(world, "address", carrier=second[0])
    refused(world, "carrier", address="", carrier=world.node)
    add(world)
    with pytest.raises(HostingError) as refusal:
        add_secondary(actor=world.actor, node=world.node, name=NAME, address="192.0.2.54")
    assert refusal.value.code == "invalid"
    Node.objects.filter(pk=second[0].pk).update(state=NodeState.NEW)
    second[0].refresh_from_db()
    with pytest.raises(HostingError) as refusal:
        add_secondary(actor=world.actor, node=world.node, name="ns3.example.net", carrier=second[0])
    assert refusal.value.code == "wrong_state"


def test_the_api_adds_shows_and_removes_for_operators_alone(world: World, zone: Domain) -> None:
    operator = Caller(people.admin())
    body = {"node": world.node.pk, "name": NAME, "address": ADDRESS, "key": base64.b64encode(b"k" * 32).decode()}
    assert operator.post("secondaries", body).status_code == 202
    world.work()
    shown = operator.get("secondaries").json()["results"][0]
    assert (shown["name"], shown["set_up"], shown["catalog"]) == (NAME, True, "fake1.npanel.invalid")
    assert "key" not in shown and body["key"] not in str(shown)
    assert told(world.server)["keys"][0]["secret"] == body["key"]
    assert operator.get(f"secondaries?node={world.node.pk + 1}").json()["results"] == []
    assert code(operator.post("secondaries", body | {"name": "x\ny"})) == (422, "invalid")
    assert operator.delete(f"secondaries/{shown['id']}").status_code == 202
    world.work()
    assert operator.get("secondaries").json()["results"] == []


def test_customers_know_of_none(customer_interface: None, world: World, zone: Domain) -> None:
    row = add(world)
    owner = Caller(people.member(zone.service.customer, MemberAccess.OWNER))
    assert owner.get("secondaries").json()["results"] == []
    assert owner.delete(f"secondaries/{row.pk}").status_code in (403, 404)
    body = {"node": world.node.pk, "name": "ns3.example.net", "address": "192.0.2.54"}
    assert owner.post("secondaries", body).status_code in (403, 422)
    assert Secondary.objects.count() == 1


def test_commands_add_show_and_remove(world: World, zone: Domain, manage: Manage, monkeypatch: Any) -> None:
    monkeypatch.setattr("observability.health.secondaries.PATIENCE_S", 0.05)
    key = base64.b64encode(b"k" * 32).decode()
    argv = ("fake1", NAME, "--address", "127.0.0.77", "--key-stdin", "--yes")
    assert manage("secondary_add", *argv, piped=f"{key}\n").status == 0
    shown = manage("secondary_show", "fake1", NAME, "--with-key", "--json")
    (facts,) = shown.data["secondaries"]
    assert shown.status == 2 and facts["set_up"] and facts["behind"] == ["example.com"], "nobody answers there"
    assert facts["settings"]["key"] == key and facts["settings"]["primary"] == "192.0.2.1"
    assert "behind: example.com" in manage("secondary_show", "fake1").out
    assert key not in manage("secondary_show", "fake1").out
    assert manage("secondary_remove", "fake1", NAME, "--yes").status == 0
    assert manage("secondary_show", "fake1").status == 0
    assert manage("secondary_show", "fake1", NAME).status == 1
    assert Operation.objects.filter(kind=OperationKind.BOOTSTRAP, state=OperationState.SUCCEEDED).count() == 3
