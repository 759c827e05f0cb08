"""Waiting mail on pages: an operator's queue with what can be done, a customer's own with another try."""

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from hosting.admin.cells import address_of
from hosting.models import HostingService, MailQueue, Operation, QueuedMessage
from tests import people
from tests.web import rows
from tests.web.conftest import signed_in
from tests.web.pages import act, words
from tests.web.portal import signed_in as portal_signed_in

pytestmark = pytest.mark.django_db


@pytest.fixture
def service() -> HostingService:
    return rows.service("anna", "anna.example", node=rows.node("web-1"))


def test_an_operator_sees_what_waits_and_acts(admin_client: Client, service: HostingService) -> None:
    row = rows.queued_message(service)
    shown = words(admin_client.get(reverse("admin:hosting_queuedmessage_changelist")))
    assert row.sender in shown and "bob@far.test +1" in shown and "Connection timed out" in shown
    page = words(admin_client.get(address_of(row)))
    assert "Not reached yet" in page and "sue@far.test" in page and "Try again now" in page
    act(admin_client, row, "retry")
    row.refresh_from_db()
    assert row.retry_asked_at is not None
    act(admin_client, row, "hold")
    assert Operation.objects.get(kind="message_hold").refs == [f"queued_message:{row.message_id}"]
    answer = act(admin_client, row, "clear")
    assert Operation.objects.get(kind="message_delete").needs_approval
    assert "web-1" in words(answer)


def test_a_held_message_offers_its_release(admin_client: Client, service: HostingService) -> None:
    row = rows.queued_message(service, held=True)
    page = words(admin_client.get(address_of(row)))
    assert "Release message" in page and "Try again now" not in page and "Hold message" not in page


def test_support_looks_and_changes_nothing(service: HostingService) -> None:
    row, client = rows.queued_message(service), signed_in(people.support())
    assert "Try again now" not in words(client.get(address_of(row)))
    assert act(client, row, "retry").status_code == 403


@pytest.mark.usefixtures("customer_interface")
def test_a_customer_sees_and_retries_their_own(service: HostingService) -> None:
    row = rows.queued_message(service)
    foreign = rows.queued_message(rows.service("bert", "bert.example"))
    client = portal_signed_in(people.member(service.customer))
    page = client.get(reverse("portal:mail_waiting"))
    assert f"{row.sender} to bob@far.test" in words(page) and foreign.sender not in words(page)
    assert client.post(reverse("portal:mail_retry", args=(foreign.pk,))).status_code == 404
    answer = client.post(reverse("portal:mail_retry", args=(row.pk,)), follow=True)
    assert "It is being tried now." in words(answer)
    row.refresh_from_db()
    assert row.retry_asked_at is not None
    QueuedMessage.objects.all().delete()
    MailQueue.objects.all().delete()
    assert "No mail of yours waits" in words(client.get(reverse("portal:mail_waiting")))


@pytest.mark.usefixtures("customer_interface")
def test_more_that_waits_takes_no_more_queries(service: HostingService) -> None:
    client, counts = portal_signed_in(people.member(service.customer)), []
    client.get(reverse("portal:mail_waiting"))
    for _ in range(2):
        for _ in range(4):
            rows.queued_message(service)
        with CaptureQueriesContext(
            connection,
        ) as queries:
            assert words(client.get(reverse("portal:mail_waiting"))).count("Try again now") >= 4
        counts.append(len(queries))
    assert counts[0] == counts[1]
