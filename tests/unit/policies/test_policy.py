"""Who may ask for what, and that the answer is asked before anything is done."""

import pytest
from django.core.exceptions import ValidationError

from accounts.choices import MemberAccess, Role
from accounts.models import Customer, Reseller, User
from audit.actor import Actor
from hosting.choices import OperationKind, OperationState, ServiceState
from hosting.errors import HostingError
from hosting.models import HostingPlan, HostingService, Operation
from hosting.policies import Policy, perform
from hosting.use_cases import USE_CASES
from tests import factories, people

pytestmark = pytest.mark.django_db

CUSTOMERS = sorted(name for name, use in USE_CASES.items() if use.access is not None)
OPERATORS = sorted(name for name, use in USE_CASES.items() if use.access is None and not use.reseller)
RESELLERS = sorted(name for name, use in USE_CASES.items() if use.access is None and use.reseller)


@pytest.fixture
def reseller() -> Reseller:
    return factories.make_reseller()


@pytest.fixture
def service(reseller: Reseller) -> HostingService:
    """A service of a reseller's customer, with a plan of that reseller."""
    customer = factories.make_customer(reseller=reseller)
    service = factories.make_service(customer=customer, plan=factories.make_plan(reseller=reseller))
    factories.make_domain(service, "own.test", is_primary=True)
    return service


def may(user: User, name: str, subject: object) -> bool:
    return Policy(people.actor(user)).may(name, subject)  # type: ignore[arg-type]


@pytest.mark.parametrize("name", sorted(USE_CASES))
def test_administrators_may_all_and_support_nothing(name: str, service: HostingService) -> None:
    assert may(people.admin(), name, service)
    assert not may(people.support(), name, service)
    assert not Policy(Actor.anonymous()).may(name, service)
    assert not may(people.stranger(), name, service)


@pytest.mark.parametrize("name", [name for name in CUSTOMERS if not name.startswith("operation.")])
def test_managers_act_viewers_look(name: str, service: HostingService) -> None:
    access, answers = USE_CASES[name].access, {}
    subject = service.customer if USE_CASES[name].subject == "customer" else service
    for held in MemberAccess.values:
        answers[held] = may(people.member(service.customer, held), name, subject)
    assert answers == {"owner": True, "manager": access != MemberAccess.OWNER, "viewer": access == MemberAccess.VIEWER}
    assert access != MemberAccess.VIEWER or name in ("mail_lookup.check", "mail_lookup.search"), (
        "they look, and change nothing"
    )


@pytest.mark.parametrize("name", RESELLERS + OPERATORS)
def test_customers_do_nothing_of_the_providers(name: str, service: HostingService) -> None:
    for subject in (service, service.customer, service.plan, None):
        assert not may(people.member(service.customer), name, subject)


@pytest.mark.parametrize("name", OPERATORS)
def test_resellers_do_nothing_of_the_operators(name: str, service: HostingService, reseller: Reseller) -> None:
    assert not may(people.reseller(reseller), name, service)


def test_a_reseller_acts_for_own_customers_only(service: HostingService, reseller: Reseller) -> None:
    other, house = factories.make_reseller(), factories.make_service()
    for name in ("service.suspend", "domain.add", "service.delete"):
        assert may(people.reseller(reseller), name, service)
        assert not may(people.reseller(other), name, service)
        assert not may(people.reseller(reseller), name, house)
    assert not may(people.reseller(reseller), "plan.change", house.plan)
    assert may(people.reseller(reseller), "plan.change", service.plan)
    reseller.is_active = False
    reseller.save()
    assert not may(people.reseller(reseller), "service.suspend", service)


def test_a_suspended_service_waits_for_its_provider(service: HostingService, reseller: Reseller) -> None:
    """Its people look; who suspended it decides who may let it go on."""
    service.state = ServiceState.SUSPENDED
    service.save()
    assert not may(people.member(service.customer), "domain.add", service)
    seller = people.reseller(reseller)
    suspension = _operation(service, OperationKind.SUSPEND, people.actor(seller))
    assert may(seller, "service.resume", service)
    suspension.actor["role"] = Role.ADMIN
    suspension.save()
    assert not may(seller, "service.resume", service)


@pytest.mark.parametrize(
    ("kind", "allowed"),
    [
        (OperationKind.CHANGE_DNS, True),
        (OperationKind.ADD_DOMAIN, True),
        (OperationKind.SUSPEND, False),
        (OperationKind.CREATE, False),
        (OperationKind.REPAIR, False),
        (OperationKind.BOOTSTRAP, False),
    ],
)
def test_a_customer_takes_back_only_what_a_customer_can_ask_for(
    kind: OperationKind, allowed: bool, service: HostingService
) -> None:
    operation = _operation(service, kind, people.actor(people.member(service.customer)))
    back = _taken_back(service, operation)
    for name in ("operation.rollback", "operation.approve", "operation.cancel", "operation.retry"):
        assert may(people.member(service.customer), name, operation) is allowed
        assert may(people.member(service.customer), name, back) is allowed
        assert not may(people.member(factories.make_customer()), name, operation)


