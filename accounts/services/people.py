"""What can be done with people who sign in, one function per use case."""

from django.contrib.auth.password_validation import validate_password
from django.db import transaction

from accounts.choices import Role
from accounts.models import User
from accounts.verbs import USER_CHANGE, USER_CREATE
from audit.actor import Actor
from audit.choices import Outcome
from audit.record import record


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
