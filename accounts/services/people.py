"""What can be done with people who sign in, one function per use case."""

from typing import Any

from allauth.account.models import EmailAddress
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.translation import gettext as _

from accounts.belongings import keep_person
from accounts.choices import Role
from accounts.models import User
from accounts.services.sessions import end_all_sessions, revoke_tokens
from accounts.verbs import USER_CHANGE, USER_CREATE, USER_DELETE
from audit.actor import Actor
from audit.choices import Outcome
from audit.record import Target, record

#: What an operator may change of a person.
CHANGEABLE = ("email", "name", "role", "reseller", "language", "is_active")
_ENDS_SESSIONS = ("role", "reseller", "is_active")


@transaction.atomic
def create_operator(*, actor: Actor, email: str, password: str, role: str = Role.ADMIN) -> User:
    """Add a person who may open the console.

    Raises:
        ValidationError: the address is taken or is none, or the password is easy to guess.
    """
    return create_person(actor=actor, email=email, password=password, role=role)


@transaction.atomic
def create_person(*, actor: Actor, email: str, password: str | None = None, **fields: Any) -> User:
    """Add a person of any role; without a password they choose one by the reset letter.

    Raises:
        ValidationError: the address is taken or is none, a field is wrong, or the password is easy to guess.
    """
    if password is not None:
        validate_password(password, User(email=email))
    user = User.objects.create_user(email, password, is_superuser=fields.get("role") == Role.ADMIN, **fields)
    keep_address(user)
    record(verb=USER_CREATE, actor=actor, target=user, outcome=Outcome.SUCCEEDED, after=facts(user))
    return user


@transaction.atomic
def change_person(*, actor: Actor, user: User, **fields: Any) -> User:
    """Change a person; another role, reseller or no right to sign in ends their sessions and revokes their tokens.

    Args:
        fields: of :data:`CHANGEABLE`; a password is the person's own to choose.

    Raises:
        ValidationError: a field is wrong, or the last administrator would be gone.
    """
    User.objects.select_for_update().filter(
        role=Role.ADMIN
    ).first()  # two administrators who demote each other take turns
    user, before = User.objects.get(pk=user.pk), facts(user)
    for name in CHANGEABLE:
        setattr(user, name, fields.get(name, getattr(user, name)))
    user.is_superuser = user.role == Role.ADMIN
    if is_last_admin(user) and not (user.role == Role.ADMIN and user.is_active):
        raise ValidationError(_("This is the last administrator who may sign in. Make another one first."))
    user.full_clean(exclude=["password"])
    user.save()
    keep_address(user)
    after = facts(user)
    record(verb=USER_CHANGE, actor=actor, target=user, outcome=Outcome.SUCCEEDED, before=before, after=after)
    if any(before[name] != after[name] for name in _ENDS_SESSIONS):
        end_all_sessions(actor=actor, user=user)
        revoke_tokens(actor=actor, user=user)
    return user


@transaction.atomic
def delete_person(*, actor: Actor, user: User) -> None:
    """Delete a person. What was recorded of them stays.

    Raises:
        ValidationError: it is the last administrator.
    """
    if is_last_admin(user):
        raise ValidationError(_("This is the last administrator who may sign in. Make another one first."))
    target, before = Target.of(user), facts(user)
    end_all_sessions(actor=actor, user=user)
    keep_person(user)
    user.delete()
    record(verb=USER_DELETE, actor=actor, target=target, outcome=Outcome.SUCCEEDED, before=before)


@transaction.atomic
def set_operator_password(*, actor: Actor, user: User, password: str) -> None:
    """Give a person another password. Their sessions and tokens end with the old one.

    Raises:
        ValidationError: the password is too easy to guess.
    """
    validate_password(password, user)
    _set_password(actor, user, password, kept="")


@transaction.atomic
def change_own_password(*, actor: Actor, user: User, password: str, session_key: str = "") -> None:
    """A person's own new password, typed in the account pages or by a reset letter; other sessions and all tokens end.

    Raises:
        ValidationError: the password is too easy to guess.
    """
    validate_password(password, user)
    _set_password(actor, user, password, kept=session_key)


def _set_password(actor: Actor, user: User, password: str, kept: str) -> None:
    user.set_password(password)
    user.save(update_fields=["password"])
    record(verb=USER_CHANGE, actor=actor, target=user, outcome=Outcome.SUCCEEDED, after={"changed": ["password"]})
    end_all_sessions(actor=actor, user=user, but=kept)
    revoke_tokens(actor=actor, user=user)  # whoever knew the old one may have made some


@transaction.atomic
def change_own_profile(*, actor: Actor, user: User, name: str | None = None, language: str | None = None) -> User:
    """A person's own name or language.

    Raises:
        ValidationError: it is too long.
    """
    before = {"name": user.name, "language": user.language}
    user.name = user.name if name is None else name.strip()
    user.language = user.language if language is None else language
    user.full_clean(exclude=["password"])
    user.save(update_fields=["name", "language"])
    after = {"name": user.name, "language": user.language}
    if before != after:
        record(verb=USER_CHANGE, actor=actor, target=user, outcome=Outcome.SUCCEEDED, before=before, after=after)
    return user


def keep_address(user: User) -> None:
    """Let allauth know the person's address and no other: a former one must not sign in or reset a password."""
    EmailAddress.objects.filter(user=user).exclude(email=user.email).delete()
    EmailAddress.objects.update_or_create(user=user, email=user.email, defaults={"verified": True, "primary": True})


def is_last_admin(user: User) -> bool:
    """Whether nobody could administer the panel without this person."""
    others = User.objects.filter(role=Role.ADMIN, is_active=True).exclude(pk=user.pk)
    stored = User.objects.filter(pk=user.pk, role=Role.ADMIN, is_active=True)
    return stored.exists() and not others.exists()


def facts(user: User) -> dict[str, Any]:
    """What audit events keep of a person."""
    return {
        "email": user.email, "name": user.name, "role": str(user.role), "reseller": str(user.reseller or ""),
        "language": user.language, "is_active": user.is_active,
    }  # fmt: skip
