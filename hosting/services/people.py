"""Operators, resellers and their people: made, changed, signed out."""

from typing import Any

from django.db import transaction

from accounts.models import Reseller, User
from accounts.services import people as _people
from accounts.services import resellers as _resellers
from accounts.services import sessions as _sessions
from audit.actor import Actor
from hosting.services.validation import validated


@transaction.atomic
def create_person(*, actor: Actor, email: str, password: str | None = None, **fields: Any) -> User:
    """Add a person of any role.

    Raises:
        HostingError: ``invalid``.
    """
    with validated():
        return _people.create_person(actor=actor, email=email, password=password, **fields)


@transaction.atomic
def change_person(*, actor: Actor, user: User, **fields: Any) -> User:
    """Change a person; what no longer fits (sessions, tokens) ends.

    Raises:
        HostingError: ``invalid`` (also: the last administrator would be gone).
    """
    with validated():
        return _people.change_person(actor=actor, user=user, **fields)


@transaction.atomic
def deactivate_person(*, actor: Actor, user: User) -> User:
    """Let a person sign in no more; their sessions end and their tokens are revoked.

    Raises:
        HostingError: ``invalid`` (the last administrator).
    """
    return change_person(actor=actor, user=user, is_active=False)


@transaction.atomic
def change_own_profile(*, actor: Actor, user: User, name: str | None = None, language: str | None = None) -> User:
    """A person's own name or language.

    Raises:
        HostingError: ``invalid``.
    """
    with validated():
        return _people.change_own_profile(actor=actor, user=user, name=name, language=language)


@transaction.atomic
def reset_second_factor(*, actor: Actor, user: User) -> int:
    """Take the second factors of somebody who lost theirs away; their sessions end."""
    return _sessions.reset_second_factor(actor=actor, user=user)


@transaction.atomic
def end_sessions(*, actor: Actor, user: User) -> int:
    """Sign a person out everywhere and revoke their tokens."""
    _sessions.revoke_tokens(actor=actor, user=user)
    return _sessions.end_all_sessions(actor=actor, user=user)


@transaction.atomic
def create_reseller(*, actor: Actor, **fields: Any) -> Reseller:
    """Add a reseller; an empty limit means unlimited.

    Raises:
        HostingError: ``invalid``.
    """
    with validated():
        return _resellers.create_reseller(actor=actor, **fields)


@transaction.atomic
def change_reseller(*, actor: Actor, reseller: Reseller, **fields: Any) -> Reseller:
    """Change a reseller, or deactivate it, which signs its people out.

    Raises:
        HostingError: ``invalid``.
    """
    with validated():
        return _resellers.change_reseller(actor=actor, reseller=reseller, **fields)


@transaction.atomic
def add_reseller_person(*, actor: Actor, reseller: Reseller, email: str, name: str = "") -> User:
    """Let somebody work for a reseller; a letter tells them how to choose a password.

    Raises:
        HostingError: ``invalid``.
    """
    with validated():
        return _resellers.add_reseller_person(actor=actor, reseller=reseller, email=email, name=name)
