"""Operators, resellers and members: made, changed and let go; what no longer fits ends."""

from datetime import timedelta
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.test import Client
from django.utils import timezone

from accounts.choices import MemberAccess, Role
from accounts.models import ApiToken, Customer, Membership, User
from accounts.services import resellers
from accounts.services.people import change_person, create_person, is_last_admin
from audit.actor import Actor
from audit.models import Event
from hosting.errors import HostingError
from hosting.policies import Policy, perform
from tests import factories, people
from tests.unit.accounts.doors import PORTAL, is_in, letters, sign_in
from tests.web.conftest import signed_in
from tests.web.pages import act, words

pytestmark = pytest.mark.django_db


def token_of(user: User) -> ApiToken:
    """A token of theirs that works."""
    return ApiToken.objects.create(
        user=user, name="t", prefix=f"p{user.pk}", digest="x", expires_at=timezone.now() + timedelta(days=1)
    )


def test_another_role_ends_sessions_and_tokens(client: Client, admin_actor: Actor) -> None:
    people.admin()
    me = people.support()
    sign_in(client, me.email)
    token = token_of(me)
    change_person(actor=admin_actor, user=me, name="Only a name")
    assert is_in(client)
    change_person(actor=admin_actor, user=me, role=Role.ADMIN)
    token.refresh_from_db()
    assert not is_in(client) and token.revoked_at is not None
    assert User.objects.get(pk=me.pk).is_superuser


def test_who_may_not_sign_in_any_more_is_out_at_once(client: Client, admin_actor: Actor) -> None:
    me = people.support()
    sign_in(client, me.email)
    perform(admin_actor, "person.deactivate", me)
    assert not is_in(client)
    event = Event.objects.filter(verb="user.change").latest("id")
    assert (event.before["is_active"], event.after["is_active"]) == (True, False)


def test_the_last_administrator_stays(admin_actor: Actor) -> None:
    me = people.admin()
    assert is_last_admin(me)
    for change in ({"role": Role.SUPPORT}, {"is_active": False}):
        with pytest.raises(ValidationError):
            change_person(actor=admin_actor, user=me, **change)
    assert User.objects.get(pk=me.pk).role == Role.ADMIN


def test_a_reseller_that_is_not_active_has_its_people_out(portal: None, client: Client, admin_actor: Actor) -> None:
    company = factories.make_reseller()
    person = people.reseller(company)
    sign_in(client, person.email, door=PORTAL)
    token = token_of(person)
    resellers.change_reseller(actor=admin_actor, reseller=company, is_active=False)
    token.refresh_from_db()
    assert not is_in(client, PORTAL) and token.revoked_at is not None
    assert Event.objects.get(verb="reseller.change").after["is_active"] is False


@pytest.mark.django_db(transaction=True)
def test_an_owner_lets_somebody_in(customer: Customer, settings: Any) -> None:
    settings.NPANEL_PORTAL_URL = "https://panel.example:2083"
    owner = people.actor(people.member(customer))
    made = perform(owner, "member.add", customer, email="New@Member.test", access="manager")
    assert (made.user.email, made.user.role, made.access) == ("new@member.test", Role.CUSTOMER, "manager")
    assert not made.user.has_usable_password()
    letter = letters()[0]
    assert (
        letter.to == ["new@member.test"] and "https://panel.example:2083/portal/account/password/reset/" in letter.body
    )
    event = Event.objects.get(verb="member.add")
    assert (event.target_id, event.after) == (str(customer.pk), {"person": "new@member.test", "access": "manager"})
    with pytest.raises(HostingError, match="already"):
        perform(owner, "member.add", customer, email="new@member.test")


def test_only_owners_decide_about_members(customer: Customer) -> None:
    membership = Membership.objects.get(customer=customer)
    for access in (MemberAccess.MANAGER, MemberAccess.VIEWER):
        somebody = people.actor(people.member(customer, access))
        for name, subject in (("member.add", customer), ("member.change", membership), ("member.remove", membership)):
            assert not Policy(somebody).may(name, subject)
    stranger = people.actor(people.member(factories.make_customer(name="Other")))
    assert not Policy(stranger).may("member.add", customer) and not Policy(stranger).may("member.remove", membership)
    assert not Policy(people.actor(people.support(), "admin")).may("member.add", customer)


