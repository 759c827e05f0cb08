"""Questions about mail on pages and over the API: asked, answered, and seen by whose they are."""

import pytest
from django.test import Client
from django.urls import reverse

from hosting.admin.cells import address_of
from hosting.models import HostingService, MailLookup
from hosting.portal import budget
from tests import people
from tests.unit.api.caller import Caller, code
from tests.web import rows
from tests.web.pages import words
from tests.web.portal import signed_in
from tests.web.shots_data import FINDINGS

pytestmark = pytest.mark.django_db


@pytest.fixture
def service() -> HostingService:
    made = rows.service("anna", "anna.example", node=rows.node("web-1"))
    rows.mail(made.domains.get())
    return made


def test_an_operator_asks_and_reads(admin_client: Client, service: HostingService) -> None:
    url = reverse("admin:hosting_maillookup_add")
    assert "neither a mail address" in words(admin_client.post(url, {"node": service.node_id, "query": "kim"}))
    page = admin_client.post(url, {"node": service.node_id, "query": "bob@far.test"}, follow=True)
    assert "Being looked up" in words(page)
    told = words(admin_client.get(address_of(rows.mail_lookup(service))))
    assert "Greylisted" in told and "info@far.test → sue@far.test" in told
    admin_client.post(reverse("admin:hosting_domain_check-mail", args=(service.domains.get().pk,)))
    assert MailLookup.objects.filter(kind="check", state="waiting").count() == 1


@pytest.mark.usefixtures("customer_interface")
def test_a_customer_asks_and_reads(service: HostingService) -> None:
    client = signed_in(people.member(service.customer, "viewer"))
    page = client.post(reverse("portal:mail_search"), {"query": "bob@far.test"}, follow=True)
    asked = MailLookup.objects.get()
    assert "Being looked up" in words(page) and asked.service == service
    live = client.get(reverse("portal:mail_lookup_live", args=(asked.pk,)))
    assert "hx-get" in live.content.decode()
    told = rows.mail_lookup(service)
    assert "Greylisted" in words(client.get(reverse("portal:mail_lookup", args=(told.pk,))))
    foreign = rows.mail_lookup(rows.service("bert", "bert.example"))
    assert client.get(reverse("portal:mail_lookup", args=(foreign.pk,))).status_code == 404
    client.post(reverse("portal:mail_check", args=(service.domains.get().pk,)))
    checked = MailLookup.objects.get(kind="check")
    checked.state, checked.answer = "answered", FINDINGS
    checked.save()
    said = words(client.get(reverse("portal:mail_lookup", args=(checked.pk,))))
    assert "Others may refuse mail of this domain." in said and "v=spf1 mx ip4:192.0.2.7 ~all" in said


@pytest.mark.usefixtures("customer_interface")
@pytest.mark.parametrize("page", ["mail_search", "mail_check"])
def test_every_question_counts_and_no_look_at_the_page(
    service: HostingService, monkeypatch: pytest.MonkeyPatch, page: str
) -> None:
    monkeypatch.setattr(budget, "take", lambda *asked: False)
    client = signed_in(people.member(service.customer, "viewer"))
    url = reverse(f"portal:{page}", args=() if page == "mail_search" else (service.domains.get().pk,))
    assert client.get(f"{url}?service={service.pk}").status_code == 200
    assert client.post(url, {"query": "bob@far.test"}).status_code == 429
    assert not MailLookup.objects.exists()


@pytest.mark.usefixtures("customer_interface")
def test_the_api(service: HostingService) -> None:
    caller = Caller(people.member(service.customer, "viewer"))
    assert code(caller.post("mail-lookups", {"service": service.pk, "query": "kim"})) == (422, "bad_query")
    made = caller.post("mail-lookups", {"service": service.pk, "query": "bob@far.test"})
    assert (made.status_code, made.json()["state"], made.json()["answer"]) == (201, "waiting", None)
    checked = caller.post("mail-lookups/check", {"mail": service.domains.get().mail.pk})
    MailLookup.objects.filter(pk=checked.json()["id"]).update(state="answered", answer=FINDINGS)
    findings = caller.get(f"mail-lookups/{checked.json()['id']}").json()["answer"]["findings"]
    assert [one["tone"] for one in findings] == ["good", "bad", "warn", "info"]
    assert code(caller.post("mail-lookups/node", {"node": service.node_id, "query": "a@b.c"})) == (422, "invalid")
