"""What an operator did is undone by those it was done to."""

import pytest

from accounts.choices import MemberAccess
from hosting.choices import ServiceState
from hosting.models import Domain
from hosting.services.sites import add_domain, remove_domain
from tests import factories, people
from tests.unit.api.caller import Caller
from tests.unit.services.world import World

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("customer_interface")]


def test_a_customer_cannot_bring_back_a_domain_that_an_operator_took_away(world: World) -> None:
    service = world.host("shop.test")
    world.run(add_domain(actor=world.actor, service=service, name="phishing.test"))
    removal = world.run(
        remove_domain(actor=world.actor, domain=Domain.objects.get(name="phishing.test"), reason="abuse")
    )
    manager = Caller(people.member(service.customer, MemberAccess.MANAGER))
    answer = manager.post(f"operations/{removal.pk}/rollback", {})
    world.work()
    assert (answer.status_code, world.status("phishing.test")) == (403, 0)


def test_a_reseller_cannot_restore_what_an_operator_deleted(world: World) -> None:
    reseller = factories.make_reseller()
    service = world.host(
        "shop.test", customer=factories.make_customer(reseller=reseller), plan=factories.make_plan(reseller=reseller)
    )
    removal = world.delete(service)
    answer = Caller(people.reseller(reseller)).post(f"operations/{removal.pk}/rollback", {})
    world.work()
    service.refresh_from_db()
    assert (answer.status_code, service.state) == (403, ServiceState.SOFT_DELETED)
