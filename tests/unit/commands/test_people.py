"""``manage.py person_create``: people of customers."""

from accounts.models import Customer, Membership, User
from audit.models import Event
from tests.factories import make_customer
from tests.unit.commands.conftest import Manage


def test_a_person_signs_in_for_a_customer_who_was_not_there(manage: Manage, db: None) -> None:
    ran = manage("person_create", "Jane@Example.test", "--customer", "Example Ltd", "--json")
    person = User.objects.get()
    assert (person.email, person.role, person.is_staff) == ("jane@example.test", "customer", False)
    assert person.check_password(ran.data["password"])
    membership = Membership.objects.get()
    assert (membership.user, membership.customer.name, membership.access) == (person, "Example Ltd", "owner")
    made, let_in = Event.objects.get(verb="user.create"), Event.objects.get(verb="member.add")
    assert (made.after["email"], made.after["role"]) == ("jane@example.test", "customer")
    assert (let_in.target_label, let_in.after) == ("Example Ltd", {"person": person.email, "access": "owner"})


def test_a_second_one_joins_and_a_given_password_is_not_printed(manage: Manage, db: None) -> None:
    customer = make_customer()
    argv = ("person_create", "joe@example.test", "--customer", customer.name, "--access", "viewer")
    ran = manage(*argv, "--password-stdin", "--json", piped="correct horse battery\n")
    assert "correct horse" not in ran.out + ran.err
    assert User.objects.get().check_password("correct horse battery")
    assert Membership.objects.get().access == "viewer"
    assert Customer.objects.count() == 1


def test_a_refusal_leaves_no_customer(manage: Manage, db: None) -> None:
    ran = manage("person_create", "joe@example.test", "--customer", "New", "--password-stdin", piped="password\n")
    assert ran.status == 1
    assert "too short" in ran.err or "too common" in ran.err
    assert not Customer.objects.exists() and not User.objects.exists()
    manage("person_create", "joe@example.test", "--customer", "First")
    again = manage("person_create", "joe@example.test", "--customer", "Second", "--json")
    assert (again.status, again.data["error"]["code"]) == (1, "invalid")
    assert [customer.name for customer in Customer.objects.all()] == ["First"]
