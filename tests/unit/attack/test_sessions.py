"""What outlives a person's new password, and second factors of operators."""

from typing import Any

import pytest
from django.test import Client

from accounts.services.people import change_own_password
from tests import factories, people
from tests.unit.accounts.doors import ADMIN, add_app, is_in, sign_in
from tests.unit.api.caller import Caller

pytestmark = pytest.mark.django_db


def test_a_new_password_by_letter_ends_tokens_that_a_thief_made(customer_interface: None) -> None:
    owner = people.member(factories.make_customer())
    thief = Caller(owner)
    change_own_password(actor=people.actor(owner), user=owner, password="another long enough password")
    assert thief.get("me").status_code == 401


def test_an_operators_token_is_worth_nothing_without_second_factor(settings: Any) -> None:
    settings.NPANEL_REQUIRE_STAFF_2FA = True
    assert Caller(people.admin()).get("nodes").status_code in (401, 403)


def test_removing_the_only_factor_leads_back_to_enrolment(client: Client, settings: Any) -> None:
    settings.NPANEL_REQUIRE_STAFF_2FA = True
    sign_in(client, people.admin().email)
    add_app(client)
    assert client.get("/admin/").status_code == 200
    other = Client()
    sign_in(other, people.admin().email)
    assert not is_in(other)
    client.post(f"{ADMIN}second-factor/app/remove/")
    assert client.get("/admin/").status_code == 302
