"""Signing in with a real browser: authenticator app, recovery code, passkey; an operator who acts as a customer."""

import re
from collections.abc import Callable
from typing import Any

import pytest
from django.urls import NoReverseMatch, reverse

from accounts.models import Impersonation
from audit.models import Event
from npanel.interfaces import interface_settings
from tests import factories, people
from tests.unit.accounts.doors import code, letters
from tests.web.test_browser import AXE, RUN_AXE

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
ACCOUNT = "/admin/account/"
#: A passkey as a phone has one: found by itself, opened by a finger.
AUTHENTICATOR = {
    "protocol": "ctap2", "transport": "internal", "hasResidentKey": True, "hasUserVerification": True,
    "isUserVerified": True, "automaticPresenceSimulation": True,
}  # fmt: skip


def sign_out(page: Any) -> None:
    """By the menu."""
    page.locator("details.menu summary").last.click()
    page.get_by_role("button", name="Sign out").click()
    page.wait_for_url(f"**{ACCOUNT}login/")


def type_password(view: Any) -> None:
    """The first step."""
    view.open(f"{ACCOUNT}login/")
    view.page.get_by_label("E-mail address").fill(people.admin().email)
    view.page.get_by_label("Password").fill(people.PASSWORD)
    view.page.get_by_role("button", name="Sign in", exact=True).click()


def add_app(page: Any) -> tuple[str, str]:
    """Add an authenticator app; gives its key and one recovery code."""
    page.get_by_role("link", name="Add app").click()
    page.wait_for_url("**/second-factor/app/")
    secret = page.locator("#totp-key").inner_text()
    assert page.locator("img.qr").evaluate("image => image.naturalWidth") > 0, "the picture is shown under our policy"
    page.get_by_label("Code").fill(code(secret))
    page.get_by_role("button", name="Add app").click()
    page.wait_for_url("**/second-factor/codes/")
    assert page.locator(".codes li").count() == 10
    with page.expect_download() as download:
        page.get_by_role("link", name="Download as text").click()
    spare = page.locator(".codes li").first.inner_text()
    assert spare in download.value.path().read_text()
    return secret, spare


def test_an_authenticator_app_and_a_recovery_code(window: Callable[..., Any]) -> None:
    """Add the app, sign out, come back by its code; then by a recovery code."""
    view = window().sign_in()
    page = view.open(ACCOUNT)
    secret, spare = add_app(page)
    for answer in (code(secret, ahead=1), spare):
        view.open(ACCOUNT)
        sign_out(page)
        type_password(view)
        page.wait_for_url("**/second-factor/step/")
        page.get_by_label("Code").fill(answer)
        page.get_by_role("button", name="Go on").click()
        page.wait_for_url("**/admin/")
    assert "9 codes left" in view.open(ACCOUNT).inner_text("main")


def test_a_passkey_signs_in_without_password(window: Callable[..., Any]) -> None:
    """Make a passkey on a virtual authenticator, sign out, and come back with it alone; it proves again, too."""
    view = window().sign_in()
    devtools = view.page.context.new_cdp_session(view.page)
    devtools.send("WebAuthn.enable")
    devtools.send("WebAuthn.addVirtualAuthenticator", {"options": AUTHENTICATOR})
    page = view.open(f"{ACCOUNT}passkeys/add/")
    page.get_by_label("Name").fill("My phone")
    page.get_by_role("button", name="Make the passkey").click()
    page.wait_for_url("**/second-factor/codes/")
    assert "My phone" in view.open(ACCOUNT).inner_text("main")
    sign_out(page)
    page.get_by_role("button", name="Use a passkey").click()
    page.wait_for_url("**/admin/")
    event = Event.objects.filter(verb="user.sign_in").latest("id")
    assert event.after["with"] == ["webauthn"]

    view.open(ACCOUNT)
    sign_out(page)
    type_password(view)
    page.wait_for_url("**/second-factor/step/")
    page.get_by_role("button", name="Use a passkey").click()
    page.wait_for_url("**/admin/")


def test_the_door_without_scripts(window: Callable[..., Any]) -> None:
    """Sign-in and a session's end need no scripts; what needs them is not shown."""
    view = window(390, java_script_enabled=False)
    type_password(view)
    view.page.wait_for_url("**/admin/")
    other = window(390, java_script_enabled=False)
    assert not other.open(f"{ACCOUNT}login/").get_by_role("button", name="passkey").is_visible()
    type_password(other)
    other.page.wait_for_url("**/admin/")
    page = view.open(f"{ACCOUNT}sessions/")
    page.get_by_role("button", name="End session").first.click()
    page.wait_for_url("**/sessions/")
    assert "That session has ended" in page.inner_text("main")
    other.open("/admin/")
    assert "/login/" in other.page.url


