"""Webhooks: told by a real worker's chore to a real HTTP server, signed, tried again, and never led astray."""

import hashlib
import hmac
import json
import socket
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from django.utils import timezone

from accounts.models import Customer
from audit.models import Event
from hosting.choices import DeliveryState, OperationState, WebhookEvent
from hosting.errors import HostingError
from hosting.models import Webhook, WebhookDelivery
from hosting.operations import webhook_post
from hosting.operations.webhook_post import Letter, check_url, post
from hosting.operations.webhook_sender import DELAYS, PATIENCE, forget_old, send_due
from hosting.services.keys import rotate_worker_key
from hosting.services.operations import cancel_operation
from hosting.services.sites import suspend_service
from hosting.services.webhooks import create_webhook, resend_delivery
from observability.context import parse_traceparent
from tests import factories, people
from tests.unit.api.caller import Caller, code
from tests.unit.services.world import World

ALL = list(WebhookEvent.values)


class Receiver:
    """A server on loopback that keeps what it got and answers as it is told."""

    def __init__(self) -> None:
        self.got: list[tuple[str, dict[str, str], bytes]] = []
        self.answers: list[tuple[int, dict[str, str], bytes]] = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                outer.got.append((self.path, dict(self.headers), body))
                status, headers, text = outer.answers.pop(0) if outer.answers else (200, {}, b"thanks")
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(text)

            def log_message(self, *args: Any) -> None:
                return

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/hook?from=npanel"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    @property
    def bodies(self) -> list[dict[str, Any]]:
        """What it got, parsed."""
        return [json.loads(body) for _path, _headers, body in self.got]


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """A server that listens for the length of a test."""
    found = Receiver()
    yield found
    found.server.shutdown()
    found.server.server_close()


def hook_to(url: str, events: list[str] | None = None, **owner: Any) -> tuple[Webhook, str]:
    """A webhook as the service makes it, and its secret."""
    return create_webhook(actor=people.operator(), url=url, events=events or ALL, **owner)


def delivery_to(url: str, **fields: Any) -> WebhookDelivery:
    """A delivery that is due."""
    hook, _secret = hook_to(url)
    values = {"event": "operation.finished", "payload": {"a": 1}, "next_at": timezone.now()} | fields
    return WebhookDelivery.objects.create(webhook=hook, **values)


def _tried(delivery: WebhookDelivery) -> WebhookDelivery:
    WebhookDelivery.objects.filter(pk=delivery.pk).update(next_at=timezone.now())
    send_due()
    delivery.refresh_from_db()
    return delivery


def test_the_end_of_an_operation_is_told_and_signed(world: World, receiver: Receiver) -> None:
    _hook, secret = hook_to(receiver.url)
    service = world.host("shop.test")
    send_due()
    send_due()
    finished, changed = sorted(receiver.bodies, key=lambda body: body["event"])
    assert finished["data"]["operation"]["state"] == "succeeded"
    assert finished["data"]["operation"]["target"] == service.username
    assert changed["data"]["service"]["state"] == "active"
    assert changed["data"]["service"]["previous_state"] == "provisioning"
    path, headers, body = receiver.got[0]
    assert path == "/hook?from=npanel"
    parts = dict(part.split("=") for part in headers["NPanel-Signature"].split(","))
    expected = hmac.new(secret.encode(), f"{parts['t']}.".encode() + body, hashlib.sha256).hexdigest()
    assert parts["v1"] == expected
    assert headers["NPanel-Delivery"] == json.loads(body)["id"]
    sent = next(headers for _path, headers, body in receiver.got if json.loads(body)["event"] == finished["event"])
    trace = parse_traceparent(sent["traceparent"])
    assert trace is not None and trace[0] == finished["data"]["operation"]["trace_id"]


def test_who_is_told(world: World) -> None:
    reseller = factories.make_reseller()
    customer, other = factories.make_customer(reseller=reseller), factories.make_customer()
    told = {
        hook_to("https://a.test", customer=customer)[0].pk,
        hook_to("https://b.test", reseller=reseller)[0].pk,
        hook_to("https://c.test")[0].pk,
    }
    hook_to("https://d.test", customer=other)
    hook_to("https://e.test", reseller=factories.make_reseller())
    hook_to("https://f.test", [WebhookEvent.SERVICE_STATE_CHANGED], customer=other)
    Webhook.objects.filter(pk=hook_to("https://g.test", customer=customer)[0].pk).update(is_active=False)
    plan = factories.make_plan(for_resellers=True)
    world.host("shop.test", customer=customer, plan=plan)
    assert set(WebhookDelivery.objects.values_list("webhook", flat=True)) == told


