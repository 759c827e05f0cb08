"""Members, people, resellers and oneself, through the API; and what no token may do with them."""

import pytest

from accounts.choices import MemberAccess, Role
from accounts.models import Membership, Reseller, User
from tests import factories, people
from tests.unit.api.caller import Caller, code
from tests.unit.api.conftest import Tenant


def test_an_owner_lets_people_in_changes_and_removes_them(ours: Tenant, theirs: Tenant) -> None:
    owner = ours.caller()
    wanted = {"customer": ours.customer.pk, "email": "Kim@Example.com", "access": "manager"}
    made = owner.post("members", wanted)
    assert (made.status_code, made.json()["email"], made.json()["access"]) == (201, "kim@example.com", "manager")
    path = f"members/{made.json()['id']}"
    assert owner.patch(path, {"access": "viewer"}).json()["access"] == "viewer"
    assert owner.delete(path).status_code == 204
    assert not Membership.objects.filter(user__email="kim@example.com").exists()
    assert code(owner.post("members", wanted | {"customer": theirs.customer.pk})) == (422, "invalid")


def test_managers_and_strangers_let_nobody_in(ours: Tenant, theirs: Tenant) -> None:
    membership = people.member(ours.customer).memberships.get()
    wanted = {"customer": ours.customer.pk, "email": "kim@example.com"}
    manager = ours.caller(MemberAccess.MANAGER)
    assert code(manager.post("members", wanted)) == (403, "forbidden")
    assert code(manager.patch(f"members/{membership.pk}", {"access": "viewer"})) == (403, "forbidden")
    assert code(theirs.caller().delete(f"members/{membership.pk}")) == (404, "not_found")
    assert code(ours.caller().delete(f"members/{membership.pk}")) == (422, "invalid")  # the last owner


def test_operators_make_and_change_resellers_and_their_people(admin: Caller) -> None:
    made = admin.post("resellers", {"name": "North", "max_customers": 2, "max_disk_mb": None})
    assert (made.status_code, made.json()["max_customers"]) == (201, 2)
    path = f"resellers/{made.json()['id']}"
    person = admin.post(f"{path}/add-person", {"email": "kim@north.example"})
    assert (person.status_code, person.json()["role"]) == (200, "reseller")
    assert code(admin.post("resellers", {"name": "North"})) == (422, "invalid")
    assert admin.patch(path, {"is_active": False}).json()["is_active"] is False
    assert not Reseller.objects.get().is_active


def test_operators_make_change_and_deactivate_people(admin: Caller) -> None:
    made = admin.post("people", {"email": "kim@example.com", "role": "customer", "name": "Kim"})
    assert made.status_code == 201, made.content
    path = f"people/{made.json()['id']}"
    token = Caller(User.objects.get(email="kim@example.com"))
    assert admin.patch(path, {"name": "Kim E."}).json()["name"] == "Kim E."
    assert admin.post(f"{path}/end-sessions").status_code == 204
    token.row.refresh_from_db()
    assert token.row.revoked_at is not None
    assert admin.post(f"{path}/deactivate").json()["is_active"] is False


@pytest.mark.parametrize("role", [Role.ADMIN, Role.SUPPORT])
def test_no_token_makes_or_changes_an_operator(admin: Caller, role: str) -> None:
    """A token that was stolen must not make an account that outlives it."""
    assert code(admin.post("people", {"email": "kim@example.com", "role": role})) == (422, "invalid")
    customer = factories.make_customer()
    person = people.member(customer)
    assert code(admin.patch(f"people/{person.pk}", {"role": role})) == (422, "invalid")
    operator = people.admin() if role == Role.ADMIN else people.support()
    for method, path, data in (
        ("PATCH", f"people/{operator.pk}", {"email": "mine@example.com"}),
        ("POST", f"people/{operator.pk}/deactivate", {}),
        ("POST", f"people/{operator.pk}/end-sessions", {}),
    ):
        assert code(admin.ask(method, path, data)) == (403, "forbidden")
    assert code(admin.post(f"people/{person.pk}/reset-second-factor")) == (404, "not_found")
    assert "password" not in str(admin.get(f"people/{person.pk}").json())


def test_people_of_others_are_not_there(ours: Tenant, theirs: Tenant) -> None:
    stranger = people.member(theirs.customer)
    owner = ours.caller()
    assert stranger.pk not in owner.ids("people")
    assert code(owner.get(f"people/{stranger.pk}")) == (404, "not_found")
    own = people.member(ours.customer)
    assert code(owner.post(f"people/{own.pk}/deactivate")) == (403, "forbidden")
    assert code(owner.post("people", {"email": "x@example.com", "role": "customer"})) == (403, "forbidden")


def test_ones_own_name_and_language(ours: Tenant) -> None:
    caller = ours.caller()
    answer = caller.patch("me", {"language": "de", "name": "Nora"})
    assert (answer.status_code, answer.json()["language"], answer.json()["name"]) == (200, "de", "Nora")
    assert code(caller.patch("me", {"language": "xx"})) == (422, "invalid")
    reads = ours.caller(MemberAccess.OWNER, "*:read", "domain:write")
    assert reads.get("me").status_code == 200
    assert code(reads.patch("me", {"name": "x"})) == (403, "scope_missing")
