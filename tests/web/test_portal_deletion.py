"""A reseller deletes a service: prepared, looked at, confirmed, restorable; what others see of it, and what expires."""

from datetime import timedelta

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts.choices import MemberAccess
from accounts.models import Reseller, User
from audit.actor import Actor
from hosting.choices import IntentState, OperationKind, OperationState, ServiceState
from hosting.intent_cookie import COOKIE
from hosting.models import HostingService, Intent, Operation
from hosting.services.intents import expire_intents
from tests import factories, people
from tests.unit.services.world import World
from tests.web.pages import words
from tests.web.portal import signed_in

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("customer_interface")]


@pytest.fixture
def seller() -> Reseller:
    return factories.make_reseller()


@pytest.fixture
def sales(seller: Reseller) -> Client:
    """The session of somebody who works for the reseller."""
    return signed_in(people.reseller(seller))


@pytest.fixture
def service(world: World, seller: Reseller) -> HostingService:
    """A customer's service that is on the web."""
    plan, customer = factories.make_plan(reseller=seller), factories.make_customer(name="Anna", reseller=seller)
    return world.host("anna.example", customer=customer, plan=plan)


def url(name: str, *args: object) -> str:
    return reverse(f"portal:{name}", args=args)


def prepared(world: World, sales: Client, service: HostingService) -> Operation:
    """The deletion, asked for and planned."""
    asked = sales.post(url("service_delete", service.pk))
    assert asked.status_code == 302 and asked.cookies[COOKIE]["httponly"]
    world.work()
    operation = service.operations.get(kind=OperationKind.DELETE)
    assert operation.state == OperationState.PLANNED, operation.error
    assert asked.cookies[COOKIE]["path"] == asked["Location"] == url("operation", operation.pk)
    return operation


def confirmed(sales: Client, operation: Operation, **changed: str) -> object:
    """Send the form of the operation's page."""
    sent = {"typed": operation.target_label, "reason": "they asked for it", "digest": operation.plan_digest, **changed}
    return sales.post(url("operation", operation.pk), sent)


def test_prepared_confirmed_and_restored(world: World, sales: Client, service: HostingService) -> None:
    """Nothing happens before the confirmation; then the site is off the web; then it is back as it was."""
    owner = signed_in(people.member(service.customer))
    operation = prepared(world, sales, service)
    page = words(sales.get(url("operation", operation.pk)))
    for said in ("Takes", "off the web", "High risk", "Reversible from kept data", "Databases", "Waits until"):
        assert said in page
    assert world.status("anna.example") == 200
    confirmed(sales, operation)
    world.work()
    assert world.status("anna.example") == 0
    service.refresh_from_db()
    assert service.state == ServiceState.SOFT_DELETED and service.purge_at is not None
    assert "can be restored until" in words(sales.get(url("operation", operation.pk)))
    for name in ("home", "service"):
        page = words(owner.get(url(name, *((service.pk,) if name == "service" else ()))))
        assert "was deleted" in page and "Please ask your provider" in page and "Add domain" not in page
        assert "Restore" not in page.replace("restored", "")
    assert url("service_restore", service.pk) in sales.get(url("service", service.pk)).content.decode()
    assert owner.post(url("service_restore", service.pk)).status_code == 403
    restore(world, sales, service)
    assert world.status("anna.example") == 200
    assert "was deleted" not in words(owner.get(url("home")))


def restore(world: World, sales: Client, service: HostingService) -> None:
    """Ask for it, look at the plan, apply it."""
    asked = sales.post(url("service_restore", service.pk), {"reason": "paid"})
    world.work()
    operation = Operation.objects.get(kind=OperationKind.ROLLBACK)
    assert asked["Location"] == url("operation", operation.pk)
    assert "Restore" in words(sales.get(asked["Location"]))
    sales.post(url("operation_approve", operation.pk), {"digest": operation.plan_digest})
    world.work()
    operation.refresh_from_db()
    assert operation.state == OperationState.SUCCEEDED, operation.error


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"typed": "berta"}, "This is not the name"),
        ({"reason": " "}, "This field is required"),
        ({"digest": "0" * 64}, "not the one you saw"),
    ],
)
def test_a_slip_confirms_nothing(
    world: World, sales: Client, service: HostingService, changed: dict[str, str], said: str
) -> None:
    """The wrong name, no reason or another plan: said at the form, and the form is still there."""
    operation = prepared(world, sales, service)
    page = confirmed(sales, operation, **changed)
    assert said in words(page) and 'name="typed"' in page.content.decode()  # type: ignore[attr-defined]
    world.work()
    assert world.status("anna.example") == 200
    confirmed(sales, operation)
    world.work()
    assert world.status("anna.example") == 0


