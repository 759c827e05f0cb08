"""A reseller goes past what the operator set."""

from typing import Any

import pytest

from hosting.choices import ServiceState
from hosting.errors import HostingError
from hosting.models import HostingService
from hosting.policies import perform
from hosting.services.sites import suspend_service
from tests import factories, people
from tests.unit.api.caller import Caller
from tests.unit.services.world import World

pytestmark = pytest.mark.django_db


def _sold(world: World, domain: str = "shop.test", **limits: Any) -> tuple[Any, HostingService]:
    reseller = factories.make_reseller(**limits)
    customer = factories.make_customer(reseller=reseller)
    plan = factories.make_plan(reseller=reseller, disk_mb=100)
    return reseller, world.host(domain, customer=customer, plan=plan)


def test_a_reseller_cannot_undo_the_operators_suspension_by_rolling_it_back(
    world: World, customer_interface: None
) -> None:
    reseller, service = _sold(world)
    suspension = world.run(suspend_service(actor=world.actor, service=service, reason="phishing"))
    caller = Caller(people.reseller(reseller))
    assert caller.post(f"services/{service.pk}/resume").status_code == 403  # the rule that is meant
    answer = caller.post(f"operations/{suspension.pk}/rollback", {"reason": "why not"})
    world.work()
    service.refresh_from_db()
    assert (answer.status_code, service.state, world.status("shop.test")) == (403, ServiceState.SUSPENDED, 503)


def test_a_reseller_cannot_cancel_the_operators_suspension(world: World, customer_interface: None) -> None:
    reseller, service = _sold(world)
    suspension = suspend_service(actor=world.actor, service=service, reason="phishing")  # queued, not run yet
    caller = Caller(people.reseller(reseller))
    answer = caller.post(f"operations/{suspension.pk}/cancel", {})
    world.work()
    service.refresh_from_db()
    assert (answer.status_code, service.state) == (403, ServiceState.SUSPENDED)


def test_a_plan_cannot_be_made_larger_than_the_reseller_may_sell(world: World, customer_interface: None) -> None:
    reseller, service = _sold(world, max_disk_mb=200)
    actor = people.actor(people.reseller(reseller))
    with pytest.raises(HostingError) as caught:
        perform(actor, "plan.change", service.plan, disk_mb=1_000_000)
    assert caught.value.code == "limit_reached"


def test_a_plan_cannot_be_made_unlimited_by_a_reseller_with_a_limit(world: World, customer_interface: None) -> None:
    reseller, service = _sold(world, max_disk_mb=200)
    answer = Caller(people.reseller(reseller)).patch(f"plans/{service.plan_id}", {"disk_mb": None})
    assert answer.status_code in (403, 409, 422), (answer.status_code, answer.json())
