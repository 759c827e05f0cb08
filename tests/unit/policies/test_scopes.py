"""What somebody may not see is not there: every selector, for every kind of person, over two tenants and resellers."""

from dataclasses import dataclass

import pytest
from django.db.models import Model

from accounts.choices import MemberAccess, Role
from accounts.models import Customer, Reseller, User
from audit.actor import Actor, ActorType
from hosting import selectors
from hosting.models import Database, DatabaseUser, DnsRecord, HostingPlan, HostingService
from tests import factories, people

pytestmark = pytest.mark.django_db

#: Selectors whose rows belong to a customer.
TENANTS = (
    selectors.customers,
    selectors.services,
    selectors.domains,
    selectors.dns_records,
    selectors.databases,
    selectors.database_users,
    selectors.operations,
    selectors.people,
)


@dataclass
class Tenant:
    """A customer with one of everything."""

    customer: Customer
    service: HostingService
    owner: User


def tenant(name: str, reseller: Reseller | None = None) -> Tenant:
    """A customer with a person, a service, a domain, a record, a database, an account and an operation."""
    customer = factories.make_customer(name=name, reseller=reseller)
    service = factories.make_service(customer=customer, username=name)
    domain = factories.make_domain(service, f"{name}.test")
    DnsRecord.objects.create(domain=domain, name="@", type="A", content="192.0.2.1")
    Database.objects.create(service=service, name=f"{name}_app")
    DatabaseUser.objects.create(service=service, name=f"{name}_app", password_hash="*" + "A" * 40)
    factories.make_operation(service=service)
    return Tenant(customer, service, people.member(customer))


@pytest.fixture
def house() -> dict[str, Tenant]:
    """Two customers of the operator's own, one of each of two resellers."""
    north, south = factories.make_reseller(), factories.make_reseller()
    return {
        "anna": tenant("anna"),
        "bert": tenant("bert"),
        "nora": tenant("nora", north),
        "sven": tenant("sven", south),
    }


def seen(actor: Actor) -> set[str]:
    """Names of the tenants of which the actor sees anything at all."""
    return {name_of(row) for selector in TENANTS for row in selector(actor)}


def name_of(row: Model) -> str:
    """The tenant of a row."""
    if isinstance(row, Customer):
        return row.name
    if isinstance(row, User):
        membership = row.memberships.first()
        return membership.customer.name if membership else ""
    service = row if isinstance(row, HostingService) else getattr(row, "service", None) or row.domain.service
    return str(service.customer.name)


def test_operators_see_all(house: dict[str, Tenant]) -> None:
    for user in (people.admin(), people.support()):
        assert seen(people.actor(user, "admin")) - {""} == set(house)


@pytest.mark.parametrize("access", MemberAccess.values)
def test_a_member_sees_their_own_customer_whole_and_nobody_else(house: dict[str, Tenant], access: str) -> None:
    actor = people.actor(people.member(house["anna"].customer, access))
    assert seen(actor) == {"anna"}
    assert all(selector(actor).exists() for selector in TENANTS)


def test_a_member_of_two_customers_sees_both(house: dict[str, Tenant]) -> None:
    house["anna"].owner.memberships.create(customer=house["bert"].customer, access=MemberAccess.VIEWER)
    assert seen(people.actor(house["anna"].owner)) == {"anna", "bert"}


def test_a_reseller_sees_their_own_customers(house: dict[str, Tenant]) -> None:
    reseller = house["nora"].customer.reseller
    assert reseller is not None
    actor = people.actor(people.reseller(reseller))
    assert seen(actor) == {"nora"}
    reseller.is_active = False
    reseller.save()
    assert seen(actor) == set()


def test_strangers_and_forged_actors_see_nothing(house: dict[str, Tenant]) -> None:
    lonely = people.actor(people.stranger())
    forged = Actor(type=ActorType.USER, id="1 OR 1=1", role=Role.CUSTOMER)
    idle = Actor(type=ActorType.USER, id="", role=Role.RESELLER)
    system = Actor(type=ActorType.SYSTEM, id=str(house["anna"].owner.pk), role=Role.CUSTOMER)
    for actor in (lonely, forged, idle, system, Actor.anonymous(), Actor.system("worker")):
        assert seen(actor) == set()
        assert not selectors.nodes(actor).exists()
        assert not selectors.resellers(actor).exists()
        assert not selectors.drift_items(actor).exists()


def test_a_person_who_works_for_a_reseller_sees_nothing_as_a_customer(house: dict[str, Tenant]) -> None:
    """The role decides: a reseller's person who is a member somewhere is no customer there."""
    reseller = house["nora"].customer.reseller
    assert reseller is not None
    user = people.reseller(reseller)
    user.memberships.create(customer=house["anna"].customer, access=MemberAccess.OWNER)
    assert seen(people.actor(user)) == {"nora"}


def test_plans(house: dict[str, Tenant]) -> None:
    """A reseller sees what they may sell, a customer what they are under, an operator all."""
    reseller = house["nora"].customer.reseller
    assert reseller is not None
    own = factories.make_plan(name="own", reseller=reseller)
    shared = factories.make_plan(name="shared", for_resellers=True)
    factories.make_plan(name="house")
    factories.make_plan(name="other", reseller=house["sven"].customer.reseller)
    assert set(selectors.plans(people.actor(people.reseller(reseller)))) == {own, shared}
    assert list(selectors.plans(people.actor(house["anna"].owner))) == [house["anna"].service.plan]
    assert selectors.plans(people.actor(people.admin())).count() == HostingPlan.objects.count()
