"""The page of one's own tokens, and the commands."""

import json
import re
from datetime import timedelta
from io import StringIO
from typing import Any

import pytest
from django.core.management import call_command
from django.test import Client
from django.utils import timezone

from accounts.models import ApiToken
from tests import factories, people
from tests.unit.api.caller import Caller, ask, code, token_for

FORM = {"name": "deploy", "scopes": ["domain:read", "domain:write"], "cidrs": "192.0.2.0/24, 127.0.0.0/8", "days": 30}


def _signed_in(user: Any) -> Client:
    client = Client()
    client.force_login(user)
    return client


def test_a_token_is_made_shown_once_works_and_is_revoked(customer_interface: None, db: None) -> None:
    user = people.member(factories.make_customer())
    client = _signed_in(user)
    page = client.post("/account/tokens/new/", FORM)
    (text,) = re.findall(r"np_[a-z0-9]{10}_[\w-]{43}", page.content.decode())
    assert page["Cache-Control"].startswith("max-age=0")
    assert ask(Client(), "GET", "domains", Authorization=f"Bearer {text}").status_code == 200
    listed = client.get("/account/tokens/").content.decode()
    assert "deploy" in listed
    assert text not in listed
    row = ApiToken.objects.get()
    assert row.cidrs == ["192.0.2.0/24", "127.0.0.0/8"]
    assert client.get(f"/account/tokens/{row.pk}/revoke/").status_code == 405
    assert client.post(f"/account/tokens/{row.pk}/revoke/").status_code == 302
    assert code(ask(Client(), "GET", "domains", Authorization=f"Bearer {text}")) == (401, "bad_token")


def test_the_operators_have_the_page_as_well(db: None) -> None:
    assert _signed_in(people.admin()).post("/account/tokens/new/", FORM).status_code == 200
    assert ApiToken.objects.count() == 1


@pytest.mark.parametrize("wrong", [{"scopes": ["planet:read"]}, {"cidrs": "x"}, {"days": 366}, {"name": ""}])
def test_what_does_not_fit_is_said_on_the_form(db: None, wrong: dict[str, Any]) -> None:
    page = _signed_in(people.admin()).post("/account/tokens/new/", FORM | wrong)
    assert page.status_code == 422
    assert "field-error" in page.content.decode()
    assert not ApiToken.objects.exists()


def test_only_after_a_fresh_sign_in(db: None) -> None:
    user = people.admin()
    client = _signed_in(user)
    user.last_login = timezone.now() - timedelta(hours=1)
    user.save()
    assert client.post("/account/tokens/new/", FORM).status_code == 302
    assert not ApiToken.objects.exists()


def test_never_while_an_operator_acts_as_somebody(db: None, rf: Any) -> None:
    from django.core.exceptions import PermissionDenied

    from accounts import tokens_views

    for view in (tokens_views.tokens, tokens_views.create, tokens_views.revoke):
        request = rf.post("/") if view is not tokens_views.tokens else rf.get("/")
        request.user, request.impersonation = people.admin(), object()
        with pytest.raises(PermissionDenied):
            view(request, **({"pk": 1} if view is tokens_views.revoke else {}))


def test_a_strangers_token_is_not_there(db: None) -> None:
    row, _text = token_for(people.admin())
    client = _signed_in(people.support())
    assert client.post(f"/account/tokens/{row.pk}/revoke/").status_code == 404
    assert row.name not in client.get("/account/tokens/").content.decode().partition("Your tokens")[2]
    assert Client().get("/account/tokens/").status_code == 302


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
