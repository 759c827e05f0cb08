"""Name servers of a reseller's own: checked, in new zones with their addresses, kept by old ones, and on all doors."""

from typing import Any

import pytest

from accounts.models import Reseller
from hosting.choices import OperationState
from hosting.errors import HostingError
from hosting.models import Domain, Operation
from hosting.services.delegation import check_delegation
from hosting.services.operations import cancel_operation, rollback_operation
from hosting.services.people import change_reseller
from hosting.services.sites import add_domain, remove_domain
from tests import people
from tests.factories import make_customer, make_plan, make_reseller
from tests.unit.api.caller import Caller
from tests.unit.commands.conftest import Manage, manage
from tests.unit.portal.name_server import name_server
from tests.unit.services.world import World, domain_of

__all__ = ["manage"]

pytestmark = pytest.mark.django_db
OWN = "ns1.north.example ns2.north.example"


@pytest.fixture
def north(world: World) -> Reseller:
    return change_reseller(actor=world.actor, reseller=make_reseller(name="North"), name_servers=OWN)


def served(world: World, name: str) -> tuple[set[str], str]:
    return world.server.resolve(name, "NS"), next(iter(world.server.resolve(name, "SOA"))).split()[0]


def test_new_zones_have_them_and_old_ones_keep_theirs(world: World) -> None:
    seller = make_reseller()
    customer = make_customer(reseller=seller)
    service = world.host("old.test", customer=customer, plan=make_plan(for_resellers=True))
    change_reseller(actor=world.actor, reseller=seller, name_servers=OWN)
    service.refresh_from_db()
    world.run(add_domain(actor=world.actor, service=type(service).objects.get(pk=service.pk), name="new.test"))
    assert served(world, "old.test") == ({"ns1.panel.test.", "ns2.panel.test."}, "ns1.panel.test.")
    assert served(world, "new.test") == ({"ns1.north.example.", "ns2.north.example."}, "ns1.north.example.")
    world.host("other.test")
    assert served(world, "other.test")[1] == "ns1.panel.test."


@pytest.mark.parametrize("way", ["rolled back", "cancelled"])
def test_a_domain_that_comes_back_has_them_still(world: World, north: Reseller, way: str) -> None:
    service = world.host("one.test", customer=make_customer(reseller=north), plan=make_plan(for_resellers=True))
    world.run(add_domain(actor=world.actor, service=service, name="new.test"))
    before, lost = served(world, "new.test"), domain_of("new.test")
    change_reseller(actor=world.actor, reseller=north, name_servers="")
    removal = remove_domain(actor=world.actor, domain=lost, wait_for_approval=way == "cancelled")
    world.run(removal)
    if way == "cancelled":
        cancel_operation(actor=world.actor, operation=removal)
    else:
        rollback_operation(actor=world.actor, operation=Operation.objects.get(pk=removal.pk))
    done = world.work()
    assert {operation.state for operation in done} == {OperationState.SUCCEEDED}, [one.error for one in done]
    service.refresh_from_db()
    assert domain_of("new.test").name_servers == OWN and not service.out_of_sync
    assert domain_of("new.test").has_zone and served(world, "new.test") == before


def test_within_the_domain_itself_they_have_addresses(world: World, north: Reseller) -> None:
    world.host("north.example", customer=make_customer(reseller=north), plan=make_plan(for_resellers=True))
    assert served(world, "north.example")[1] == "ns1.north.example."
    assert world.server.resolve("ns1.north.example", "A") == {"192.0.2.1"}
    assert domain_of("north.example").name_servers == OWN


def test_the_delegation_asks_for_them_with_glue(settings: Any, world: World, north: Reseller) -> None:
    with name_server({("north.example", "NS"): ["ns1.north.example.", "ns2.north.example."]}) as server:
        settings.NPANEL_HEALTH_RESOLVERS = server.setting
        found = check_delegation("north.example", world.node, servers=OWN.split())
    assert (found.verdict, found.inside) == ("here", tuple(OWN.split())) and found.ours == ("192.0.2.1",)


HOSTILE = (
    "ns1.north.example", f"{OWN} {OWN}", "ns1.x.test ns2", "a b", "ns1.x.test ns2.x.test; id", "ns1.x.test\nns2.x.test",
    "ns1.x.test $(id).x.test", "*.x.test ns2.x.test", "192.0.2.1 192.0.2.2", "ns1.x.test n\u2028s2.x.test",
    " ".join(f"ns{n}.x.test" for n in range(9)), "a" * 64 + ".test ns2.x.test", "ns_1.x.test ns2.x.test",
)  # fmt: skip


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_names_are_refused_at_each_door(world: World, manage: Manage, text: str) -> None:
    seller = make_reseller(name="North")
    with pytest.raises(HostingError) as refusal:
        change_reseller(actor=world.actor, reseller=seller, name_servers=text)
    assert (refusal.value.code, refusal.value.field) == ("invalid", "name_servers")
    assert Caller(people.admin()).patch(f"resellers/{seller.pk}", {"name_servers": text}).status_code == 422
    assert manage("reseller_nameservers", "North", text).status == 1
    seller.refresh_from_db()
    assert seller.name_servers == ""


def test_the_api_sets_and_shows_them(world: World) -> None:
    seller, caller = make_reseller(), Caller(people.admin())
    told = caller.patch(f"resellers/{seller.pk}", {"name_servers": "NS1.North.example.  ns2.north.example"}).json()
    assert told["name_servers"] == OWN
    seller.refresh_from_db()
    world.host("new.test", customer=make_customer(reseller=seller), plan=make_plan(for_resellers=True))
    assert caller.get(f"zones/{Domain.objects.get().pk}").json()["name_servers"] == OWN.split()


def test_the_command_sets_shows_and_takes_away(manage: Manage, world: World) -> None:
    make_reseller(name="North")
    assert manage("reseller_nameservers", "North", *OWN.split()).out.split() == OWN.split()
    assert manage("reseller_nameservers", "North", "--json").data["name_servers"] == OWN.split()
    assert manage("reseller_nameservers", "North", "--none").out.strip() == "Those of the nodes."
    assert manage("reseller_nameservers", "South").status == 1
