"""A customer's first person, with a password chosen for them: what a command needs before anybody can sign in."""

from django.contrib.auth.password_validation import validate_password
from django.db import transaction

from accounts.choices import MemberAccess, Role
from accounts.models import Customer, Membership, User
from accounts.verbs import USER_CREATE
from audit.actor import Actor
from audit.choices import Outcome
from audit.record import record


@transaction.atomic
def create_customer_person(
    *, actor: Actor, customer: Customer, email: str, password: str, access: str = MemberAccess.OWNER
) -> User:
    """Add a person who may sign in for a customer.

    Raises:
        ValidationError: the address is taken or is none, or the password is easy to guess.
    """
    validate_password(password, User(email=email))
    user = User.objects.create_user(email, password, role=Role.CUSTOMER)
    Membership.objects.create(user=user, customer=customer, access=access)
    after = {"email": user.email, "role": Role.CUSTOMER.value, "customer": customer.name, "access": str(access)}
    record(verb=USER_CREATE, actor=actor, target=user, outcome=Outcome.SUCCEEDED, after=after)
    return user
