"""What else was tried: what a suspension means, what replays give, what long ids and odd bodies do."""

from typing import Any

import pytest

from accounts.choices import MemberAccess
from hosting.choices import ServiceState
from hosting.operations.webhook_post import _is_outside
from hosting.services.sites import suspend_service
from tests import factories, people
from tests.unit.api.caller import Caller
from tests.unit.services.world import World

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("customer_interface")]


@pytest.mark.parametrize("address", ["fec0::1", "::127.0.0.1", "::ffff:0:10.0.0.1"])
def test_no_webhook_goes_to_networks_that_are_none_of_the_internets(address: str, settings: Any) -> None:
    settings.NPANEL_WEBHOOK_LOOPBACK = False
    assert not _is_outside(address)


def test_a_replay_tells_nothing_to_who_was_removed() -> None:
    service = factories.make_service()
    user = people.member(service.customer, MemberAccess.MANAGER)
    caller = Caller(user)
    body = {"service": service.pk, "name": "shop"}
    first = caller.post("databases", body, Idempotency_Key="k1")
    assert first.status_code == 202, first.json()
    user.memberships.all().delete()
    assert caller.post("databases", body, Idempotency_Key="k1").status_code in (403, 404, 422)


def test_a_narrower_token_does_not_replay_a_wider_ones_answer() -> None:
    service = factories.make_service()
    user = people.member(service.customer, MemberAccess.MANAGER)
    body = {"service": service.pk, "name": "shop"}
    Caller(user).post("databases", body, Idempotency_Key="k1")
    assert Caller(user, "domain:write").post("databases", body, Idempotency_Key="k1").status_code == 403


def test_deep_and_odd_bodies_are_no_fault_of_ours() -> None:
    service = factories.make_service()
    caller = Caller(people.member(service.customer))
    caller.client.raise_request_exception = False
    bodies = (
        "[" * 100_000, '{"service": ' + "9" * 5000 + "}", "[1]", '"x"', "null", '{"service": {"a": 1}}',
        '{"service": 1e400}', '{"service": NaN}', '{"service": true, "name": "\\ud800"}',
        f'{{"service": {service.pk}, "name": "\\ud800"}}', f'{{"service": {service.pk}, "name": "a\\u0000"}}',
        f'{{"service": {service.pk}, "name": "a", "reason": "\\ud800"}}',
    )  # fmt: skip
    faults = [body[:60] for body in bodies if caller.post("databases", body).status_code >= 500]
    assert not faults


def test_a_suspended_service_is_not_changed_by_its_people(world: World) -> None:
    service = world.host("shop.test")
    world.run(suspend_service(actor=world.actor, service=service))
    caller = Caller(people.member(service.customer))
    for path, body in (
        ("databases", {"service": service.pk, "name": "x"}),
        (f"services/{service.pk}/apply", {}), (f"services/{service.pk}/resume", {}),
        (f"operations/{service.operations.order_by('-created_at').first().pk}/rollback", {}),
        (f"operations/{service.operations.order_by('created_at').first().pk}/rollback", {}),
    ):  # fmt: skip
        assert caller.post(path, body).status_code == 403, path
    service.refresh_from_db()
    assert service.state == ServiceState.SUSPENDED
