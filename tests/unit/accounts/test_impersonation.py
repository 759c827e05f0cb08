"""An operator acts as a customer's person: asked for in the console, begun once in the portal, ended, on record."""

import re
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from accounts.choices import Role
from accounts.middleware import not_while_impersonating
from accounts.models import Customer, Impersonation, User
from accounts.services.impersonation import ask_impersonation, running
from audit.models import Event
from hosting.policies import Policy
from npanel.interfaces import interface_settings
from tests import people
from tests.unit.accounts.doors import ADMIN, PORTAL, is_in, sign_in
from tests.web.pages import words

pytestmark = pytest.mark.django_db
REDEEM = f"{PORTAL}impersonate/"
REASON = "Ticket 4711: the shop is slow"


@pytest.fixture
def owner(customer: Customer) -> User:
    """A customer's owner."""
    return people.member(customer)


def ticket_for(user: User, operator: User | None = None) -> str:
    """A ticket that an operator got."""
    operator = operator or people.support()
    actor = people.actor(operator, "admin")
    return ask_impersonation(actor=actor, operator=operator, user=user, reason=REASON)[1]


@pytest.fixture
def acting(portal: None, client: Client, owner: User) -> Client:
    """A browser in which support acts as the owner."""
    assert client.post(REDEEM, {"ticket": ticket_for(owner)}).status_code == 200
    return client


def test_support_asks_in_the_console_and_begins_in_the_portal(client: Client, owner: User, settings: Any) -> None:
    settings.NPANEL_PORTAL_URL = "https://panel.example:2083"
    sign_in(client, people.support().email)
    address = f"/admin/accounts/user/{owner.pk}/impersonate/"
    assert "Reason" in words(client.get(address))
    assert "required" in words(client.post(address, {"reason": " "}))
    answer = client.post(address, {"reason": REASON})
    page = answer.content.decode()
    ticket = re.search(r'name="ticket" value="(npimp_[^"]+)"', page)
    assert ticket and 'action="https://panel.example:2083/portal/account/impersonate/"' in page
    assert "form-action 'self' https://panel.example:2083;" in answer["Content-Security-Policy"]
    assert "https://panel" not in client.get(address)["Content-Security-Policy"]
    row = Impersonation.objects.get()
    assert ticket[1] not in str(row.__dict__) and row.until - timezone.now() <= timedelta(minutes=15)

    for name, value in {**interface_settings("customer"), "NPANEL_INTERFACE": "customer"}.items():
        setattr(settings, name, value)
    settings.LOGIN_REDIRECT_URL = "account_security"
    browser = Client(enforce_csrf_checks=True)
    assert browser.post(REDEEM, {"ticket": ticket[1]}).status_code == 200
    assert Client().post(REDEEM, {"ticket": ticket[1]}).status_code == 403, "a ticket works once"
    assert browser.session["npanel_impersonation"] == row.pk
    verbs = list(Event.objects.filter(verb__startswith="impersonation").order_by("id"))
    assert [event.verb for event in verbs] == ["impersonation.ask", "impersonation.start"]
    assert (verbs[1].actor_login, verbs[1].impersonator_login, verbs[1].reason) == (
        owner.email,
        "support@panel.test",
        REASON,
    )
    assert User.objects.get(pk=owner.pk).last_login is None, "it is no sign-in of theirs"


def test_a_ticket_lasts_a_minute(portal: None, client: Client, owner: User) -> None:
    ticket = ticket_for(owner)
    Impersonation.objects.update(ticket_until=timezone.now() - timedelta(seconds=1))
    assert client.post(REDEEM, {"ticket": ticket}).status_code == 403
    assert client.post(REDEEM, {"ticket": "npimp_guess"}).status_code == 403
    assert client.get(f"{REDEEM}?ticket={ticket}").status_code == 405
    assert not is_in(client, PORTAL)


def test_a_ticket_is_worth_nothing_in_the_console(client: Client, owner: User) -> None:
    assert client.post(f"{ADMIN}impersonate/", {"ticket": ticket_for(owner)}).status_code == 403


