"""What can be done with resellers and the people who work for them, one function per use case."""

from typing import Any

from django.db import transaction
from django.forms.models import model_to_dict

from accounts.choices import Role
from accounts.models import Reseller, User
from accounts.services.letters import count_letter
from accounts.services.members import send_invitation
from accounts.services.people import create_person
from accounts.services.sessions import end_all_sessions, revoke_tokens
from accounts.verbs import RESELLER_CHANGE, RESELLER_CREATE
from audit.actor import Actor
from audit.choices import Outcome
from audit.record import record

FIELDS = ("name", "email", "is_active", "max_customers", "max_services", "max_disk_mb", "name_servers")


@transaction.atomic
def create_reseller(*, actor: Actor, **fields: Any) -> Reseller:
    """Add a reseller; an empty limit means unlimited.

    Raises:
        ValidationError: the name is taken, or a field is wrong.
    """
    reseller = Reseller(**fields)
    reseller.full_clean()
    reseller.save()
    record(verb=RESELLER_CREATE, actor=actor, target=reseller, outcome=Outcome.SUCCEEDED, after=_facts(reseller))
    return reseller


@transaction.atomic
def change_reseller(*, actor: Actor, reseller: Reseller, **fields: Any) -> Reseller:
    """Change a reseller; one that is not active any more has its people signed out and their tokens revoked.

    Raises:
        ValidationError: the name is taken, or a field is wrong.
    """
    reseller = Reseller.objects.get(pk=reseller.pk)
    before = _facts(reseller)
    for name, value in fields.items():
        setattr(reseller, name, value)
    reseller.full_clean()
    reseller.save()
    after = _facts(reseller)
    record(verb=RESELLER_CHANGE, actor=actor, target=reseller, outcome=Outcome.SUCCEEDED, before=before, after=after)
    if before["is_active"] and not reseller.is_active:
        for user in reseller.users.all():
            end_all_sessions(actor=actor, user=user)
            revoke_tokens(actor=actor, user=user)
    return reseller


@transaction.atomic
def add_reseller_person(*, actor: Actor, reseller: Reseller, email: str, name: str = "") -> User:
    """Let somebody work for a reseller; a letter tells them how to choose a password.

    Raises:
        ValidationError: the address is taken or is none, or too many letters were sent.
    """
    user = create_person(actor=actor, email=email, name=name.strip(), role=Role.RESELLER, reseller=reseller)
    count_letter(actor, user.email)
    send_invitation(user, str(reseller), new=True)
    return user


def _facts(reseller: Reseller) -> dict[str, Any]:
    return model_to_dict(reseller, fields=FIELDS)