@pytest.mark.parametrize("kind", [OperationKind.REMOVE_DOMAIN, OperationKind.CHANGE_PHP, OperationKind.SUSPEND])
def test_nobody_undoes_what_an_operator_asked_for(
    kind: OperationKind, service: HostingService, reseller: Reseller
) -> None:
    """Nor a taking back of theirs; other operators do."""
    operation = _operation(service, kind, people.operator())
    back = _taken_back(service, operation)
    for name in (name for name in USE_CASES if name.startswith("operation.")):
        for row in (operation, back):
            assert not may(people.member(service.customer), name, row)
            assert not may(people.reseller(reseller), name, row)
            assert may(people.admin(), name, row)


def test_a_refusal_does_nothing(service: HostingService) -> None:
    viewer = people.actor(people.member(service.customer, MemberAccess.VIEWER))
    with pytest.raises(HostingError) as caught:
        perform(viewer, "domain.add", service, name="x.test")
    assert caught.value.code == "forbidden"
    assert not Operation.objects.exists()


def test_what_a_reseller_makes_is_theirs_whatever_they_say(reseller: Reseller) -> None:
    seller, other = people.actor(people.reseller(reseller)), factories.make_reseller()
    customer: Customer = perform(seller, "customer.create", name="Nina", reseller=other)
    plan: HostingPlan = perform(seller, "plan.create", name="Small", reseller=None)
    assert (customer.reseller, plan.reseller) == (reseller, reseller)


def test_a_plan_keeps_its_owner(service: HostingService, reseller: Reseller) -> None:
    with pytest.raises(ValueError, match="reseller"):
        perform(people.actor(people.reseller(reseller)), "plan.change", service.plan, reseller=None)


def test_names_are_taken_once_per_reseller(reseller: Reseller) -> None:
    """What one reseller calls a customer is no other's business; among the operator's own it is one name."""
    factories.make_customer(name="Müller")
    factories.make_customer(name="Müller", reseller=reseller)
    factories.make_customer(name="Müller", reseller=factories.make_reseller())
    for taken in (None, reseller):
        with pytest.raises(ValidationError, match="taken"):
            Customer(name="Müller", reseller=taken).full_clean()


def test_a_resellers_terms_hold(reseller: Reseller) -> None:
    """Customers, services, and disk space sold in all."""
    seller = people.actor(people.reseller(reseller))
    reseller.max_customers, reseller.max_services, reseller.max_disk_mb = 1, 2, 3000
    reseller.save()
    customer = perform(seller, "customer.create", name="One")
    assert _refusal(seller, "customer.create", None, name="Two") == "limit_reached"
    plan = factories.make_plan(reseller=reseller, disk_mb=2000)
    small = factories.make_plan(reseller=reseller, disk_mb=500)
    node = factories.make_node()
    order = {"node": node, "domain": "one.test", "plan": plan}
    perform(seller, "service.create", customer, **order)
    assert _refusal(seller, "service.create", customer, **order | {"domain": "two.test"}) == "limit_reached"
    endless = factories.make_plan(reseller=reseller, disk_mb=None)
    assert _refusal(seller, "service.create", customer, **order | {"plan": endless}) == "limit_reached"
    foreign = factories.make_plan(disk_mb=100)
    assert _refusal(seller, "service.create", customer, **order | {"plan": foreign}) == "foreign_plan"
    perform(seller, "service.create", customer, **order | {"plan": small, "domain": "two.test"})
    third = order | {"plan": factories.make_plan(reseller=reseller, disk_mb=1), "domain": "three.test"}
    assert _refusal(seller, "service.create", customer, **third) == "limit_reached"
    assert HostingService.objects.count() == 2


def _refusal(actor: Actor, use: str, subject: object, **data: object) -> str:
    with pytest.raises(HostingError) as caught:
        perform(actor, use, subject, **data)  # type: ignore[arg-type]
    return caught.value.code


def _operation(service: HostingService, kind: OperationKind, actor: Actor) -> Operation:
    asked = {"type": "user", "id": actor.id, "login": actor.login, "role": str(actor.role)}
    return factories.make_operation(service=service, kind=kind, state=OperationState.SUCCEEDED, actor=asked)


def _taken_back(service: HostingService, operation: Operation) -> Operation:
    """By whoever asked for it."""
    return factories.make_operation(
        service=service, kind=OperationKind.ROLLBACK, reverts=operation, actor=operation.actor
    )
