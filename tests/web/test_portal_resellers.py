"""A reseller's pages: customers, services on a node that is chosen by itself, plans, and the terms."""

import pytest
from django.test import Client
from django.urls import reverse

from accounts.models import Customer, Reseller
from hosting.choices import NodeState, OperationState, ServiceState
from hosting.errors import HostingError
from hosting.models import HostingPlan, HostingService, Operation
from hosting.services import sites
from hosting.services.placement import choose_node
from tests import factories, people
from tests.unit.services.world import World
from tests.web.pages import words
from tests.web.portal import signed_in

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("customer_interface")]


@pytest.fixture
def seller() -> Reseller:
    """A reseller with room for two customers."""
    return factories.make_reseller(max_customers=2, max_services=5)


@pytest.fixture
def sales(seller: Reseller) -> Client:
    """The session of somebody who works there."""
    return signed_in(people.reseller(seller))


def url(name: str, *args: object) -> str:
    """An address of the portal."""
    return reverse(f"portal:{name}", args=args)


def test_from_nothing_to_a_site(world: World, seller: Reseller, sales: Client) -> None:
    """A plan, a customer and a service; then it is suspended, and resumed; and visitors see each."""
    limits = {"domains": 3, "databases": 1, "php_processes": 5, "memory_mb": 256, "ssh": "shell"}
    sales.post(url("plan_add"), {"name": "Small", **limits})
    plan = HostingPlan.objects.get(name="Small")
    assert (plan.reseller, plan.domains, plan.disk_mb) == (seller, 3, None)
    sales.post(url("customer_add"), {"name": "Anna"})
    customer = Customer.objects.get(name="Anna")
    assert customer.reseller == seller
    sales.post(url("service_add", customer.pk), {"plan": plan.pk, "domain": "anna.example", "php_version": "8.2"})
    _apply(world, sales)
    service = HostingService.objects.get()
    assert (service.node, service.php_version, world.status("anna.example")) == (world.node, "8.2", 200)
    sales.post(url("service_suspend", service.pk), {"reason": "unpaid"})
    _apply(world, sales)
    assert world.status("anna.example") == 503
    sales.post(url("service_resume", service.pk))
    _apply(world, sales)
    assert world.status("anna.example") == 200
    assert "Services 1 of 5" in words(sales.get(url("home")))


def _apply(world: World, sales: Client) -> None:
    """Look at the newest plan and apply it."""
    world.work()
    operation = Operation.objects.order_by("-created_at")[0]
    assert operation.state == OperationState.PLANNED, operation.error
    sales.post(url("operation_approve", operation.pk), {"digest": operation.plan_digest})
    world.work()
    operation.refresh_from_db()
    assert operation.state == OperationState.SUCCEEDED, operation.error


def test_the_terms_hold(seller: Reseller, sales: Client) -> None:
    """One customer more than agreed is refused in words, with what was typed kept."""
    for name in ("Anna", "Berta"):
        sales.post(url("customer_add"), {"name": name})
    page = sales.post(url("customer_add"), {"name": "Carla"})
    assert "may have 2 customers" in words(page) and 'value="Carla"' in page.content.decode()
    assert Customer.objects.filter(reseller=seller).count() == 2


def test_what_is_not_theirs(seller: Reseller, sales: Client) -> None:
    """Others' customers and plans are not there; the operator's plans can be sold, never changed."""
    theirs = factories.make_plan(reseller=factories.make_reseller())
    sold = factories.make_plan(name="Provider's", for_resellers=True)
    other = factories.make_customer()
    for name, pk in (("plan_change", theirs.pk), ("plan_delete", theirs.pk), ("customer", other.pk)):
        assert sales.get(url(name, pk)).status_code == 404, name
    assert sales.post(url("plan_change", sold.pk), {"name": "x"}).status_code == 403
    assert sales.post(url("plan_delete", sold.pk)).status_code == 403
    assert sales.post(url("service_add", other.pk), {"plan": sold.pk, "domain": "x.example"}).status_code == 404
    page = words(sales.get(url("plans")))
    assert "Provider&#x27;s" in page and str(theirs) not in page


def test_a_foreign_plan_can_not_be_sold(world: World, seller: Reseller, sales: Client) -> None:
    """A plan that is not offered is refused at its field, whoever sends its key."""
    theirs = factories.make_plan(reseller=factories.make_reseller())
    customer = factories.make_customer(reseller=seller)
    page = sales.post(url("service_add", customer.pk), {"plan": theirs.pk, "domain": "x.example"})
    assert page.context["form"].errors["plan"] and not HostingService.objects.exists()


def test_what_an_operator_suspended_stays(seller: Reseller, sales: Client) -> None:
    """A reseller brings back what they suspended, not what the operator did."""
    service = factories.make_service(customer=factories.make_customer(reseller=seller))
    sites.suspend_service(actor=people.operator(), service=service)
    assert sales.post(url("service_resume", service.pk)).status_code == 403
    assert "Resume service" not in words(sales.get(url("service", service.pk)))


def test_a_resellers_end_is_the_end_of_access(seller: Reseller, sales: Client) -> None:
    """People of a reseller that is not active are signed out with their next request and see nothing any more."""
    customer = factories.make_customer(reseller=seller)
    assert sales.get(url("customer", customer.pk)).status_code == 200
    seller.is_active = False
    seller.save()
    for page in (url("customer", customer.pk), url("customer_add"), url("home")):
        answer = sales.get(page)
        assert (answer.status_code, answer["Location"].partition("?")[0]) == (302, "/portal/account/login/")


def test_the_node_with_the_fewest_services_is_chosen() -> None:
    """Ready, with the PHP version wanted, and least used; gone services do not count."""
    busy, idle = factories.make_node(), factories.make_node()
    modern = factories.make_node(facts={"discovered": {"php_fpm": {"versions": ["8.4"]}}})
    factories.make_node(state=NodeState.PAUSED)
    factories.make_node(facts={})
    for _number in range(2):
        factories.make_service(node=busy)
    factories.make_service(node=idle)
    factories.make_service(node=modern)
    for _number in range(3):
        factories.make_service(node=idle, state=ServiceState.TERMINATED)
    assert choose_node("8.2") == idle
    assert choose_node("8.4") == modern
    factories.make_service(node=idle)
    assert choose_node() == modern
    with pytest.raises(HostingError, match=r"PHP 5\.6"):
        choose_node("5.6")
