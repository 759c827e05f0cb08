"""Customers, plans and people: made, edited and deleted in the console, each step in the audit log."""

import pytest
from django.contrib.admin.models import LogEntry
from django.test import Client

from accounts.models import Customer, User
from audit.models import Event
from hosting.models import HostingService
from tests import factories, people
from tests.web import rows
from tests.web.conftest import signed_in
from tests.web.pages import act, words

pytestmark = pytest.mark.django_db


@pytest.fixture
def service() -> HostingService:
    """An active service on a ready node."""
    return rows.service("anna", "anna.example", node=rows.node("web-1"), plan=factories.make_plan(name="Starter"))


def test_a_customer_s_life(admin_client: Client, service: HostingService) -> None:
    """Create, edit, refuse to delete while there are services, delete; the audit log has each step, Django's none."""
    admin_client.post("/admin/accounts/customer/add/", {"name": "Ada", "email": "ada@example.com"})
    ada = Customer.objects.get(name="Ada")
    admin_client.post(f"/admin/accounts/customer/{ada.pk}/edit/", {"name": "Ada L.", "email": "", "notes": "likes tea"})
    ada.refresh_from_db()
    assert (ada.name, ada.notes) == ("Ada L.", "likes tea")
    change = Event.objects.get(verb="customer.change")
    assert change.before["name"] == "Ada" and change.after["name"] == "Ada L."
    assert "still has 1 hosting service" in words(act(admin_client, service.customer, "remove"))
    act(admin_client, ada, "remove")
    assert not Customer.objects.filter(name="Ada L.").exists()
    assert set(Event.objects.values_list("verb", flat=True)) >= {
        "customer.create",
        "customer.change",
        "customer.delete",
    }
    assert not LogEntry.objects.exists()


def test_a_taken_customer_name_is_said_at_the_field(admin_client: Client) -> None:
    """The name's own error, without the service's prefix."""
    factories.make_customer(name="Ada")
    answer = admin_client.post("/admin/accounts/customer/add/", {"name": "Ada", "email": "a@example.com"})
    assert "This name is taken." in words(answer) and 'value="a@example.com"' in answer.content.decode()


def test_plans_are_recorded(admin_client: Client, service: HostingService) -> None:
    """Limits are facts that are edited directly: before and after are in the audit log."""
    plan = service.plan
    data = {
        "name": "Starter",
        "disk_mb": 2048,
        "domains": 3,
        "databases": "",
        "php_processes": 4,
        "memory_mb": 128,
        "ssh": "sftp",
    }
    answer = admin_client.post(f"/admin/hosting/hostingplan/{plan.pk}/change/", data, follow=True)
    assert "1 service has this plan." in words(answer)
    event = Event.objects.get(verb="plan.change")
    assert (event.before["domains"], event.after["domains"], event.after["databases"]) == (10, 3, None)
    assert "Changed the hosting plan" in words(admin_client.get(f"/admin/hosting/hostingplan/{plan.pk}/history/"))
    blocked = admin_client.post(f"/admin/hosting/hostingplan/{plan.pk}/delete/", {"post": "yes"})
    assert "still in use" in words(blocked)
    assert not LogEntry.objects.exists()


def test_people_are_recorded_and_nobody_locks_everybody_out(admin_client: Client) -> None:
    """Adding, changing and deleting people writes events without passwords; the last administrator stays."""
    me = people.admin()
    data = {
        "email": "New@Panel.test",
        "name": "N",
        "role": "support",
        "is_active": "on",
        "password_new": "long and odd 4711",
    }
    admin_client.post("/admin/accounts/user/add/", data)
    person = User.objects.get(email="new@panel.test")
    assert person.check_password("long and odd 4711")
    assert "last administrator" in words(
        admin_client.post(
            f"/admin/accounts/user/{me.pk}/change/", {"email": me.email, "role": "support", "is_active": "on"}
        )
    )
    assert admin_client.post(f"/admin/accounts/user/{me.pk}/delete/", {"post": "yes"}).status_code == 403
    events = Event.objects.count()
    admin_client.post(f"/admin/accounts/user/{person.pk}/delete/", {"post": "yes"})
    assert not User.objects.filter(pk=person.pk).exists() and Event.objects.count() == events + 1
    assert "long and odd" not in str(list(Event.objects.values()))
    assert not LogEntry.objects.exists()


def test_nobody_sets_the_password_of_somebody_who_is_there(admin_client: Client) -> None:
    """The form has no such field, for others as for oneself; a letter says where to choose one."""
    for person in (people.admin(), people.stranger()):
        page = admin_client.get(f"/admin/accounts/user/{person.pk}/change/").content.decode()
        assert "password_new" not in page and 'name="email"' in page
        data = {"email": person.email, "role": person.role, "is_active": "on", "password_new": "another long one 99"}
        assert admin_client.post(f"/admin/accounts/user/{person.pk}/change/", data).status_code == 302
        person.refresh_from_db()
        assert person.check_password(people.PASSWORD)
    page = words(admin_client.get(f"/admin/accounts/user/{person.pk}/access/"))
    assert "Send a letter to choose a new password" in page
    admin_client.post(f"/admin/accounts/user/{person.pk}/access/letter/")
    assert Event.objects.get(verb="user.password_letter").target_label == person.email
    assert person.check_password(people.PASSWORD)


def test_a_customers_first_password_is_their_own_choice(admin_client: Client) -> None:
    """Whoever makes an account for a customer does not know its password."""
    data = {"email": "c@shop.test", "role": "customer", "is_active": "on", "password_new": "long and odd 4711"}
    assert "choose their own password" in words(admin_client.post("/admin/accounts/user/add/", data))
    assert "needs a first password" in words(
        admin_client.post("/admin/accounts/user/add/", data | {"role": "support", "password_new": ""})
    )
    admin_client.post("/admin/accounts/user/add/", data | {"password_new": ""})
    made = User.objects.get(email="c@shop.test")
    assert not made.has_usable_password()
    assert Event.objects.get(verb="user.password_letter").target_label == made.email


def test_people_and_resellers_want_fresh_proof(db: None) -> None:
    """A session that somebody left open opens none of these forms, and what it sends does nothing."""
    person, left_open = people.stranger(), signed_in(people.admin())
    reseller = factories.make_reseller()
    for path in (
        "accounts/user/add/", f"accounts/user/{person.pk}/change/", f"accounts/user/{person.pk}/delete/",
        "accounts/reseller/add/", f"accounts/reseller/{reseller.pk}/change/",
        f"accounts/customer/{factories.make_customer().pk}/invite/",
    ):  # fmt: skip
        assert "/prove/" in left_open.get(f"/admin/{path}")["Location"], path
        assert "/prove/" in left_open.post(f"/admin/{path}", {"post": "yes"})["Location"], path
    assert User.objects.filter(pk=person.pk).exists()


def test_changing_one_s_own_password_is_recorded(support_client: Client) -> None:
    """The form for one's own password writes an event; a wrong old one writes none and changes nothing."""
    url, new = "/admin/account/password/", "a new and odd one 31"
    wrong = {"oldpassword": "x", "password1": new, "password2": new}
    assert "/prove/" in support_client.post(url, wrong).headers["Location"]
    support_client.post("/admin/account/prove/", {"password": people.PASSWORD})
    assert "Please type your current password" in words(support_client.post(url, wrong))
    assert not Event.objects.filter(verb="user.change").exists()
    support_client.post(url, {**wrong, "oldpassword": people.PASSWORD})
    assert people.support().check_password(new)
    assert Event.objects.get(verb="user.change").target_label == "support@panel.test"