def test_nobody_acts_as_an_operator_or_without_reason(owner: User, client: Client) -> None:
    from django.core.exceptions import ValidationError

    admin = people.admin()
    cases = [(admin, people.support(), REASON), (admin, owner, "  "), (owner, people.stranger(), REASON)]
    for operator, user, reason in cases:
        with pytest.raises(ValidationError):
            ask_impersonation(actor=people.actor(operator, "admin"), operator=operator, user=user, reason=reason)
    sign_in(client, admin.email)
    assert client.get(f"/admin/accounts/user/{people.support().pk}/impersonate/").status_code == 403
    assert not Impersonation.objects.exists()


def test_proof_comes_first(client: Client, owner: User) -> None:
    client.force_login(people.admin())
    assert "/prove/" in client.post(f"/admin/accounts/user/{owner.pk}/impersonate/", {"reason": REASON})["Location"]
    assert not Impersonation.objects.exists()


def test_what_belongs_to_the_person_alone_stays_closed(acting: Client) -> None:
    for path in (
        "",
        "password/",
        "sessions/",
        "history/",
        "second-factor/app/",
        "passkeys/add/",
        "tokens/",
        "tokens/new/",
        "second-factor/codes/",
    ):
        assert acting.get(f"{PORTAL}{path}").status_code == 403, path
    for path in ("profile/", "language/", "sessions/end-others/"):
        assert acting.post(f"{PORTAL}{path}", {"name": "x", "language": "en"}).status_code == 403, path
    row = Impersonation.objects.get()
    from accounts.services.impersonation import acting as as_actor

    policy, customer = Policy(as_actor(row)), row.user.memberships.get().customer
    assert not policy.may("member.add", customer)
    assert Policy(people.actor(row.user)).may("member.add", customer)
    guarded = not_while_impersonating(lambda request: pytest.fail("let through"))
    from django.test import RequestFactory

    request: Any = RequestFactory().get("/")
    request.impersonation = row
    assert guarded(request).status_code == 403


def test_it_ends_by_its_button(acting: Client, owner: User) -> None:
    assert running() == 1
    assert acting.get(f"{PORTAL}impersonate/end/").status_code == 405
    answer = acting.post(f"{PORTAL}impersonate/end/")
    assert f"You no longer act as {owner.email}" in words(answer)
    assert not is_in(acting, PORTAL) and running() == 0
    event = Event.objects.get(verb="impersonation.end")
    assert (event.after["how"], event.impersonator_login) == ("button", "support@panel.test")


@pytest.mark.parametrize("how", ["time", "operator", "person"])
def test_it_ends_by_itself(acting: Client, owner: User, how: str) -> None:
    if how == "time":
        Impersonation.objects.update(until=timezone.now())
    elif how == "operator":
        User.objects.filter(email="support@panel.test").update(is_active=False)
    else:
        User.objects.filter(pk=owner.pk).update(role=Role.ADMIN)
    assert acting.get(PORTAL).status_code == 302
    assert Event.objects.get(verb="impersonation.end").after["how"] == how
    assert acting.get(PORTAL).status_code == 302
    assert Event.objects.filter(verb="impersonation.end").count() == 1


def test_every_event_has_both_names(acting: Client, owner: User, rf: Any) -> None:
    from accounts.actors import actor_from_request

    request = rf.get("/")
    request.session, request.user = acting.session, owner
    request.impersonation = Impersonation.objects.get()
    actor = actor_from_request(request)
    assert (actor.login, actor.impersonator_login) == (owner.email, "support@panel.test")


def test_the_person_sees_who_acted_as_them(acting: Client, owner: User) -> None:
    browser = Client()
    sign_in(browser, owner.email, door=PORTAL)
    page = words(browser.get(f"{PORTAL}history/"))
    assert "support@panel.test" in page and REASON in page


def test_the_ticket_is_in_no_log(portal: None, client: Client, owner: User, caplog: Any) -> None:
    ticket = ticket_for(owner)
    with caplog.at_level("DEBUG"):
        client.post(REDEEM, {"ticket": ticket})
        client.post(REDEEM, {"ticket": ticket})
    assert ticket not in caplog.text and ticket not in str(list(Event.objects.values()))
    from observability.redaction import redact_text

    assert ticket not in redact_text(f"POST {REDEEM}?x={ticket} refused")
