"""Signing in: the right people at the right door, two factors, letters, limits, and what is kept of it."""

import re
from typing import Any

import pytest
from allauth.mfa.models import Authenticator
from django.contrib.sessions.models import Session
from django.test import Client

from accounts.models import User
from audit.models import Event
from tests import factories, people
from tests.unit.accounts.doors import ADMIN, PORTAL, add_app, code, codes, is_in, letters, sign_in, wrong_code
from tests.web.pages import words

pytestmark = pytest.mark.django_db
STRANGE, HOME = "203.0.113.9", "198.51.100.7"


@pytest.fixture
def owner(db: None) -> User:
    """A customer's owner."""
    return people.member(factories.make_customer())


def test_an_operator_gets_into_the_console(client: Client) -> None:
    answer = sign_in(client, people.admin().email)
    assert (answer.status_code, answer["Location"]) == (302, "/admin/")
    event = Event.objects.get(verb="user.sign_in")
    assert (event.actor_login, event.actor_ip, event.after["with"]) == ("admin@panel.test", "127.0.0.1", ["password"])


def test_where_the_reader_wanted_to_go_is_kept(client: Client) -> None:
    there = client.get("/admin/hosting/node/")["Location"]
    assert there == "/admin/account/login/?next=/admin/hosting/node/"
    data = {"login": people.admin().email, "password": people.PASSWORD, "next": "/admin/hosting/node/"}
    assert client.post(there, data)["Location"] == "/admin/hosting/node/"
    away = {**data, "next": "https://evil.example/"}
    assert Client().post(there, away)["Location"] == "/admin/"


def test_a_wrong_password_is_refused_and_recorded(client: Client) -> None:
    me = people.admin()
    answer = client.post(
        f"{ADMIN}login/", {"login": me.email, "password": "wrong"}, headers={"user-agent": "Firefox/9 Linux"}
    )
    assert "do not belong together" in words(answer) and not is_in(client)
    event = Event.objects.get(verb="user.sign_in_failed")
    assert (event.target_id, event.after["user_agent"], event.outcome) == (str(me.pk), "Firefox/9 Linux", "denied")
    assert "wrong" not in str(event.after)


def test_nobody_can_sign_up(client: Client) -> None:
    assert client.get("/admin/account/signup/").status_code in (302, 404)
    assert client.post("/admin/account/signup/", {"email": "x@y.test", "password1": people.PASSWORD}).status_code != 200
    assert not User.objects.filter(email="x@y.test").exists()


def test_a_customer_is_refused_at_the_console(client: Client, owner: User) -> None:
    assert "does not belong to this interface" in words(sign_in(client, owner.email))
    assert not is_in(client)
    assert Event.objects.filter(
        verb="user.sign_in_failed", target_id=str(owner.pk), after__why="wrong_interface"
    ).exists()


def test_operators_are_refused_at_the_portal(portal: None, client: Client, owner: User) -> None:
    for operator in (people.admin(), people.support()):
        assert "does not belong to this interface" in words(sign_in(client, operator.email, door=PORTAL))
        assert not is_in(client, PORTAL)
    sign_in(client, owner.email, door=PORTAL)
    assert is_in(client, PORTAL)


def test_a_reseller_s_person_only_while_the_reseller_is_active(portal: None, client: Client) -> None:
    company = factories.make_reseller()
    person = people.reseller(company)
    sign_in(client, person.email, door=PORTAL)
    assert is_in(client, PORTAL)
    company.is_active = False
    company.save()
    assert not is_in(client, PORTAL)
    assert "does not belong" in words(sign_in(Client(), person.email, door=PORTAL))


def test_somebody_who_may_not_sign_in_is_told_so(client: Client) -> None:
    me = people.support()
    User.objects.filter(pk=me.pk).update(is_active=False)
    answer = client.post(f"{ADMIN}login/", {"login": me.email, "password": people.PASSWORD}, follow=True)
    assert "This account may not sign in" in words(answer) and not is_in(client)


def test_a_session_is_worth_nothing_on_the_other_interface(client: Client, owner: User, settings: Any) -> None:
    """The same key under the other interface's cookie name, as a browser sends it to a sibling port."""
    sign_in(client, people.admin().email)
    key = client.cookies["npanel_admin_session"].value
    settings.NPANEL_INTERFACE = "customer"
    from npanel.interfaces import interface_settings

    for name, value in interface_settings("customer").items():
        setattr(settings, name, value)
    thief = Client()
    thief.cookies["npanel_portal_session"] = key
    assert thief.get(PORTAL).status_code == 302
    assert not Session.objects.filter(session_key=key).exists(), "what was carried over is ended"


