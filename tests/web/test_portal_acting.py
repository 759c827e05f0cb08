"""An operator acts as a customer's person: the bar on every page, nothing of what is the person's alone, both names."""

import re
from urllib.parse import urlsplit

import pytest
from django.test import Client
from django.urls import reverse

from accounts.services.impersonation import ask_impersonation
from hosting.models import Operation
from tests import people
from tests.web.pages import words
from tests.web.portal import Account, account
from tests.web.tenants import addresses

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("customer_interface")]
REASON = "Ticket 4711: the shop is slow"


@pytest.fixture
def anna() -> Account:
    return account()


@pytest.fixture
def acting(anna: Account, client: Client) -> Client:
    """A browser in which support acts as the owner."""
    operator = people.support()
    actor = people.actor(operator, "admin")
    ticket = ask_impersonation(actor=actor, operator=operator, user=anna.person(), reason=REASON)[1]
    assert client.post("/portal/account/impersonate/", {"ticket": ticket}).status_code == 200
    return client


def test_the_bar_is_on_every_page(anna: Account, acting: Client) -> None:
    """Who acts as whom, why, and the button that ends it."""
    pages = [reverse(f"portal:{name}") for name in ("home", "domains", "databases", "activity", "domain_add")]
    pages += [reverse(f"portal:{name}", args=(anna.domain.pk,)) for name in ("domain", "dns", "record_add", "preview")]
    pages += [
        reverse("portal:service", args=(anna.service.pk,)),
        reverse("portal:operation", args=(anna.operation.pk,)),
    ]
    for address in pages:
        page = acting.get(address)
        assert f"support@panel.test acts as {anna.person().email}" in words(page), address
        assert REASON in words(page) and "/portal/account/impersonate/end/" in page.content.decode()


def test_what_is_the_persons_alone_is_shut_and_not_offered(acting: Client) -> None:
    """People, security, tokens, sessions: 403 by every address, and no entry of any menu leads there."""
    page = acting.get(reverse("portal:home")).content.decode()
    for name in ("portal:people", "account_security", "portal:language"):
        assert f'="{reverse(name)}"' not in page, name
    alone = [
        a
        for a in addresses("npanel.urls_portal", "/portal/")
        if a.route.startswith(("/portal/people/", "/portal/account/"))
    ]
    left = ("account_impersonation", "account_impersonation_end", "account_logout")
    for path in (re.sub(r"<[^>]+>", "1", address.route) for address in alone if address.name not in left):
        assert acting.get(path).status_code == 403, path


def test_the_persons_language_stays_theirs(anna: Account, acting: Client) -> None:
    """An operator does not choose it for them."""
    acting.post(reverse("portal:language"), {"language": "de"})
    assert anna.person().language == ""


def test_what_was_done_has_both_names(anna: Account, acting: Client) -> None:
    """A change that the operator made as the owner is told with both names."""
    acting.post(
        reverse("portal:record_add_kind", args=(anna.domain.pk, "txt")),
        {"name": "x", "type": "TXT", "text": "hello", "content": "hello", "ttl": "3600"},
    )
    row = Operation.objects.order_by("-created_at")[0]
    assert row.actor["impersonator_login"] == "support@panel.test"
    told = words(acting.get(reverse("portal:activity")))
    assert f"support@panel.test for {anna.person().email}" in told


def test_it_ends_by_its_button(acting: Client) -> None:
    assert acting.post("/portal/account/impersonate/end/").status_code == 200
    away = acting.get(reverse("portal:home"))
    assert away.status_code == 302 and urlsplit(away["Location"]).path == "/portal/account/login/"
