"""What can be done with customers and people, one function per use case."""

from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import ProtectedError
from django.utils.translation import gettext_lazy as _

from accounts.choices import Role
from accounts.models import Customer, User
from accounts.verbs import CUSTOMER_CREATE, CUSTOMER_DELETE, USER_CHANGE, USER_CREATE
from audit.actor import Actor
from audit.choices import Outcome
from audit.record import Target, record


@transaction.atomic
def create_customer(*, actor: Actor, name: str, email: str = "", notes: str = "") -> Customer:
    """Add a customer.

    Raises:
        ValidationError: the name is taken or the address is none.
    """
    customer = Customer(name=name.strip(), email=email, notes=notes)
    customer.full_clean()
    customer.save()
    record(
        verb=CUSTOMER_CREATE,
        actor=actor,
        target=customer,
        outcome=Outcome.SUCCEEDED,
        after={"name": name, "email": email},
    )
    return customer


@transaction.atomic
def delete_customer(*, actor: Actor, customer: Customer) -> None:
    """Delete a customer who has no hosting service. What was recorded of them stays.

    Raises:
        ValidationError: hosting services (also terminated ones) still name them.
    """
    target = Target.of(customer)
    try:
        customer.delete()
    except ProtectedError as error:
        raise ValidationError(_("This customer still has hosting services; delete those first.")) from error
    record(verb=CUSTOMER_DELETE, actor=actor, target=target, outcome=Outcome.SUCCEEDED)


@transaction.atomic
def create_operator(*, actor: Actor, email: str, password: str, role: str = Role.ADMIN) -> User:
    """Add a person who may open the console.

    Raises:
        ValidationError: the address is taken or is none, or the password is easy to guess.
    """
    validate_password(password, User(email=email))
    user = User.objects.create_user(email, password, role=role, is_superuser=role == Role.ADMIN)
    record(
        verb=USER_CREATE, actor=actor, target=user, outcome=Outcome.SUCCEEDED, after={"email": user.email, "role": role}
    )
    return user


@transaction.atomic
def set_operator_password(*, actor: Actor, user: User, password: str) -> None:
    """Give a person another password. Their open sessions end with the old one.

    Raises:
        ValidationError: the password is too easy to guess.
    """
    validate_password(password, user)
    user.set_password(password)
    user.save(update_fields=["password"])
    record(verb=USER_CHANGE, actor=actor, target=user, outcome=Outcome.SUCCEEDED, after={"changed": ["password"]})
