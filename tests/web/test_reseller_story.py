"""A reseller in a real browser, from the first sign-in to a customer's owner who comes in; and what stays unseen."""

import re
from collections.abc import Callable
from typing import Any

import pytest

from accounts.models import Customer, Membership, Reseller
from hosting.models import HostingPlan, HostingService
from tests import factories, people
from tests.unit.accounts.doors import letters
from tests.unit.services.world import World
from tests.web.portal import worker

pytestmark = [
    pytest.mark.browser,
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("customer_interface"),
]
OWNER, CHOSEN = "anna@bakery.example", "muffins at five o'clock"


@pytest.fixture
def seller() -> Reseller:
    """A reseller with room for one customer and one service."""
    return factories.make_reseller(name="Corner Hosting", max_customers=1, max_services=1)


def test_a_resellers_story(window: Callable[..., Any], world: World, seller: Reseller, settings: Any) -> None:
    """A plan, a customer, a site; the terms hold; suspended and resumed; the owner comes in; a rival sees nothing."""
    world.host("other.example", customer=factories.make_customer(name="Somebody else"))
    view = window()
    settings.NPANEL_PORTAL_URL, settings.NPANEL_HEALTH_RESOLVERS = view.address, []
    page = sign_in(view, people.reseller(seller).email)
    _add_plan(page)
    _add_customer(page, "Anna's bakery")
    with worker():
        _host(page)
        assert world.status("bakery.example") == 200
        _beyond_the_terms(view)
        _suspend_and_resume(view, world)
    _let_the_owner_in(page)
    _own_alone(view)
    _the_owner_comes(window())
    _a_rival_sees_nothing(window())
    assert view.overflow() == 0


def sign_in(view: Any, email: str, password: str = people.PASSWORD) -> Any:
    """By the portal's form."""
    page = view.open("/portal/account/login/")
    page.get_by_label("E-mail address").fill(email)
    page.get_by_label("Password").fill(password)
    page.get_by_role("button", name="Sign in", exact=True).click()
    page.wait_for_url("**/portal/")
    return page


def _menu(page: Any, name: str) -> None:
    page.get_by_role("navigation").get_by_role("link", name=name, exact=True).first.click()


def _add_plan(page: Any) -> None:
    _menu(page, "Plans")
    page.get_by_role("link", name="New plan").first.click()
    page.get_by_label("Name", exact=True).fill("Small")
    page.get_by_label("Domains").fill("1")
    page.get_by_role("button", name="Add plan").click()
    page.get_by_role("row", name="Small").get_by_text("yours").wait_for()


def _add_customer(page: Any, name: str) -> None:
    _menu(page, "Customers")
    page.get_by_role("link", name="New customer").first.click()
    page.get_by_label("Name", exact=True).fill(name)
    page.get_by_role("button", name="Add customer").click()
    page.get_by_role("link", name=name).wait_for()


def _host(page: Any) -> None:
    page.get_by_role("link", name="Anna's bakery").click()
    page.get_by_text("Nobody may sign in for this customer yet.").wait_for()
    _ask_for_a_service(page, "bakery.example")
    _apply(page)


def _ask_for_a_service(page: Any, domain: str) -> None:
    page.get_by_role("link", name="New service").click()
    page.get_by_label("Plan", exact=True).select_option(label="Small")
    page.get_by_label("Main domain").fill(domain)
    page.get_by_role("button", name="See what is set up").click()


def _apply(page: Any) -> None:
    """Wait for the plan, apply it, wait for the end."""
    page.get_by_role("button", name="Apply", exact=True).click()
    page.get_by_text("Done.", exact=True).wait_for()


def _beyond_the_terms(view: Any) -> None:
    """One customer, one service, one domain more: each is refused in words that say the limit and the way on."""
    page = view.open("/portal/customers/add/")
    page.get_by_label("Name", exact=True).fill("Berta")
    page.get_by_role("button", name="Add customer").click()
    _refused(page, "Corner Hosting may have 1 customers", "ask the operator for a larger limit")
    assert page.get_by_label("Name", exact=True).input_value() == "Berta"
    _open_customer(view)
    _ask_for_a_service(page, "second.example")
    _refused(page, "Corner Hosting may have 1 hosting services", "ask the operator for a larger limit")
    service = HostingService.objects.get(customer__reseller__isnull=False)
    view.open(f"/portal/domains/add/?service={service.pk}")
    page.get_by_label("Domain", exact=True).fill("third.example")
    page.get_by_role("button", name="Check the name").click()
    page.get_by_role("button", name="See what is set up").click()
    _refused(page, "The plan Small allows 1 domains", "ask for a larger limit")
    assert Customer.objects.filter(reseller__isnull=False).count() == 1


