"""The portal in a real browser: a customer's first hour with and without scripts, widths, accessibility, policy."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.urls import reverse

from accounts.models import User
from hosting.models import DnsRecord, Domain, HostingService
from hosting.portal import fetching
from tests import factories, people
from tests.unit.portal.name_server import name_server
from tests.unit.services.world import World
from tests.web import rows
from tests.web.portal import account, cookie_for, site, worker
from tests.web.portal_shots import fill
from tests.web.test_browser import AXE, RUN_AXE

pytestmark = [
    pytest.mark.browser,
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("customer_interface"),
]


#: A customer's page whose script tries what a page of the portal could do, and writes down what came of it.
TRIES_ALL = b"""<!DOCTYPE html><html><body><p>a bakery</p><script>
(async () => {
  const say = (text) => document.body.append(document.createElement("br"), text);
  const attempt = async (what, act) => {
    try { say(what + ": " + ((await act()) ? "REACHED" : "refused")); } catch { say(what + ": refused"); }
  };
  say("origin " + self.origin);
  await attempt("cookie", () => document.cookie);
  await attempt("storage", () => localStorage);
  await attempt("portal", async () => (await fetch("/portal/")).ok);
  await attempt("parent", () => parent.document.title);
  await attempt("worker", () => navigator.serviceWorker.register("/sw.js"));
  say("tried all");
})();
</script></body></html>"""


def enter(view: Any, person: User, path: str) -> Any:
    """Open a page as somebody who has signed in."""
    view.page.context.add_cookies([cookie_for(person, view.address)])
    return view.open(path)


@pytest.mark.parametrize("scripts", [True, False])
def test_a_customers_first_hour(window: Callable[..., Any], world: World, settings: Any, scripts: bool) -> None:
    """Add a domain that points elsewhere, a record and a database; take the record back. With and without scripts."""
    service = world.host("anna.example", customer=factories.make_customer(name="Anna"))
    settings.NPANEL_HEALTH_RESOLVERS = []
    view = window(1440 if scripts else 390, java_script_enabled=scripts)
    table = {("bakery.example", "NS"): ["ns1.other.example."], ("bakery.example", "A"): ["203.0.113.9"]}
    with name_server(table) as server, worker():
        settings.NPANEL_HEALTH_RESOLVERS = server.setting
        page = enter(view, people.member(service.customer), "/portal/")
        _add_domain(page, scripts)
        assert world.status("bakery.example") == 200
        _add_record_and_undo(page, scripts)
        _add_database(page)
    assert Domain.objects.filter(name_key="bakery.example").exists()
    assert not DnsRecord.objects.filter(name="shop").exists()
    assert view.overflow() == 0


def _add_domain(page: Any, scripts: bool) -> None:
    page.get_by_role("link", name=re.compile("Begin.*Add your domain")).click()
    page.get_by_label("Domain", exact=True).fill("Bakery.example")
    page.get_by_role("button", name="Check the name").click()
    if not scripts:
        page.get_by_role("link", name="Look now").click()
    page.get_by_text("Your domain still points to ns1.other.example.").wait_for()
    assert page.get_by_text("ns2.panel.test").is_visible() and page.get_by_text("203.0.113.9").is_visible()
    page.get_by_role("button", name="See what is set up").click()
    _apply(page, "Shows your site to visitors of bakery.example.")


def _add_record_and_undo(page: Any, scripts: bool) -> None:
    page.get_by_role("link", name="bakery.example").last.click()
    page.get_by_role("link", name="DNS records").click()
    page.get_by_role("link", name="Add record").click()
    page.get_by_label("Name", exact=True).fill("shop")
    page.get_by_label("IPv4 address").fill("192.0.2.300")
    page.get_by_role("button", name="See what changes").click()
    assert "is not valid" in page.get_by_role("alert").inner_text()
    assert page.get_by_label("Name", exact=True).input_value() == "shop"
    page.get_by_label("IPv4 address").fill("192.0.2.33")
    page.get_by_role("button", name="See what changes").click()
    _apply(page, "192.0.2.33")
    page.get_by_role("button", name="Undo").click()
    _apply(page, "192.0.2.33")
    page.get_by_role("link", name="DNS of bakery.example").last.click()
    assert "192.0.2.33" not in page.content()


def _add_database(page: Any) -> None:
    page.goto(page.url.split("/portal/")[0] + "/portal/databases/")
    page.get_by_role("link", name="Add database").first.click()
    page.get_by_label("Name", exact=True).fill("shop")
    assert len(page.get_by_label("Password").input_value()) == 24
    page.get_by_role("button", name="Apply at once").click()
    page.get_by_text("Done.", exact=True).wait_for()
    page.reload()
    page.get_by_role("link", name="Databases").last.click()
    page.get_by_role("heading", name="anna_shop").wait_for()


def _apply(page: Any, line: str) -> None:
    """Wait for the plan, read a line of it, apply it, wait for the end."""
    page.get_by_role("button", name="Apply", exact=True).wait_for()
    assert page.get_by_text(line).first.is_visible()
    page.get_by_role("button", name="Apply", exact=True).click()
    page.get_by_text("Done.", exact=True).wait_for()


def test_a_preview_is_an_origin_of_its_own(window: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> None:
    """A customer's script runs in its frame and reaches nothing: no cookie, no storage, no page of the portal."""
    own = account(node=rows.node("web-1", public_addresses=["127.0.0.1"]))
    view = window()
    with site(TRIES_ALL) as port:
        monkeypatch.setattr(fetching, "PORT", port)
        page = enter(view, own.person(), reverse("portal:preview", args=(own.domain.pk,)))
        frame = page.frame_locator(".preview-frame")
        frame.get_by_text("tried all").wait_for()
        said = frame.locator("body").inner_text()
    assert "origin null" in said
    assert all(f"{what}: refused" in said for what in ("cookie", "storage", "portal", "parent", "worker")), said
    assert page.title().startswith("Preview")
    assert all("CORS policy" in text or "ERR_FAILED" in text for text in view.complaints), view.complaints
    view.complaints.clear()  # the browser's own word on what it refused to the script


