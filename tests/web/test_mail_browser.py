"""Mail in a real browser: a customer's first mailbox, with and without scripts, wide and narrow."""

from collections.abc import Callable
from typing import Any

import pytest

from hosting.models import Autoreply, MailAlias, Mailbox
from tests import factories, people
from tests.unit.services.world import World
from tests.web.portal import worker
from tests.web.test_portal_browser import enter

pytestmark = [
    pytest.mark.browser,
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("customer_interface"),
]


@pytest.mark.parametrize("scripts", [True, False])
def test_a_customers_first_mailbox(window: Callable[..., Any], world: World, scripts: bool) -> None:
    """Mail on, a mailbox with the password that was shown, an answer, an address: found where people look for it."""
    service = world.host("anna.example", customer=factories.make_customer(name="Anna"))
    view = window(1440 if scripts else 390, java_script_enabled=scripts)
    with worker():
        page = enter(view, people.member(service.customer), "/portal/mail/")
        page.get_by_role("link", name="Turn mail on anna.example").click()
        page.get_by_role("button", name="See what is set up").click()
        page.get_by_role("button", name="Apply", exact=True).wait_for()
        assert page.get_by_text("Turns mail on for anna.example.").first.is_visible()
        page.get_by_role("button", name="Apply", exact=True).click()
        page.get_by_text("Done.", exact=True).wait_for()
        page.get_by_role("link", name="Email of anna.example").last.click()
        _add_mailbox(page)
        _answer(page)
        _add_address(page)
        page.get_by_role("link", name="Delivery and DNS").click()
        page.get_by_text("Mail is delivered here").wait_for()
        page.get_by_role("link", name="Mail programs").click()
        page.get_by_text("kim@anna.example").first.wait_for()
    assert Mailbox.objects.get().quota_mb == 1024 and Autoreply.objects.get().subject == "Away"
    assert MailAlias.objects.get().targets == ["kim@anna.example"]
    assert view.overflow() == 0


def _add_mailbox(page: Any) -> None:
    page.get_by_role("link", name="Add mailbox").first.click()
    page.get_by_label("Name", exact=True).fill("k im")
    assert len(page.get_by_label("Password").input_value()) == 24
    page.get_by_role("button", name="Apply at once").click()
    page.get_by_text("can't be the name of an address").first.wait_for()
    page.get_by_label("Name", exact=True).fill("Kim")
    page.get_by_role("button", name="Apply at once").click()
    _done(page)


def _answer(page: Any) -> None:
    page.get_by_role("link", name="kim@anna.example").click()
    page.get_by_role("link", name="Write one the automatic answer").click()
    page.get_by_label("Subject").fill("Away")
    page.get_by_label("Text").fill("Back soon")
    page.get_by_label("Last day").fill("2027-01-02")
    page.get_by_role("button", name="Apply at once").click()
    _done(page)


def _add_address(page: Any) -> None:
    page.get_by_role("link", name="Other addresses").click()
    page.get_by_role("link", name="Add address").first.click()
    page.get_by_label("Name", exact=True).fill("info")
    page.get_by_label("Goes to").fill("kim@anna.example")
    page.get_by_role("button", name="Apply at once").click()
    _done(page)


def _done(page: Any) -> None:
    """Wait for the end, and go back to the domain's mail."""
    page.get_by_text("Done.", exact=True).wait_for()
    page.get_by_role("link", name="Email of anna.example").last.click()
