"""The page of one's own tokens, and the commands."""

import json
import re
from io import StringIO
from typing import Any

import pytest
from django.core.management import call_command
from django.test import Client

from accounts.models import ApiToken
from tests import factories, people
from tests.unit.accounts.doors import ADMIN, PORTAL, sign_in
from tests.unit.api.caller import Caller, ask, code, token_for

FORM = {"name": "deploy", "scopes": ["domain:read", "domain:write"], "cidrs": "192.0.2.0/24, 127.0.0.0/8", "days": 30}


def _signed_in(user: Any, door: str = ADMIN) -> Client:
    client = Client()
    sign_in(client, user.email, door=door)
    return client


def test_a_token_is_made_shown_once_works_and_is_revoked(customer_interface: None, db: None) -> None:
    user = people.member(factories.make_customer())
    client = _signed_in(user, PORTAL)
    page = client.post("/portal/account/tokens/new/", FORM)
    (text,) = re.findall(r"np_[a-z0-9]{10}_[\w-]{43}", page.content.decode())
    assert page["Cache-Control"].startswith("max-age=0")
    assert ask(Client(), "GET", "domains", Authorization=f"Bearer {text}").status_code == 200
    listed = client.get("/portal/account/tokens/").content.decode()
    assert "deploy" in listed
    assert text not in listed
    row = ApiToken.objects.get()
    assert row.cidrs == ["192.0.2.0/24", "127.0.0.0/8"]
    assert client.get(f"/portal/account/tokens/{row.pk}/revoke/").status_code == 405
    assert client.post(f"/portal/account/tokens/{row.pk}/revoke/").status_code == 302
    assert code(ask(Client(), "GET", "domains", Authorization=f"Bearer {text}")) == (401, "bad_token")


def test_the_operators_have_the_page_as_well(db: None) -> None:
    assert _signed_in(people.admin()).post("/admin/account/tokens/new/", FORM).status_code == 200
    assert ApiToken.objects.count() == 1


@pytest.mark.parametrize("wrong", [{"scopes": ["planet:read"]}, {"cidrs": "x"}, {"days": 366}, {"name": ""}])
def test_what_does_not_fit_is_said_on_the_form(db: None, wrong: dict[str, Any]) -> None:
    page = _signed_in(people.admin()).post("/admin/account/tokens/new/", FORM | wrong)
    assert page.status_code == 422
    assert "field-error" in page.content.decode()
    assert not ApiToken.objects.exists()


def test_only_after_a_fresh_sign_in(db: None) -> None:
    client = Client()
    client.force_login(people.admin())  # a session that says nothing of when it was proven
    assert client.post("/admin/account/tokens/new/", FORM).status_code == 302
    assert not ApiToken.objects.exists()


def test_a_strangers_token_is_not_there(db: None) -> None:
    row, _text = token_for(people.admin())
    client = _signed_in(people.support())
    assert client.post(f"/admin/account/tokens/{row.pk}/revoke/").status_code == 404
    assert row.name not in client.get("/admin/account/tokens/").content.decode().partition("Your tokens")[2]
    assert Client().get("/admin/account/tokens/").status_code == 302


def _run(*arguments: str) -> dict[str, Any]:
    out = StringIO()
    call_command(*arguments, "--json", stdout=out)
    found: dict[str, Any] = json.loads(out.getvalue())
    return found


def test_commands(db: None) -> None:
    made = _run("token_create", people.admin().email, "script", "--scope", "*:read", "--days", "3")
    answer = ask(Client(), "GET", "me", Authorization=f"Bearer {made['token']}")
    assert answer.json()["token"]["name"] == "script"
    _run("token_revoke", made["prefix"])
    assert code(ask(Client(), "GET", "me", Authorization=f"Bearer {made['token']}")) == (401, "bad_token")
    with pytest.raises(SystemExit):
        _run("token_create", people.admin().email, "script", "--scope", "nothing:read")
    assert Caller(people.admin()).get("me").status_code == 200