def _refused(page: Any, what: str, way: str) -> None:
    said = page.get_by_role("alert").first.inner_text()
    assert what in said and way in said, said


def _open_customer(view: Any) -> Any:
    page = view.open("/portal/customers/")
    page.get_by_role("link", name="Anna's bakery").click()
    return page


def _suspend_and_resume(view: Any, world: World) -> None:
    page = _open_customer(view)
    page.get_by_role("row", name=re.compile("bakery.example")).get_by_role("link").first.click()
    service = page.url
    for action, reason, status in (("Suspend service", "unpaid", 503), ("Resume service", "paid", 200)):
        page.goto(service)
        page.locator("main details.menu summary", has_text="Actions").click()
        page.get_by_role("link", name=action).click()
        page.get_by_label("Reason").fill(reason)
        page.get_by_role("button", name="See what changes").click()
        _apply(page)
        assert world.status("bakery.example") == status


def _let_the_owner_in(page: Any) -> None:
    page.goto(page.url.split("/portal/")[0] + "/portal/customers/")
    page.get_by_role("link", name="Anna's bakery").click()
    page.get_by_role("link", name="Let somebody in").click()
    page.get_by_label("E-mail address").fill(OWNER)
    page.get_by_label(re.compile("^Owner")).check()
    page.get_by_role("button", name="Let them in").click()
    page.get_by_text("They were let in.").wait_for()
    page.get_by_role("heading", name="Anna's bakery").wait_for()
    assert OWNER in page.inner_text("main")


def _own_alone(view: Any) -> None:
    """Neither the list nor what was done names anybody else's."""
    for path in ("customers", "services", "domains", "activity"):
        text = view.open(f"/portal/{path}/").inner_text("main")
        assert "bakery" in text and "Somebody else" not in text and "other.example" not in text, path


def _the_owner_comes(view: Any) -> None:
    """By the letters: where to choose a password, the password, and the portal with the site in it."""
    page = view.page
    page.goto(_link(1, r"http://\S+/password/reset/\S*"))
    page.get_by_label("E-mail address").fill(OWNER)
    page.get_by_role("button", name="Send the letter").click()
    page.wait_for_url("**/sent/")
    page.goto(_link(2, r"http://\S+/password/reset/key/\S+"))
    page.get_by_label("New password", exact=True).fill(CHOSEN)
    page.get_by_label("New password once more").fill(CHOSEN)
    page.get_by_role("button", name="Change password").click()
    page.wait_for_url("**/password/reset/done/")
    assert "bakery.example" in sign_in(view, OWNER, CHOSEN).inner_text("main")
    assert view.open("/portal/activity/").get_by_text("unpaid").count(), "the reason is told"


def _link(number: int, wanted: str) -> str:
    """The address in the letter of that number."""
    letter = letters(number)[number - 1]
    found = re.search(wanted, letter.body)
    assert letter.to == [OWNER] and found, letter.body
    return found[0]


def _a_rival_sees_nothing(view: Any) -> None:
    """Another reseller: empty lists, and no page behind the addresses."""
    sign_in(view, people.reseller(factories.make_reseller(name="Rival")).email)
    for path in ("", "customers/", "services/", "plans/", "domains/", "activity/", "people/"):
        text = view.open(f"/portal/{path}").inner_text("main")
        assert not any(word in text for word in ("bakery", "Small", OWNER)), path
    customer = Customer.objects.get(name="Anna's bakery")
    plan, member = HostingPlan.objects.get(name="Small"), Membership.objects.get(customer=customer)
    paths = (f"customers/{customer.pk}/", f"services/{customer.services.get().pk}/", f"plans/{plan.pk}/",
             f"people/add/{customer.pk}/", f"people/{member.pk}/access/")  # fmt: skip
    for path in paths:
        assert view.page.goto(f"{view.address}/portal/{path}").status == 404, path
    view.complaints[:] = [text for text in view.complaints if "404" not in text]  # the browser's word on those pages
