"""Who gets in with which token, from where, until when, and how far."""

from datetime import timedelta
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.test import Client
from django.utils import timezone

from accounts.choices import MemberAccess
from accounts.models import ApiToken
from accounts.services.tokens import create_token, revoke_token
from audit.models import Event
from tests import factories, people
from tests.unit.api.caller import Caller, ask, code, token_for
from tests.unit.api.conftest import Tenant

REFUSED = (401, "bad_token")


def test_who_am_i(admin: Caller) -> None:
    me = admin.get("me").json()
    assert me["email"] == "admin@panel.test"
    assert me["role"] == "admin"
    assert me["token"]["prefix"] == admin.row.prefix
    assert admin.row.digest not in str(me)


def test_the_alias_answers_as_well(admin: Caller) -> None:
    answer = admin.client.get("/v1/me", headers={"Authorization": f"Bearer {admin.token}"})
    assert answer.json()["email"] == "admin@panel.test"


def test_the_token_itself_is_kept_nowhere(admin: Caller) -> None:
    secret = admin.token.split("_", 2)[2]
    rows = [*ApiToken.objects.values_list(), *Event.objects.values_list()]
    assert admin.token.startswith(f"np_{admin.row.prefix}_")
    assert secret not in str(rows)


def test_without_a_token(db: None) -> None:
    answer = ask(Client(), "GET", "me")
    assert code(answer) == (401, "unauthenticated")
    assert answer["WWW-Authenticate"].startswith("Bearer")


def test_a_session_is_no_way_in(db: None) -> None:
    client = Client()
    client.force_login(people.admin())
    assert code(ask(client, "GET", "services")) == (401, "unauthenticated")


@pytest.mark.parametrize("header", ["Bearer", "Bearer np_x_y", "Token {}", "Basic {}", "Bearer {}x", "Bearer ü", "{}"])
def test_headers_that_are_no_token(admin: Caller, header: str) -> None:
    answer = ask(Client(), "GET", "me", Authorization=header.format(admin.token))
    assert code(answer) == REFUSED
    assert answer["WWW-Authenticate"].startswith("Bearer")


def test_a_revoked_token(admin: Caller) -> None:
    revoke_token(actor=people.operator(), token=admin.row)
    assert code(admin.get("me")) == REFUSED
    event = Event.objects.get(verb="api_token.revoke")
    assert event.target_label == str(admin.row)


def test_a_token_that_has_ended(admin: Caller) -> None:
    ApiToken.objects.filter(pk=admin.row.pk).update(expires_at=timezone.now() - timedelta(seconds=1))
    assert code(admin.get("me")) == REFUSED


def test_a_person_who_may_not_sign_in_any_more(admin: Caller) -> None:
    admin.row.user.is_active = False
    admin.row.user.save()
    assert code(admin.get("me")) == REFUSED


def test_a_reseller_that_is_shut(customer_interface: None, db: None) -> None:
    reseller = factories.make_reseller()
    caller = Caller(people.reseller(reseller))
    assert caller.get("me").status_code == 200
    reseller.is_active = False
    reseller.save()
    assert code(caller.get("me")) == REFUSED


def test_networks(db: None) -> None:
    inside = Caller(people.admin(), cidrs=["127.0.0.0/8"])
    outside = Caller(people.admin(), cidrs=["192.0.2.0/24", "2001:db8::/32"])
    assert inside.get("me").status_code == 200
    assert code(outside.get("me")) == REFUSED
    assert code(outside.get("me", X_Forwarded_For="192.0.2.9")) == REFUSED


def test_networks_behind_a_proxy_that_is_ours(db: None, settings: Any) -> None:
    settings.NPANEL_TRUSTED_PROXIES = ["127.0.0.1"]
    caller = Caller(people.admin(), cidrs=["192.0.2.0/24"])
    assert caller.get("me", X_Forwarded_For="192.0.2.9").status_code == 200
    assert code(caller.get("me", X_Forwarded_For="192.0.2.9, 198.51.100.1")) == REFUSED


def test_last_used_is_noted_once_a_minute(admin: Caller) -> None:
    admin.get("me")
    first = ApiToken.objects.get(pk=admin.row.pk)
    assert first.last_used_ip == "127.0.0.1"
    admin.get("me")
    assert ApiToken.objects.get(pk=admin.row.pk).last_used_at == first.last_used_at
    ApiToken.objects.filter(pk=admin.row.pk).update(last_used_at=timezone.now() - timedelta(minutes=2))
    admin.get("me")
    assert ApiToken.objects.get(pk=admin.row.pk).last_used_at > first.last_used_at  # type: ignore[operator]


