"""Who may sign in for a customer, and how far: one function per use case."""

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.translation import gettext as _

from accounts.belongings import keep
from accounts.choices import MemberAccess, Role
from accounts.interfaces import CUSTOMER, RESET_PATH, address
from accounts.letters import send_later, write
from accounts.models import Customer, Membership, User
from accounts.services.letters import count_letter
from accounts.services.people import create_person
from accounts.services.sessions import end_all_sessions
from accounts.verbs import MEMBER_ADD, MEMBER_CHANGE, MEMBER_REMOVE
from audit.actor import Actor
from audit.choices import Outcome
from audit.record import record


@transaction.atomic
def add_member(
    *,
    actor: Actor,
    customer: Customer,
    email: str,
    name: str = "",
    access: str = MemberAccess.VIEWER,
    password: str | None = None,
) -> Membership:
    """Let somebody in for a customer; who has no account gets one, and a letter that says how to choose a password.

    Args:
        password: of a new account; then no letter is sent.

    Raises:
        ValidationError: the address is none or belongs to somebody who is no customer, is a member already, or too many
            letters were sent.
    """
    user = User.objects.filter(email=email.strip().lower()).first()
    new = user is None
    if user is None:
        user = create_person(actor=actor, email=email, password=password, name=name.strip(), role=Role.CUSTOMER)
    elif password is not None:
        raise ValidationError({"email": _("This person has an account and a password already.")})
    if user.role != Role.CUSTOMER:
        raise ValidationError({"email": _("This address can't be a member. Use another one.")})
    if Membership.objects.filter(user=user, customer=customer).exists():
        raise ValidationError({"email": _("This person is a member already.")})
    membership = Membership(user=user, customer=customer, access=access)
    membership.full_clean()
    membership.save()
    after = {"person": user.email, "access": str(access)}
    record(verb=MEMBER_ADD, actor=actor, target=customer, outcome=Outcome.SUCCEEDED, after=after)
    if password is None:
        count_letter(actor, user.email)
        send_invitation(user, str(customer), new=new)
    return membership


@transaction.atomic
def change_access(*, actor: Actor, membership: Membership, access: str) -> Membership:
    """Another access for a member.

    Raises:
        ValidationError: there is no such access, the last owner would be gone, or the membership ended meanwhile.
    """
    membership = _locked(membership)
    before = str(membership.access)
    if access != MemberAccess.OWNER:
        _keep_an_owner(membership)
    membership.access = access
    membership.full_clean()
    membership.save(force_update=True)
    _record_change(actor, membership, before, str(access))
    return membership


@transaction.atomic
def remove_member(*, actor: Actor, membership: Membership) -> None:
    """Take a member's access away; one who is nobody's member any more is signed out.

    Raises:
        ValidationError: it is the last owner, or the membership ended meanwhile.
    """
    membership = _locked(membership)
    _keep_an_owner(membership)
    user, customer = membership.user, membership.customer
    keep(customer.pk, User._meta.label_lower, [user.pk])
    membership.delete()
    before = {"person": user.email, "access": str(membership.access)}
    record(verb=MEMBER_REMOVE, actor=actor, target=customer, outcome=Outcome.SUCCEEDED, before=before)
    if not user.memberships.exists():
        end_all_sessions(actor=actor, user=user)


def send_invitation(user: User, company: str, *, new: bool) -> None:
    """Tell somebody that they may sign in, once the transaction is through.

    The link leads to the reset form and holds no key: only the customers' interface can sign one that it accepts.
    """
    context = {"user": user, "company": company, "new": new, "url": address(RESET_PATH, CUSTOMER)}
    transaction.on_commit(lambda: send_later(write("account/email/invitation", user.email, context)))


def _locked(membership: Membership) -> Membership:
    """The row as it is now: two owners who remove each other take turns, and who is gone stays gone."""
    Customer.objects.select_for_update().filter(pk=membership.customer_id).first()
    found = Membership.objects.select_related("user", "customer").filter(pk=membership.pk).first()
    if found is None:
        raise ValidationError(_("This person is not a member any more."))
    return found


def _keep_an_owner(membership: Membership) -> None:
    owners = Membership.objects.filter(customer=membership.customer, access=MemberAccess.OWNER, user__is_active=True)
    stored = owners.filter(pk=membership.pk)
    if stored.exists() and not owners.exclude(pk=membership.pk).exists():
        raise ValidationError(_("This is the last owner. Make another owner first."))


def _record_change(actor: Actor, membership: Membership, before: str, after: str) -> None:
    person = membership.user.email
    record(
        verb=MEMBER_CHANGE, actor=actor, target=membership.customer, outcome=Outcome.SUCCEEDED,
        before={"person": person, "access": before}, after={"person": person, "access": after},
    )  # fmt: skip