def test_the_session_key_changes_with_each_step(client: Client) -> None:
    client.get(f"{ADMIN}login/")
    keys = set()
    sign_in(client, people.admin().email)
    keys.add(client.cookies["npanel_admin_session"].value)
    add_app(client)
    keys.add(client.cookies["npanel_admin_session"].value)
    secret_client = Client()
    sign_in(secret_client, people.admin().email)
    before = secret_client.cookies["npanel_admin_session"].value
    assert secret_client.get(ADMIN).status_code == 302, "the password alone is not enough any more"
    keys.add(before)
    assert len(keys) == 3


def test_the_second_factor_is_asked_for(client: Client) -> None:
    me = people.admin()
    sign_in(client, me.email)
    secret = add_app(client)
    shown = codes(client)
    assert len(shown) == 10
    download = client.get(f"{ADMIN}second-factor/codes/download/")
    assert all(one in download.content.decode() for one in shown) and "attachment" in download["Content-Disposition"]
    stored = Authenticator.objects.get(user=me, type="totp").data["secret"]
    assert secret not in stored, "what the database holds makes no codes"

    other = Client()
    assert sign_in(other, me.email)["Location"] == f"{ADMIN}second-factor/step/"
    step = f"{ADMIN}second-factor/step/"
    assert "That code is not right" in words(other.post(step, {"code": wrong_code(secret)}))
    before = other.cookies["npanel_admin_session"].value
    assert other.post(step, {"code": shown[0]})["Location"] == "/admin/"
    assert is_in(other) and other.cookies["npanel_admin_session"].value != before
    third = Client()
    sign_in(third, me.email)
    assert "That code is not right" in words(third.post(step, {"code": shown[0]})), "each code works once"
    assert Event.objects.filter(verb="user.sign_in_failed", after__why="second_factor").count() == 2
    assert Event.objects.filter(verb="second_factor.add").count() == 1


def test_codes_are_shown_for_some_minutes_only(client: Client) -> None:
    sign_in(client, people.admin().email)
    add_app(client)
    session = client.session
    session["npanel_codes_until"] = 0
    session.save()
    assert codes(client) == []
    assert client.get(f"{ADMIN}second-factor/codes/download/").status_code == 404


def test_an_operator_without_second_factor_gets_only_enrolment(client: Client, settings: Any) -> None:
    settings.NPANEL_REQUIRE_STAFF_2FA = True
    sign_in(client, people.support().email)
    for address in ("/admin/", "/admin/hosting/node/", "/admin/accounts/customer/"):
        assert client.get(address)["Location"] == ADMIN
    assert "Add a second factor first" in words(client.get(ADMIN))
    assert client.get("/admin/account/tokens/").status_code in (302, 404), "no token before it, either"
    add_app(client)
    assert client.get("/admin/").status_code == 200


def test_what_is_sensitive_wants_fresh_proof(client: Client) -> None:
    me = people.support()
    client.force_login(me)
    for address in ("password/", "second-factor/app/", "passkeys/add/"):
        assert f"{ADMIN}prove/" in client.get(f"{ADMIN}{address}")["Location"]
    key = client.session.session_key
    assert "That is not your password" in words(client.post(f"{ADMIN}prove/", {"password": "no"}))
    assert (
        client.post(f"{ADMIN}prove/?next={ADMIN}password/", {"password": people.PASSWORD})["Location"]
        == f"{ADMIN}password/"
    )
    assert client.session.session_key != key
    assert client.get(f"{ADMIN}password/").status_code == 200
    add_app(client)
    old = Client()
    old.force_login(me)
    assert f"{ADMIN}prove/code/" in old.get(f"{ADMIN}password/")["Location"], (
        "who has a second factor proves it by that"
    )
    assert old.get(f"{ADMIN}prove/")["Location"].startswith(f"{ADMIN}prove/code/")


def test_a_new_password_is_not_kept_in_the_session(client: Client) -> None:
    """A form that leads to proof first is not stored: what it held would lie in the database."""
    client.force_login(people.support())
    client.post(
        f"{ADMIN}password/", {"oldpassword": "x", "password1": "planted-secret-1", "password2": "planted-secret-1"}
    )
    assert "planted-secret-1" not in str(dict(client.session.items()))


