"""One customer takes what all of them share."""

import socket
import threading
import time
from collections.abc import Iterator
from datetime import timedelta

import pytest
from django.db import connection, connections
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from hosting.choices import DeliveryState, WebhookEvent
from hosting.models import WebhookDelivery
from hosting.operations.webhook_sender import send_due
from hosting.portal import fetching
from hosting.services.webhooks import create_webhook
from tests import factories, people
from tests.web import rows
from tests.web.portal import Account, account, signed_in


@pytest.fixture
def silent(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[socket.socket]]:
    """A site whose program takes its time: it accepts and says nothing."""
    server = socket.create_server(("127.0.0.1", 0), backlog=64)
    held: list[socket.socket] = []

    def accept() -> None:
        while True:
            try:
                held.append(server.accept()[0])
            except OSError:
                return

    threading.Thread(target=accept, daemon=True).start()
    monkeypatch.setattr(fetching, "PORT", server.getsockname()[1])
    yield held
    server.close()
    for one in held:
        one.close()


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("customer_interface")
def test_one_preview_does_not_take_all_threads(silent: list[socket.socket]) -> None:
    anna: Account = account(node=rows.node("web-1", public_addresses=["127.0.0.1"]))
    page = signed_in(anna.person()).get(reverse("portal:preview", args=(anna.domain.pk,)))
    address = page.content.decode().partition('class="preview-frame" src="')[2].partition('"')[0]

    def look() -> None:
        Client().get(address, headers={"sec-fetch-dest": "image", "sec-fetch-site": "cross-site"})  # no cookie at all
        connections.close_all()

    threads = [threading.Thread(target=look) for _n in range(16)]  # gunicorn: 2 processes of 8 threads
    for thread in threads:
        thread.start()
    deadline = time.monotonic() + fetching.TIMEOUT_S - 0.5
    while len(silent) < 16 and time.monotonic() < deadline:
        time.sleep(0.05)
    at_once = len(silent)
    for one in silent:
        one.close()
    for thread in threads:
        thread.join()
    assert at_once < 16, "every thread of the portal waits for one customer's site"


@pytest.mark.django_db
def test_a_webhook_with_a_long_queue_does_not_starve_the_others() -> None:
    connection.ensure_connection()
    flooding, quiet = factories.make_customer(), factories.make_customer()
    actor = people.operator()
    event = [WebhookEvent.OPERATION_FINISHED.value]
    first, _secret = create_webhook(actor=actor, customer=flooding, url="https://flood.invalid/", events=event)
    second, _secret = create_webhook(actor=actor, customer=quiet, url="https://quiet.invalid/", events=event)
    now = timezone.now()
    old = [
        WebhookDelivery(webhook=first, event=event[0], payload={}, next_at=now - timedelta(hours=1))
        for _n in range(1000)
    ]
    WebhookDelivery.objects.bulk_create(old)
    WebhookDelivery.objects.create(webhook=second, event=event[0], payload={}, next_at=now - timedelta(minutes=1))
    for _round in range(10):
        send_due()
    tried = WebhookDelivery.objects.get(webhook=second)
    assert tried.state == DeliveryState.PENDING and tried.attempts >= 1, "never tried while the other's queue is long"


@pytest.mark.django_db
@pytest.mark.usefixtures("customer_interface")
@pytest.mark.parametrize(
    "address",
    [
        "/portal/activity/?before=%C2%B2",
        "/portal/activity/?service=%C2%B2",
        "/portal/databases/?after=a%7C%C2%B2",
        "/portal/databases/?after=a%7C" + "9" * 60,
    ],
)
def test_odd_digits_in_addresses_are_no_fault_of_ours(address: str) -> None:
    client = signed_in(people.member(factories.make_customer()))
    client.raise_request_exception = False
    assert client.get(address).status_code < 500