@pytest.mark.parametrize("width", [1440, 390])
def test_no_page_is_wider_than_its_window(window: Callable[..., Any], settings: Any, width: int) -> None:
    """Every page fits, wide and narrow; none breaks the content security policy (the fixture looks)."""
    settings.NPANEL_HEALTH_RESOLVERS = []
    wide = {}
    for person, pages in fill():
        view = window(width)
        for name, path in pages.items():
            if name != "preview":  # no web server there
                enter(view, person, path)
                if view.overflow():
                    wide[name] = view.overflow()
    assert wide == {}


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_no_page_has_a_serious_barrier(window: Callable[..., Any], settings: Any, scheme: str) -> None:
    """axe finds nothing serious or critical on any page, in either theme."""
    settings.NPANEL_HEALTH_RESOLVERS = []
    found = {}
    for person, pages in fill():
        view = window(1440, scheme, bypass_csp=True)
        for name, path in pages.items():
            if name != "preview":
                page = enter(view, person, path)
                page.evaluate(AXE)
                if problems := page.evaluate(RUN_AXE):
                    found[name] = problems
    assert found == {}


def test_the_drawer_on_phones(window: Callable[..., Any]) -> None:
    """The menu opens, leads on, and closes with Escape; the skip link comes first."""
    service: HostingService = factories.make_service()
    view = window(390)
    page = enter(view, people.member(service.customer), reverse("portal:home"))
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Skip to the content"
    assert not page.get_by_role("link", name="Databases").is_visible()
    page.keyboard.press("Tab")  # the skip link goes out of the way
    page.get_by_role("link", name="Open menu").click()
    page.keyboard.press("Escape")
    page.get_by_role("link", name="Open menu").click()
    page.get_by_role("link", name="Databases").click()
    page.wait_for_url("**/portal/databases/**")


def test_htmx_may_not_evaluate() -> None:
    """The vendored library is configured by the page: no eval, no inline style."""
    template = Path("templates/portal/base.html").read_text()
    assert '"allowEval": false' in template and '"includeIndicatorStyles": false' in template