def test_a_new_password_ends_the_other_sessions(client: Client) -> None:
    me = people.support()
    other = Client()
    sign_in(client, me.email)
    sign_in(other, me.email)
    new = "a new and odd one 31"
    client.post(f"{ADMIN}password/", {"oldpassword": people.PASSWORD, "password1": new, "password2": new})
    assert is_in(client) and not is_in(other)
    assert len(re.findall("last seen", words(client.get(f"{ADMIN}sessions/")))) == 1


def test_sessions_are_listed_and_ended(client: Client) -> None:
    me, other, third = (
        people.support(),
        Client(headers={"user-agent": "Mozilla/5.0 (X11; Linux) Firefox/130.0"}),
        Client(),
    )
    for browser in (client, other, third):
        sign_in(browser, me.email)
    page = client.get(f"{ADMIN}sessions/")
    assert "Firefox on Linux" in words(page) and "this one" in words(page)
    ends = re.findall(r'action="(/admin/account/sessions/\d+/end/)"', page.content.decode())
    assert len(ends) == 2
    client.post(ends[0])
    assert [is_in(other), is_in(third)].count(True) == 1
    stranger = Client()
    sign_in(stranger, people.admin().email)
    assert stranger.post(ends[1]).status_code == 404, "somebody else's session is not there"
    client.post(f"{ADMIN}sessions/end-others/")
    assert not is_in(other) and not is_in(third) and is_in(client)


def test_the_history_is_one_s_own(client: Client) -> None:
    sign_in(Client(), people.support().email, "wrong")
    sign_in(client, people.support().email)
    sign_in(Client(), people.admin().email)
    events = client.get(f"{ADMIN}history/").context["events"]
    assert [event.verb for event in events] == ["user.sign_in", "user.sign_in_failed"]
    assert {event.target_label for event in events} == {"support@panel.test"}


def test_sign_out_ends_the_session(client: Client) -> None:
    sign_in(client, people.support().email)
    key = client.session.session_key
    assert client.get(f"{ADMIN}logout/").status_code == 200 and is_in(client), "a link signs nobody out"
    assert client.post(f"{ADMIN}logout/")["Location"] == f"{ADMIN}login/"
    assert not is_in(client) and not Session.objects.filter(session_key=key).exists()


def test_the_reset_link_ignores_the_host_header(portal: None, client: Client, owner: User, settings: Any) -> None:
    settings.NPANEL_PORTAL_URL = "https://panel.example:2083"
    settings.ALLOWED_HOSTS = ["*"]
    sign_in(client, owner.email, door=PORTAL)
    stranger = Client(headers={"host": "evil.example"})
    known = stranger.post(f"{PORTAL}password/reset/", {"email": owner.email.upper()}, follow=True)
    unknown = stranger.post(f"{PORTAL}password/reset/", {"email": "nobody@nowhere.test"}, follow=True)
    assert words(known).split("Trace")[0] == words(unknown).split("Trace")[0]
    assert len(letters()) == 1
    letter = letters()[0]
    assert "evil" not in letter.body and letter.to == [owner.email]
    link = re.search(r"https://panel\.example:2083(/portal/account/password/reset/key/\S+)", letter.body)
    assert link, letter.body
    target = stranger.get(link[1]).context["onward"]
    assert "key/" in target and target != link[1], "the key is not in the address any more"
    new = "some other words 77"
    done = stranger.post(target, {"password1": new, "password2": new}, follow=True)
    assert "All sessions have ended" in words(done)
    assert not is_in(client, PORTAL)
    assert "does not work" in words(Client().get(link[1])), "a link works once"
    assert Event.objects.filter(verb="user.change", target_id=str(owner.pk), actor_login=owner.email).exists()
    assert sign_in(Client(), owner.email, new, door=PORTAL).status_code == 302


def test_an_operator_gets_no_letter_from_the_portal(portal: None, client: Client, owner: User) -> None:
    client.post(f"{PORTAL}password/reset/", {"email": people.admin().email})
    client.post(f"{PORTAL}password/reset/", {"email": owner.email})
    assert [letter.to for letter in letters()] == [[owner.email]]


def test_a_former_address_opens_nothing(client: Client, admin_actor: Any) -> None:
    from accounts.services.people import change_person, keep_address

    me = people.support()
    keep_address(me)
    change_person(actor=admin_actor, user=me, email="new@panel.test")
    assert sign_in(client, "support@panel.test").status_code == 200
    assert sign_in(client, "new@panel.test").status_code == 302


