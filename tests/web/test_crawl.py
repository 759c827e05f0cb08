"""Every page that can be reached from the rail, in a real browser: what axe finds, and what the policy refuses."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urljoin, urlsplit

import pytest

from accounts.models import User
from tests import people
from tests.web.shots_data import fill

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

AXE = (Path(__file__).parent / "vendor" / "axe.min.js").read_text()
RUN_AXE = """async () => {
  const result = await axe.run(document, {resultTypes: ["violations"]});
  return result.violations.filter((v) => ["serious", "critical"].includes(v.impact))
    .flatMap((v) => v.nodes.map((n) => `${v.id}: ${n.target.join(" ")} ${n.any.map((a) => a.message).join("; ")}`));
}"""
WATCH = """addEventListener("securitypolicyviolation", (e) =>
  console.error(`policy: ${e.violatedDirective} ${e.blockedURI}`))"""
LINKS = "() => [...document.querySelectorAll('main a[href], nav a[href]')].map((a) => a.href)"
#: What a page of the same sort differs in: ids, and what is asked of a list.
_ID = re.compile(r"/(?:[0-9]+|[0-9a-f]{8}-[0-9a-f-]{27})(?=/)")
#: Not followed: it ends the session.
_LEFT_OUT = ("/admin/logout/", "/portal/account/logout/")
#: Not followed either: a browser keeps what comes, and shows no page.
_DOWNLOADS = ("/export-zone/", "/dns/export/")
#: Pages of every sort that there are at least; fewer means that the rail or the links broke.
AT_LEAST = 45
LOOKS = [(width, scheme) for width in (1440, 390) for scheme in ("light", "dark")]
START = ("/admin/", "/admin/search/?q=a", "/admin/search/?q=quark")


def sort_of(address: str) -> str:
    """What a page is, without which object it shows: path with ids blotted out, and the tab."""
    parts = urlsplit(address)
    tab = re.search(r"tab=\w+", parts.query)
    return _ID.sub("/…", parts.path) + (f"?{tab[0]}" if tab else "")


def crawl(view: Any, visit: Callable[[str, Any], None], start: tuple[str, ...] = START) -> set[str]:
    """Open one page of every sort, beginning at the first ones, and call ``visit`` on each.

    Args:
        start: the first pages; links that leave the first one's folder are not followed.
    """
    known: set[str] = set()
    waiting = list(start)
    while waiting:
        address = waiting.pop(0)
        sort = sort_of(address) + ("?q" if "search/?q" in address else "")
        path = urlsplit(address).path
        if sort in known or path in _LEFT_OUT or path.endswith(_DOWNLOADS):
            continue
        known.add(sort)
        page = view.open(urlsplit(address)._replace(scheme="", netloc="", fragment="").geturl())
        visit(sort, page)
        here = urlsplit(view.address).netloc
        links = (urljoin(page.url, link) for link in page.evaluate(LINKS))
        waiting += [
            link for link in links if urlsplit(link).netloc == here and urlsplit(link).path.startswith(start[0])
        ]
    return known


@pytest.mark.parametrize("language", ["", "de"])
def test_no_reachable_page_has_a_serious_barrier(window: Callable[..., Any], language: str) -> None:
    """axe finds nothing serious or critical, wide and narrow, light and dark; nothing is wider than the window."""
    fill()
    User.objects.filter(pk=people.admin().pk).update(language=language)
    view = window(bypass_csp=True).sign_in()
    found: dict[str, list[str]] = {}

    def visit(sort: str, page: Any) -> None:
        page.evaluate(AXE)
        assert not language or page.evaluate("document.documentElement.lang") == language, sort
        found.update(problems_of(view, sort))

    assert len(crawl(view, visit)) >= AT_LEAST
    assert found == {}


def problems_of(view: Any, sort: str) -> dict[str, list[str]]:
    """What axe finds on the open page, and by how much it is too wide, by the look it has."""
    found = {}
    for width, scheme in LOOKS:
        view.page.set_viewport_size({"width": width, "height": 900})
        view.page.emulate_media(color_scheme=scheme)
        wide = [f"{view.overflow()} px too wide"] if view.overflow() else []
        if problems := [*view.page.evaluate(RUN_AXE), *wide]:
            found[f"{sort} {width} {scheme}"] = problems
    return found


def test_no_reachable_page_breaks_the_policy(window: Callable[..., Any]) -> None:
    """With menus open and the palette in use, no page violates the Content-Security-Policy or throws an error."""
    fill()
    view = window().sign_in()
    refused: list[str] = []
    view.page.add_init_script(WATCH)

    def visit(sort: str, page: Any) -> None:
        page.evaluate("() => document.querySelectorAll('details').forEach((d) => d.setAttribute('open', ''))")
        page.keyboard.press("Control+k")
        refused.extend(f"{sort}: {text}" for text in view.complaints)
        view.complaints.clear()

    assert len(crawl(view, visit)) >= AT_LEAST
    assert refused == []


def test_the_palette_by_keyboard(window: Callable[..., Any]) -> None:
    """ "/" opens it, typing finds, arrows choose, Enter opens; Escape closes; in a field "/" is a letter."""
    fill()
    view = window()
    view.open("/admin/login/").locator("body").press("/")  # nobody is signed in: nothing opens, nothing breaks
    page = view.sign_in().page
    page.keyboard.press("/")
    field = page.get_by_role("combobox", name="Search everything")
    field.wait_for()
    page.keyboard.type("domain:brezel")
    option = page.get_by_role("option", name="brezel.example")
    option.wait_for()
    assert option.get_attribute("aria-selected") == "true"
    assert field.get_attribute("aria-activedescendant") == option.get_attribute("id")
    page.keyboard.press("Enter")
    page.wait_for_url("**/admin/hosting/domain/*/change/")
    page.keyboard.press("Control+k")
    field.wait_for()
    page.keyboard.type("ad")
    page.get_by_role("option", name="Ada Lovelace").first.wait_for()
    first = field.get_attribute("aria-activedescendant")
    page.keyboard.press("ArrowDown")
    assert field.get_attribute("aria-activedescendant") != first
    page.keyboard.press("Escape")
    assert not field.is_visible()
    view.open("/admin/hosting/hostingservice/").locator("#searchbar").focus()
    page.keyboard.press("/")
    assert page.locator("#searchbar").input_value() == "/" and not field.is_visible()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_palette_has_no_serious_barrier(window: Callable[..., Any], scheme: str) -> None:
    """axe on the open palette, with hits, with none, and with its help."""
    fill()
    page = window(1440, scheme, bypass_csp=True).sign_in().page
    page.evaluate(AXE)
    page.keyboard.press("/")
    for typed, seen in (("", "domain:"), ("a", "Ada Lovelace"), ("quark", "Nothing begins with")):
        page.get_by_role("combobox").fill(typed)
        page.locator("#palette").get_by_text(seen).first.wait_for()
        assert page.evaluate(RUN_AXE) == []


def test_searching_without_scripts(window: Callable[..., Any]) -> None:
    """The search is a link to a page with a form."""
    fill()
    page = window(390, java_script_enabled=False).sign_in().page
    page.get_by_role("link", name="Search").click()
    page.get_by_role("searchbox", name="Search everything").fill("customer:ada")
    page.get_by_role("button", name="Search").click()
    page.get_by_role("link", name="Ada Lovelace").click()
    page.wait_for_url("**/admin/accounts/customer/*/change/")


def test_the_rail_is_folded_and_stays_so(window: Callable[..., Any]) -> None:
    """Folded, the rail shows icons whose names remain for those who can't see; the next page keeps it."""
    view = window().sign_in()
    page = view.page
    wide = page.locator(".rail").bounding_box()["width"]
    page.get_by_role("button", name="Fold the menu").click()
    view.open("/admin/hosting/node/")
    assert page.locator(".rail").bounding_box()["width"] < wide / 3
    page.get_by_role("link", name="Services", exact=True).click()
    page.get_by_role("button", name="Unfold the menu").click()
    assert page.locator(".rail").bounding_box()["width"] == wide
