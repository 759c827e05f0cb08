"""Who may sign in for a customer: invited, given another access, removed."""

from django.db import transaction

from accounts.choices import MemberAccess
from accounts.models import Customer, Membership
from accounts.services import members as _members
from audit.actor import Actor
from hosting.services.validation import validated


@transaction.atomic
def add_member(
    *, actor: Actor, customer: Customer, email: str, name: str = "", access: str = MemberAccess.VIEWER
) -> Membership:
    """Let somebody in for a customer; who has no account gets one, and a letter.

    Raises:
        HostingError: ``invalid`` (the address is none, is a member already, or belongs to somebody who is no customer).
    """
    with validated():
        return _members.add_member(actor=actor, customer=customer, email=email, name=name, access=access)


@transaction.atomic
def change_access(*, actor: Actor, membership: Membership, access: str) -> Membership:
    """Another access for a member.

    Raises:
        HostingError: ``invalid`` (there is no such access, or the last owner would be gone).
    """
    with validated():
        return _members.change_access(actor=actor, membership=membership, access=access)


@transaction.atomic
def remove_member(*, actor: Actor, membership: Membership) -> None:
    """Take a member's access away, and sign them out.

    Raises:
        HostingError: ``invalid`` (it is the last owner).
    """
    with validated():
        _members.remove_member(actor=actor, membership=membership)