def test_states_that_were_asked_for_and_taken_back(world: World) -> None:
    service = world.host("shop.test")
    hook_to("https://a.test")
    operation = suspend_service(actor=people.operator(), service=service)
    world.run(operation)
    changed = WebhookDelivery.objects.get(event=WebhookEvent.SERVICE_STATE_CHANGED).payload["data"]["service"]
    assert (changed["previous_state"], changed["state"]) == ("active", "suspended")
    WebhookDelivery.objects.all().delete()
    asked = world.ask("other.test")
    cancel_operation(actor=people.operator(), operation=asked)
    events = {row.event: row.payload["data"] for row in WebhookDelivery.objects.all()}
    assert events["operation.finished"]["operation"]["state"] == OperationState.CANCELLED
    assert events["service.state_changed"]["service"]["state"] == "terminated"


def test_a_refusal_is_tried_again_and_then_taken(db: None, receiver: Receiver) -> None:
    receiver.answers = [(500, {}, b"<b>broken</b>\n" * 100)]
    delivery = _tried(delivery_to(receiver.url))
    assert (delivery.state, delivery.attempts, delivery.response_status) == (DeliveryState.PENDING, 1, 500)
    assert len(delivery.response_text) == 300
    wait = (delivery.next_at - timezone.now()).total_seconds()
    assert DELAYS[0] - 30 < wait <= DELAYS[0]
    assert send_due() == 0
    assert delivery.webhook.failing_since is not None
    delivery = _tried(delivery)
    assert (delivery.state, delivery.attempts, delivery.response_text) == (DeliveryState.DELIVERED, 2, "thanks")
    assert delivery.webhook.failing_since is None
    assert receiver.got[0][2] == receiver.got[1][2]


def test_it_is_given_up_after_most_of_a_day(db: None) -> None:
    assert 16 * 3600 < sum(DELAYS) < 30 * 3600
    delivery = _tried(delivery_to("http://127.0.0.1:9/", attempts=len(DELAYS)))
    assert (delivery.state, delivery.response_status) == (DeliveryState.GIVEN_UP, None)
    assert "refused" in delivery.response_text


def test_a_redirect_is_not_followed(db: None, receiver: Receiver) -> None:
    receiver.answers = [(307, {"Location": "/elsewhere"}, b"")]
    delivery = _tried(delivery_to(receiver.url))
    assert (delivery.state, delivery.response_status) == (DeliveryState.PENDING, 307)
    assert len(receiver.got) == 1


def test_a_webhook_that_fails_for_days_is_disabled_and_says_so(db: None) -> None:
    delivery = delivery_to("http://127.0.0.1:9/")
    Webhook.objects.update(failing_since=timezone.now() - PATIENCE - timedelta(minutes=1))
    hook = _tried(delivery).webhook
    assert hook.is_active is False
    assert "refused" in hook.disabled_reason
    assert Event.objects.get(verb="webhook.disable").actor_login == "worker"
    assert _tried(delivery).attempts == 1
    caller = Caller(people.admin())
    assert code(caller.post(f"webhook-deliveries/{delivery.pk}/resend")) == (409, "wrong_state")
    again = caller.patch(f"webhooks/{hook.pk}", {"is_active": True}).json()
    assert (again["is_active"], again["failing_since"], again["disabled_reason"]) == (True, None, "")


def test_resending(db: None, receiver: Receiver) -> None:
    delivery = _tried(delivery_to(receiver.url))
    resend_delivery(actor=people.operator(), delivery=delivery)
    send_due()
    assert len(receiver.got) == 2
    assert receiver.got[0][1]["NPanel-Delivery"] == receiver.got[1][1]["NPanel-Delivery"]


@pytest.mark.parametrize(
    "host",
    ["10.0.0.1", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1", "0.0.0.0", "224.0.0.1", "240.0.0.1",  # noqa: S104
     "[::]", "[fe80::1%lo]", "[fc00::1]", "[ff02::1]", "[::ffff:10.0.0.1]", "[64:ff9b::a00:1]", "[2002:0a00:0001::]",
     "[fec0::1]", "[::10.0.0.1]", "[::ffff:0:10.0.0.1]", "0x0a000001", "10.1"],
)  # fmt: skip
def test_addresses_inside_are_refused(host: str) -> None:
    answer = post(Letter(f"https://{host}/", "s", {}, "e", "d"))
    assert answer.status is None
    assert answer.text == "The address leads into a private network."


