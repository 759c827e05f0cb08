"""A session that somebody left open is not enough for what lasts."""

from typing import Any

import pytest
from django.test import Client

from accounts.choices import MemberAccess, Role
from accounts.models import Customer, User
from hosting.policies import perform
from tests import factories, people
from tests.unit.accounts.doors import ADMIN, sign_in
from tests.web.pages import words

pytestmark = pytest.mark.django_db


@pytest.fixture
def left_open(client: Client) -> Client:
    """An administrator's session whose proof is an hour old."""
    sign_in(client, people.admin().email)
    session = client.session
    for row in session["account_authentication_methods"]:
        row["at"] -= 3600
    session.save()
    assert "/prove/" in client.get(f"{ADMIN}password/")["Location"]  # the rule that is meant
    return client


def _form(user: User | None, **values: Any) -> dict[str, Any]:
    known = (
        {"email": user.email, "name": user.name, "role": user.role, "language": "", "is_active": "on"} if user else {}
    )
    return {"reseller": "", **known, **values}


def test_ones_own_password_by_the_console_s_form(left_open: Client) -> None:
    me = people.admin()
    left_open.post(f"/admin/accounts/user/{me.pk}/change/", _form(me, password_new="thieves choose this one"))
    assert User.objects.get(pk=me.pk).check_password(people.PASSWORD)


def test_another_administrator_with_a_known_password(left_open: Client) -> None:
    data = _form(
        None,
        email="thief@elsewhere.test",
        name="",
        role=Role.ADMIN,
        language="",
        is_active="on",
        password_new="thieves choose this one",
    )
    left_open.post("/admin/accounts/user/add/", data)
    assert not User.objects.filter(email="thief@elsewhere.test").exists()


def test_another_operators_password_and_address(left_open: Client) -> None:
    other = User.objects.create_user("other@panel.test", people.PASSWORD, role=Role.ADMIN, is_superuser=True)
    data = _form(other, email="thief@elsewhere.test", password_new="thieves choose this one")
    left_open.post(f"/admin/accounts/user/{other.pk}/change/", data)
    other.refresh_from_db()
    assert other.email == "other@panel.test" and other.check_password(people.PASSWORD)


def test_an_owner_does_not_read_strangers_names_by_letting_them_in(customer_interface: None) -> None:
    stranger = User.objects.create_user(
        "victim@elsewhere.test", people.PASSWORD, role=Role.CUSTOMER, name="Vera Victim"
    )
    customer: Customer = factories.make_customer()
    owner = people.member(customer, MemberAccess.OWNER)
    perform(people.actor(owner), "member.add", customer, email=stranger.email)
    browser = Client()
    sign_in(browser, owner.email, door="/portal/account/")
    assert "Vera Victim" not in words(browser.get("/portal/people/"))
