"""Every page of the portal and of the account that people can reach: barriers, policy, width; also in German."""

from collections.abc import Callable
from typing import Any

import pytest
from django.conf import settings as django_settings
from django.test import Client

from accounts.choices import MemberAccess
from accounts.models import User
from accounts.services.impersonation import ask_impersonation
from hosting.portal import fetching
from tests import people
from tests.web.portal import cookie_for, site
from tests.web.portal_shots import fill
from tests.web.test_crawl import AXE, WATCH, crawl, problems_of

pytestmark = [
    pytest.mark.browser,
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("customer_interface"),
]
#: Pages of every sort that each of them reaches at least.
AT_LEAST = {"owner": 34, "viewer": 18, "reseller": 36, "acting": 24}


def enter(view: Any, who: str, language: str = "") -> tuple[str, ...]:
    """Sign somebody in; give where the crawl begins."""
    shown = fill()
    owner, pages = shown[0]
    person, pages = {"reseller": shown[-1]}.get(who, (owner, pages))
    if who == "viewer":
        person = people.member(owner.memberships.get().customer, MemberAccess.VIEWER)
    cookie = cookie_for(person, view.address)
    if language:
        User.objects.filter(pk=person.pk).update(language=language)
    if who == "acting":
        cookie["value"] = _acting(owner)
    view.page.context.add_cookies([cookie])
    sorts = ("operation-",) if who == "viewer" else ("operation-", "record-", "del")  # a viewer is offered no form
    return ("/portal/", *(path for name, path in pages.items() if name.startswith(sorts)))


def _acting(person: User) -> str:
    """The session of an operator who acts as the person."""
    operator, client = people.support(), Client()
    reason = "Ticket 4711: the shop is slow"
    actor = people.actor(operator, "admin")
    ticket = ask_impersonation(actor=actor, operator=operator, user=person, reason=reason)[1]
    assert client.post("/portal/account/impersonate/", {"ticket": ticket}).status_code == 200
    return client.cookies[django_settings.SESSION_COOKIE_NAME].value


@pytest.fixture(autouse=True)
def surroundings(settings: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    """No name server answers; the node shows a site."""
    settings.NPANEL_HEALTH_RESOLVERS = []
    with site(b"<!DOCTYPE html><html lang=en><title>a bakery</title><h1>a bakery</h1></html>") as port:
        monkeypatch.setattr(fetching, "PORT", port)
        yield


@pytest.mark.parametrize(("who", "language"), [*((who, "") for who in AT_LEAST), ("owner", "de"), ("reseller", "de")])
def test_no_reachable_page_has_a_serious_barrier(window: Callable[..., Any], who: str, language: str) -> None:
    """axe finds nothing serious or critical, wide and narrow, light and dark; nothing is wider than the window."""
    view = window(bypass_csp=True)
    start, found = enter(view, who, language), dict[str, list[str]]()

    def visit(sort: str, page: Any) -> None:
        page.evaluate(AXE)
        assert not language or page.evaluate("document.documentElement.lang") == language, sort
        found.update(problems_of(view, sort))

    seen = crawl(view, visit, start)
    assert found == {}
    assert len(seen) >= AT_LEAST[who], sorted(seen)


@pytest.mark.parametrize("who", AT_LEAST)
def test_no_reachable_page_breaks_the_policy(window: Callable[..., Any], who: str) -> None:
    """With its menus open, no page violates the Content-Security-Policy or throws an error."""
    view = window()
    start, refused = enter(view, who), list[str]()
    view.page.add_init_script(WATCH)

    def visit(sort: str, page: Any) -> None:
        page.evaluate("() => document.querySelectorAll('details').forEach((d) => d.setAttribute('open', ''))")
        acting = page.locator(".acting").count()
        refused.extend(f"{sort}: {text}" for text in view.complaints)
        if acting != (who == "acting"):
            refused.append(f"{sort}: {acting} bars")
        view.complaints.clear()

    assert len(crawl(view, visit, start)) >= AT_LEAST[who]
    assert refused == []