def test_another_browser_has_to_have_it_shown_again(world: World, sales: Client, service: HostingService) -> None:
    """Without the token no form; preparing again gives one, and the first browser's is worth nothing."""
    operation = prepared(world, sales, service)
    other = signed_in(User.objects.get(role="reseller"))
    page = other.get(url("operation", operation.pk))
    assert "Show it again" in words(page) and 'name="typed"' not in page.content.decode()
    assert confirmed(other, operation).status_code == 200  # type: ignore[attr-defined]
    other.post(url("operation_prepare", operation.pk))
    assert 'name="typed"' not in sales.get(url("operation", operation.pk)).content.decode()
    confirmed(sales, operation)
    operation.refresh_from_db()
    assert operation.state == OperationState.PLANNED
    confirmed(other, operation)
    operation.refresh_from_db()
    assert operation.state == OperationState.PENDING


def test_only_who_asked_confirms(world: World, sales: Client, seller: Reseller, service: HostingService) -> None:
    """A colleague sees whose it is and may cancel; the customer's people see it and can do nothing."""
    operation = prepared(world, sales, service)
    colleague = User.objects.create_user("colleague@reseller.test", people.PASSWORD, role="reseller", reseller=seller)
    browser = signed_in(colleague)
    page = words(browser.get(url("operation", operation.pk)))
    assert "who asked for it, can confirm it" in page and "Cancel" in page
    browser.post(url("operation_prepare", operation.pk))
    assert COOKIE not in browser.cookies
    for access in MemberAccess.values:
        member = signed_in(people.member(service.customer, access))
        page = words(member.get(url("operation", operation.pk)))
        assert "can confirm it" in page and "Cancel" not in page
        assert confirmed(member, operation).status_code == 403  # type: ignore[attr-defined]
        assert member.post(url("operation_prepare", operation.pk)).status_code in (302, 403)
        assert "is about to be deleted" in words(member.get(url("home")))
    browser.post(url("operation_cancel", operation.pk))
    service.refresh_from_db()
    assert service.state == ServiceState.ACTIVE


def test_nobody_confirmed_in_time(world: World, sales: Client, service: HostingService) -> None:
    """It is given up, says so, and can be prepared again; the late confirmation does nothing."""
    operation = prepared(world, sales, service)
    before = sales.get(url("operation", operation.pk)).context["version"]
    Intent.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    assert "The time to confirm it is over" in words(sales.get(url("operation", operation.pk)))
    assert "Nobody confirmed it within ten minutes" in words(confirmed(sales, operation))
    assert expire_intents(actor=Actor.system("worker")) == 1
    assert Intent.objects.get().state == IntentState.EXPIRED
    live = sales.get(url("operation_live", operation.pk) + f"?version={before}")
    assert live.status_code == 200 and "Nobody confirmed it in time" in words(live)
    assert url("service_delete", service.pk) in live.content.decode()
    assert world.status("anna.example") == 200


def test_what_an_operator_deleted_stays(world: World, sales: Client, service: HostingService) -> None:
    """Only an operator brings it back, by whatever button."""
    operation = world.delete(service)
    page = sales.get(url("service", service.pk))
    assert "was deleted" in words(page) and url("service_restore", service.pk) not in page.content.decode()
    assert sales.post(url("service_restore", service.pk)).status_code == 403
    assert sales.post(url("operation_undo", operation.pk)).status_code == 403
