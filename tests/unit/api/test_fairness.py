"""What one caller can't take from the others, and what nobody reads who should not."""

from typing import Any

import pytest
from django.test import Client

from accounts.choices import MemberAccess
from hosting.choices import OperationState
from hosting.errors import HostingError
from hosting.models import WebhookDelivery
from hosting.operations.webhooks import tell
from hosting.services import webhooks
from tests import factories, people
from tests.unit.api.caller import Caller, ask, code

SAID = {
    "code": "configuration_invalid",
    "detail": "nginx: /home/other/sites/rival.test: bad",
    "hint": "x",
    "permanent": True,
}


def test_requests_without_a_token_are_limited(db: None, settings: Any) -> None:
    settings.NPANEL_API_RATE_ADDRESS = "3/min"
    assert [ask(Client(), "GET", "me").status_code for _ in range(5)] == [401, 401, 401, 429, 429]
    assert Caller(people.admin()).get("me").status_code == 200


def test_one_line_of_ipv6_is_limited_as_one(db: None, settings: Any) -> None:
    settings.NPANEL_API_RATE_ADDRESS = "3/min"
    near = [Client(REMOTE_ADDR=f"2001:db8:1:2::{number}") for number in range(1, 6)]
    assert [ask(client, "GET", "me").status_code for client in near] == [401, 401, 401, 429, 429]
    assert ask(Client(REMOTE_ADDR="2001:db8:1:3::1"), "GET", "me").status_code == 401


def test_resending_has_an_end(db: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(webhooks, "MOST_RESENT", 2)
    delivery, other = _delivery(), _delivery()
    for _time in range(2):
        webhooks.resend_delivery(actor=people.operator(), delivery=delivery)
    with pytest.raises(HostingError) as caught:
        webhooks.resend_delivery(actor=people.operator(), delivery=delivery)
    assert caught.value.code == "limit_reached"
    webhooks.resend_delivery(actor=people.operator(), delivery=other)


def test_operators_read_a_servers_own_words(db: None) -> None:
    operation = factories.make_operation(state=OperationState.FAILED, error=SAID)
    told = Caller(people.admin()).get(f"operations/{operation.pk}").json()
    assert told["error"]["detail"] == SAID["detail"]


def test_a_servers_own_words_are_for_operators(db: None, customer_interface: None) -> None:
    service = factories.make_service()
    operation = factories.make_operation(service=service, state=OperationState.FAILED, error=SAID)
    told = Caller(people.member(service.customer, MemberAccess.VIEWER)).get(f"operations/{operation.pk}")
    assert told.json()["error"]["code"] == "configuration_invalid"
    assert "rival" not in told.content.decode() and "web server" in told.json()["error"]["detail"]


def test_webhooks_of_customers_are_spared_the_servers_words(db: None) -> None:
    service = factories.make_service()
    event = ["operation.finished"]
    for customer in (service.customer, None):
        webhooks.create_webhook(actor=people.operator(), customer=customer, url="https://x.test/", events=event)
    tell(factories.make_operation(service=service, state=OperationState.FAILED, error=SAID), "")
    details = {
        row.webhook.customer_id: row.payload["data"]["operation"]["error"]["detail"]
        for row in WebhookDelivery.objects.select_related("webhook")
    }
    assert details[None] == SAID["detail"]
    assert details[service.customer_id] == "The web server did not accept the new settings."


def test_a_viewer_now_gets_no_replay_of_what_a_manager_did(db: None, customer_interface: None) -> None:
    service = factories.make_service()
    user = people.member(service.customer, MemberAccess.MANAGER)
    caller, body = Caller(user), {"service": service.pk, "name": "shop"}
    assert caller.post("databases", body, Idempotency_Key="k1").status_code == 202
    assert caller.post("databases", body, Idempotency_Key="k1").status_code == 202
    user.memberships.update(access=MemberAccess.VIEWER)
    assert code(caller.post("databases", body, Idempotency_Key="k1")) == (403, "forbidden")


def _delivery() -> WebhookDelivery:
    hook, _secret = webhooks.create_webhook(
        actor=people.operator(), url="https://x.test/", events=["operation.finished"]
    )
    return WebhookDelivery.objects.create(webhook=hook, event="operation.finished", payload={}, next_at=hook.created_at)