def test_a_letter_read_on_another_site(window: Callable[..., Any], settings: Any) -> None:
    """A reset link works from a mail program on another site, whose clicks bring no Strict cookies along."""
    view, me = window(), people.admin()
    settings.NPANEL_ADMIN_URL = view.address
    page = view.open(f"{ACCOUNT}password/reset/")
    page.get_by_label("E-mail address").fill(me.email)
    page.get_by_role("button", name="Send the letter").click()
    page.wait_for_url("**/sent/")
    link = re.search(r"http://\S+/password/reset/key/\S+", letters()[0].body)
    assert link
    page.goto(view.address.replace("localhost", "127.0.0.1") + f"{ACCOUNT}login/")
    page.evaluate("address => { location.href = address }", link[0])
    page.get_by_label("New password", exact=True).fill("some other words 77")
    page.get_by_label("New password once more").fill("some other words 77")
    page.get_by_role("button", name="Change password").click()
    page.wait_for_url("**/password/reset/done/")
    me.refresh_from_db()
    assert me.check_password("some other words 77")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1440, 390])
def test_no_page_of_the_account_has_a_barrier(window: Callable[..., Any], width: int, scheme: str) -> None:
    """axe finds nothing serious, and no page is wider than its window."""
    view = window(width, scheme, bypass_csp=True)
    found = {}

    def look(name: str) -> None:
        view.page.evaluate(AXE)
        found[name] = [*view.page.evaluate(RUN_AXE), *(["too wide"] if view.overflow() else [])]

    for path in ("login/", "password/reset/", "password/reset/sent/", "inactive/"):
        view.open(f"{ACCOUNT}{path}")
        look(path)
    view.sign_in()
    for path in ("", "password/", "sessions/", "history/", "passkeys/add/", "second-factor/app/"):
        view.open(f"{ACCOUNT}{path}")
        look(path or "overview")
    page = view.open(ACCOUNT)
    add_app(page)
    look("codes")
    for path in ("second-factor/codes/new/", "second-factor/app/remove/"):
        view.open(f"{ACCOUNT}{path}")
        look(path)
    person = people.member(factories.make_customer())
    for path in ("access/", "impersonate/"):
        view.open(f"/admin/accounts/user/{person.pk}/{path}")
        look(path)
    assert {name: problems for name, problems in found.items() if problems} == {}


def test_an_operator_acts_as_a_customer_s_owner(window: Callable[..., Any], settings: Any) -> None:
    """From the console to the portal on another site; the bar stays until its button ends it."""
    owner = people.member(factories.make_customer())
    view = window().sign_in()
    settings.NPANEL_PORTAL_URL = view.address.replace("localhost", "127.0.0.1")
    page = view.open(f"/admin/accounts/user/{owner.pk}/access/")
    page.get_by_role("link", name="Act as this person").click()
    page.get_by_label("Reason").fill("Ticket 4711")
    page.get_by_role("button", name="Act as").click()
    page.get_by_role("button", name="Open the portal").wait_for()
    serve_customers(settings)
    page.get_by_role("button", name="Open the portal").click()
    page.wait_for_url(re.compile(r"127\.0\.0\.1:\d+/portal/(?!account/impersonate/)"))
    bar = page.get_by_role("region", name="Impersonation")
    assert "admin@panel.test acts as" in bar.inner_text() and "Ticket 4711" in bar.inner_text()
    assert "npimp_" not in page.url
    page.goto(f"{settings.NPANEL_PORTAL_URL}/portal/account/password/")
    assert "Not while you act as somebody" in page.inner_text("main") and bar.is_visible()
    view.complaints.clear()  # Chromium tells of each 403 on its console
    bar.get_by_role("button", name="Stop acting").click()
    assert "You are yourself again" in page.inner_text("main")
    page.goto(f"{settings.NPANEL_PORTAL_URL}/portal/account/")
    assert "/portal/account/login/" in page.url
    assert Impersonation.objects.get().ended_at is not None


def serve_customers(settings: Any) -> None:
    """From now on this process serves the customers' interface."""
    for name, value in {**interface_settings("customer"), "NPANEL_INTERFACE": "customer"}.items():
        setattr(settings, name, value)
    try:
        reverse(settings.LOGIN_REDIRECT_URL)
    except NoReverseMatch:
        settings.LOGIN_REDIRECT_URL = "account_security"