@pytest.mark.parametrize("host", ["127.0.0.1", "[::1]", "[::ffff:127.0.0.1]", "localhost"])
def test_this_machine_is_refused_but_in_development(settings: Any, host: str) -> None:
    settings.NPANEL_WEBHOOK_LOOPBACK = False
    assert "private network" in post(Letter(f"https://{host}/", "s", {}, "e", "d")).text


@pytest.mark.parametrize("addresses", [["93.184.216.34", "10.0.0.1"], ["10.0.0.1", "93.184.216.34"]])
def test_one_address_inside_among_others_is_enough(addresses: list[str]) -> None:
    with pytest.raises(webhook_post.BadAddress, match="private network"):
        webhook_post.pinned(addresses)
    assert webhook_post.pinned(["93.184.216.34", "93.184.216.35"]) == "93.184.216.34"


def test_a_name_is_looked_up_once_so_that_it_can_not_turn_inside_after_the_check(receiver: Receiver) -> None:
    """DNS rebinding: a second answer would lead to a server inside, and nobody asks for it; Python itself tells."""
    port = receiver.server.server_port
    with looked_up() as asked:
        answer = post(Letter(f"http://127.1:{port}/", "s", {"a": 1}, "e", "d"))
    assert answer.status == 200 and asked.count("127.1") == 1
    assert receiver.got[0][1]["Host"] == f"127.1:{port}"


@pytest.mark.parametrize(
    "url",
    ["http://x.test/", "ftp://x.test/", "https:///path", "https://user:pw@x.test/", "https://x.test/#f", "x.test",
     "https://x.test/a b", "https://x.test/\r\nHost: y", "https://x.test:99999/", "https://[::1", "https://ü.test/"],
)  # fmt: skip
def test_addresses_that_no_webhook_has(settings: Any, url: str) -> None:
    settings.NPANEL_WEBHOOK_LOOPBACK = False
    with pytest.raises(HostingError) as refused:
        check_url(url)
    assert refused.value.code == "bad_address"


def test_https_asks_for_a_certificate_of_the_name(receiver: Receiver) -> None:
    answer = post(Letter(receiver.url.replace("http:", "https:"), "s", {}, "e", "d"))
    assert answer.status is None
    assert "SSL" in answer.text


def test_an_answer_that_drips_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(webhook_post, "_DEADLINE", 0.5)
    stop = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as server:

        def drip() -> None:
            connection, _address = server.accept()
            with connection:
                while not stop.wait(0.1):
                    try:
                        connection.sendall(b"H")
                    except OSError:
                        return

        thread = threading.Thread(target=drip, daemon=True)
        thread.start()
        answer = post(Letter(f"http://127.0.0.1:{server.getsockname()[1]}/", "s", {}, "e", "d"))
        stop.set()
        thread.join()
    assert answer.status is None


def test_the_secret_is_sealed_renewed_and_rotated(db: None, receiver: Receiver) -> None:
    delivery = delivery_to(receiver.url)
    caller = Caller(people.admin())
    shown = caller.get(f"webhooks/{delivery.webhook_id}").json()
    assert "secret" not in str(shown)
    before = Webhook.objects.get().secret_sealed
    renewed = caller.post(f"webhooks/{delivery.webhook_id}/secret").json()["secret"]
    assert Webhook.objects.get().secret_sealed != before
    _key, count = rotate_worker_key(actor=people.operator())
    assert count == 1
    _tried(delivery)
    _path, headers, body = receiver.got[0]
    stamp = headers["NPanel-Signature"].partition(",")[0].removeprefix("t=")
    assert headers["NPanel-Signature"] == webhook_post.sign(renewed, int(stamp), body)
    kept = str([*Webhook.objects.values(), *Event.objects.values()])
    assert renewed not in kept


def test_limits_and_old_deliveries(db: None, receiver: Receiver) -> None:
    customer: Customer = factories.make_customer()
    for _ in range(20):
        hook_to("https://a.test", customer=customer)
    with pytest.raises(HostingError) as refused:
        hook_to("https://a.test", customer=customer)
    assert refused.value.code == "limit_reached"
    delivery = _tried(delivery_to(receiver.url))
    WebhookDelivery.objects.update(created_at=timezone.now() - timedelta(days=31))
    forget_old()
    assert not WebhookDelivery.objects.filter(pk=delivery.pk).exists()


@contextmanager
def looked_up() -> Iterator[list[str]]:
    """The names that this process looks up in a block. A hook of Python's stays for good, so it can be told to rest."""
    asked: list[str] = []
    resting = False

    def hear(event: str, arguments: tuple[Any, ...]) -> None:
        if event == "socket.getaddrinfo" and not resting:
            asked.append(str(arguments[0]))

    sys.addaudithook(hear)
    try:
        yield asked
    finally:
        resting = True