def test_a_reseller_decides_about_its_own_customers_members() -> None:
    company = factories.make_reseller()
    own, other = factories.make_customer(name="Own"), factories.make_customer(name="Not")
    own.reseller = company
    own.save()
    seller = people.actor(people.reseller(company))
    assert Policy(seller).may("member.add", own) and not Policy(seller).may("member.add", other)
    assert not Policy(seller).may("person.change", people.member(own))
    assert not Policy(seller).may("reseller.change", company)


def test_an_operator_s_address_is_no_member(customer: Customer) -> None:
    owner = people.actor(people.member(customer))
    with pytest.raises(HostingError) as refusal:
        perform(owner, "member.add", customer, email=people.admin().email)
    assert refusal.value.field == "email"


def test_the_last_owner_stays(customer: Customer) -> None:
    membership = Membership.objects.get(customer=customer)
    owner = people.actor(membership.user)
    for name, data in (("member.remove", {}), ("member.change", {"access": "viewer"})):
        with pytest.raises(HostingError, match="last owner"):
            perform(owner, name, membership, **data)
    second = perform(owner, "member.add", customer, email="b@c.test", access="owner")
    perform(owner, "member.remove", membership)
    assert list(customer.memberships.all()) == [second]


def test_a_removed_member_is_out(portal: None, client: Client, customer: Customer) -> None:
    viewer = people.member(customer, MemberAccess.VIEWER)
    sign_in(client, viewer.email, door=PORTAL)
    owner = people.actor(people.member(customer))
    perform(owner, "member.remove", viewer.memberships.get())
    assert not is_in(client, PORTAL)
    assert Event.objects.filter(verb="member.remove", before__person=viewer.email).exists()


def test_a_person_of_no_reseller_is_no_reseller(admin_actor: Actor) -> None:
    with pytest.raises(ValidationError):
        create_person(actor=admin_actor, email="r@s.test", role=Role.RESELLER)


def test_the_console_has_a_customer_s_people(customer: Customer) -> None:
    admin_client, support_client = signed_in(people.admin()), signed_in(people.support())
    people.prove(admin_client)
    page = f"/admin/accounts/customer/{customer.pk}/change/?tab=people"
    answer = act(admin_client, customer, "invite", email="c@d.test", name="Cleo", access="viewer")
    assert answer.status_code == 200
    member = Membership.objects.get(user__email="c@d.test")
    assert "c@d.test" in words(admin_client.get(page))
    assert "Let somebody in" not in words(support_client.get(page))
    act(admin_client, member, "access", access="manager")
    member.refresh_from_db()
    assert member.access == "manager"
    act(admin_client, member, "remove")
    assert not Membership.objects.filter(pk=member.pk).exists()
    assert "last owner" in words(act(admin_client, customer.memberships.get(), "remove"))


def test_the_console_makes_resellers(db: None) -> None:
    admin_client = signed_in(people.admin())
    people.prove(admin_client)
    data = {
        "name": "Hosters",
        "email": "",
        "is_active": "on",
        "max_customers": 3,
        "max_services": "",
        "max_disk_mb": "",
    }
    admin_client.post("/admin/accounts/reseller/add/", data)
    from accounts.models import Reseller

    made = Reseller.objects.get(name="Hosters")
    assert (made.max_customers, made.max_services) == (3, None)
    admin_client.post(f"/admin/accounts/reseller/{made.pk}/change/", {**data, "is_active": ""})
    made.refresh_from_db()
    assert not made.is_active
    assert set(Event.objects.values_list("verb", flat=True)) >= {"reseller.create", "reseller.change"}


def test_the_console_shows_what_guards_an_account(client: Client) -> None:
    person, admin = people.support(), people.admin()
    other = Client()
    sign_in(other, person.email)
    sign_in(client, admin.email)
    page = words(client.get(f"/admin/accounts/user/{person.pk}/access/"))
    assert "127.0.0.1" in page and "Signed in" in page
    assert other.post(f"/admin/accounts/user/{admin.pk}/access/end/").status_code == 403, "support only looks"
    client.post(f"/admin/accounts/user/{person.pk}/access/end/")
    assert not is_in(other)
    stale = Client()
    stale.force_login(admin)
    assert "/prove/" in stale.post(f"/admin/accounts/user/{person.pk}/access/reset/")["Location"]