@pytest.mark.parametrize(
    ("field", "options"),
    [
        ("scopes", {"scopes": ["planet:write"]}),
        ("scopes", {"scopes": []}),
        ("scopes", {"scopes": ["domain:delete"]}),
        ("cidrs", {"cidrs": ["not a network"]}),
        ("cidrs", {"cidrs": ["10.0.0.0/8"] * 21}),
        ("expires_at", {"expires_in": timedelta(days=367)}),
        ("expires_at", {"expires_in": timedelta(seconds=-1)}),
        ("name", {"name": " "}),
    ],
)
def test_tokens_that_are_not_made(db: None, field: str, options: dict[str, Any]) -> None:
    good: dict[str, Any] = {"name": "x", "scopes": ["*:read"]}
    with pytest.raises(ValidationError) as refused:
        create_token(actor=people.operator(), user=people.admin(), **good | options)
    assert field in refused.value.message_dict
    assert not ApiToken.objects.exists()


def test_scopes(db: None) -> None:
    reader = Caller(people.admin(), "customer:read")
    assert reader.get("customers").status_code == 200
    assert code(reader.get("services")) == (403, "scope_missing")
    assert code(reader.post("customers", {"name": "New"})) == (403, "scope_missing")
    writer = Caller(people.admin(), "customer:write")
    assert writer.post("customers", {"name": "New"}).status_code == 201
    assert code(writer.get("customers")) == (403, "scope_missing")


def test_a_token_never_may_more_than_its_person(ours: Tenant) -> None:
    viewer = ours.caller(MemberAccess.VIEWER)
    assert code(viewer.post(f"services/{ours.service.pk}/apply")) == (403, "forbidden")
    assert code(ours.caller().post(f"services/{ours.service.pk}/suspend")) == (403, "forbidden")
    assert ours.caller().post(f"services/{ours.service.pk}/apply").status_code == 202


def test_support_reads_only(db: None) -> None:
    support = Caller(people.support())
    assert support.get("customers").status_code == 200
    assert code(support.post("customers", {"name": "New"})) == (403, "read_only")


def test_operators_stay_off_the_customers_interface(customer_interface: None, db: None) -> None:
    assert code(Caller(people.admin()).get("me")) == (403, "other_interface")
    assert code(Caller(people.support()).get("me")) == (403, "other_interface")


def test_customers_stay_off_the_operators_interface(db: None) -> None:
    customer = factories.make_customer()
    assert code(Caller(people.member(customer)).get("me")) == (403, "other_interface")
    assert code(Caller(people.reseller(factories.make_reseller())).get("me")) == (403, "other_interface")


def test_own_tokens_can_be_listed_and_revoked_and_no_others(ours: Tenant) -> None:
    mine, colleague = ours.caller(), ours.caller(MemberAccess.MANAGER)
    other, _text = token_for(mine.row.user)
    assert set(mine.ids("tokens")) == {mine.row.pk, other.pk}
    assert code(mine.get(f"tokens/{colleague.row.pk}")) == (404, "not_found")
    assert code(mine.delete(f"tokens/{colleague.row.pk}")) == (404, "not_found")
    assert mine.delete(f"tokens/{other.pk}").status_code == 204
    other.refresh_from_db()
    assert other.revoked_at is not None
    assert code(mine.post("tokens", {"name": "more"})) == (405, "method_not_allowed")


def test_the_trail_names_person_and_token(admin: Caller) -> None:
    admin.post("customers", {"name": "New"})
    event = Event.objects.get(verb="customer.create")
    assert (event.actor_type, event.actor_login, event.actor_interface) == ("token", "admin@panel.test", "api")
    assert event.session_digest == admin.row.prefix


def test_refused_tokens_count_against_their_address(db: None, settings: Any) -> None:
    settings.NPANEL_API_RATE_ADDRESS = "3/min"
    for _attempt in range(3):
        assert code(ask(Client(), "GET", "me", Authorization="Bearer np_no_such")) == REFUSED
    answer = ask(Client(), "GET", "me", Authorization="Bearer np_no_such")
    assert code(answer) == (429, "throttled")
    assert int(answer["Retry-After"]) > 0
    spoofed = ask(Client(), "GET", "me", Authorization="Bearer np_no_such", X_Forwarded_For="203.0.113.5")
    assert code(spoofed) == (429, "throttled")
    assert Caller(people.admin()).get("me").status_code == 200


def test_each_token_has_a_limit_of_its_own(db: None, settings: Any) -> None:
    settings.NPANEL_API_RATE_TOKEN = "2/min"
    one, other = Caller(people.admin()), Caller(people.admin())
    assert [one.get("me").status_code for _ in range(3)] == [200, 200, 429]
    assert other.get("me").status_code == 200