def test_guessing_is_stopped(client: Client) -> None:
    me = people.admin()
    answers = [sign_in(client, me.email, f"guess {n}").status_code for n in range(7)]
    assert answers == [200] * 5 + [429] * 2
    answer = sign_in(client, me.email)
    assert answer.status_code == 429 and int(answer["Retry-After"]) > 0, (
        "the right password does not tell itself either"
    )
    assert "Try again in 15 minutes" in words(answer)
    assert Event.objects.filter(verb="user.sign_in_throttled").count() == 1
    assert sign_in(Client(), people.support().email).status_code == 302, "another account from the same place is free"


def test_a_place_that_tries_many_accounts_is_stopped(client: Client) -> None:
    answers = [sign_in(client, f"p{n}@panel.test", "x", ip=STRANGE).status_code for n in range(42)]
    assert answers == [200] * 40 + [429] * 2
    assert sign_in(client, people.admin().email, ip=HOME).status_code == 302


def test_strangers_cannot_lock_somebody_out(client: Client) -> None:
    """Twenty guesses from anywhere use up what strangers have; a known browser and a known place go on."""
    me = people.admin()
    sign_in(client, me.email, ip=HOME)
    client.post(f"{ADMIN}logout/")
    for number in range(25):
        sign_in(Client(), me.email, "guess", ip=f"203.0.113.{number}")
    assert sign_in(Client(), me.email, ip="192.0.2.1").status_code == 429, "strangers have none left"
    assert sign_in(client, me.email, ip="192.0.2.2").status_code == 302, "the browser is known"
    assert sign_in(Client(), me.email, ip=HOME).status_code == 302, "the place is known"


def test_a_known_browser_is_no_licence_to_guess(client: Client) -> None:
    me = people.admin()
    sign_in(client, me.email)
    client.post(f"{ADMIN}logout/")
    answers = [sign_in(client, me.email, "guess").status_code for _ in range(11)]
    assert answers == [200] * 10 + [429]
    forged = Client()
    forged.cookies["npanel_admin_device"] = "eyJhIjoiYiJ9:forged:signature"
    assert sign_in(forged, me.email, "guess", ip=STRANGE).status_code == 200


def test_the_second_factor_is_limited_too(client: Client) -> None:
    me = people.admin()
    sign_in(client, me.email)
    secret = add_app(client)
    thief = Client()
    sign_in(thief, me.email, ip=STRANGE)
    step = f"{ADMIN}second-factor/step/"
    answers = [thief.post(step, {"code": wrong_code(secret)}, REMOTE_ADDR=STRANGE).status_code for _ in range(6)]
    assert answers == [200] * 5 + [429]
    assert thief.post(step, {"code": code(secret)}, REMOTE_ADDR=STRANGE).status_code == 429


def test_letters_are_limited(client: Client) -> None:
    answers = [client.post(f"{ADMIN}password/reset/", {"email": "a@b.test"}).status_code for _ in range(6)]
    assert answers == [302] * 5 + [429]


def test_the_language_follows_the_person(client: Client, settings: Any) -> None:
    settings.LANGUAGES = [("en", "English"), ("de", "Deutsch")]
    sign_in(client, people.support().email)
    client.post(f"{ADMIN}language/", {"language": "de"})
    assert client.get(ADMIN)["Content-Language"] == "de"
    assert client.get(f"{ADMIN}language/").status_code == 405
    client.post(f"{ADMIN}language/", {"language": "xx"})
    assert User.objects.get(email="support@panel.test").language == "de"


def test_attempts_are_counted_in_metrics(client: Client) -> None:
    from prometheus_client import REGISTRY

    def count(status: str) -> float:
        return REGISTRY.get_sample_value("npanel_auth_login_attempts_total", {"status": status}) or 0

    before = count("succeeded"), count("failed")
    sign_in(client, people.admin().email, "no")
    sign_in(client, people.admin().email)
    assert (count("succeeded"), count("failed")) == (before[0] + 1, before[1] + 1)


def test_the_command_lets_an_operator_back_in(client: Client) -> None:
    from django.core.management import call_command

    sign_in(client, people.admin().email)
    add_app(client)
    call_command("operator_reset_2fa", people.admin().email)
    assert not is_in(client)
    assert sign_in(Client(), people.admin().email)["Location"] == "/admin/"
    assert Event.objects.get(verb="second_factor.reset").actor_type == "system"
