"""People: who may sign in for a customer, and how far each may go."""

from typing import Any

from django import forms
from django.http import HttpResponse
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from accounts.choices import MemberAccess, Role
from accounts.middleware import not_while_impersonating
from accounts.models import Customer, Membership
from hosting import selectors
from hosting.policies import Policy
from hosting.portal.access import PortalRequest, find, portal
from hosting.portal.forms import NoQuestion, PortalForm
from hosting.portal.pages import Ask, ask, page

ADD = Ask(
    "member.add", _("Let somebody in"), _("Let them in"),
    _("They get an e-mail with which they choose a password of their own."), plans=False, done=_("They were let in."),
)  # fmt: skip
CHANGE = Ask("member.change", _("Change access"), _("Change access"), plans=False, done=_("The access was changed."))
REMOVE = Ask(
    "member.remove", _("Remove from the account"), _("Remove"), _("They can't see or change anything here any more."),
    plans=False, danger=True, done=_("They were removed."),
)  # fmt: skip
#: What each access lets a person do.
MEANINGS = {
    MemberAccess.OWNER: _("Everything, and says who else comes in."),
    MemberAccess.MANAGER: _("Changes domains, DNS and databases."),
    MemberAccess.VIEWER: _("Looks, and changes nothing."),
}


class AccessForm(PortalForm):
    """How far a person may go."""

    access = forms.ChoiceField(
        label=_("Access"),
        choices=[(access.value, f"{access.label}: {MEANINGS[access]}") for access in MemberAccess],
        initial=MemberAccess.VIEWER,
        widget=forms.RadioSelect,
    )


class MemberForm(AccessForm):
    """Somebody who is to come in."""

    email = forms.EmailField(label=_("E-mail address"), max_length=190)
    field_order = ("email", "access")


@not_while_impersonating
@portal
def people(request: PortalRequest) -> HttpResponse:
    """Who may sign in, customer by customer."""
    rows = selectors.memberships(request.actor).order_by("customer__name", "user__email")[:500]
    groups: dict[Customer, list[Membership]] = {}
    for row in rows:
        groups.setdefault(row.customer, []).append(row)
    policy = Policy(request.actor)
    may = {customer: policy.may(ADD.use, customer) for customer in groups}
    shown = [{"customer": customer, "members": members, "may": may[customer]} for customer, members in groups.items()]
    context = {"groups": shown, "meanings": list(MEANINGS.items())}
    return page(request, "portal/people.html", context, section="people")


@not_while_impersonating
@portal
def add(request: PortalRequest, pk: int) -> HttpResponse:
    """Let one more person in."""
    customer = find(selectors.customers(request.actor), pk)
    form = MemberForm(request.POST if request.method == "POST" else None)
    return _ask(request, ADD, customer, customer, form, customer.name)


@not_while_impersonating
@portal
def change(request: PortalRequest, pk: int) -> HttpResponse:
    """Another access for a person."""
    row = find(selectors.memberships(request.actor), pk)
    form = AccessForm(request.POST if request.method == "POST" else None, initial={"access": row.access})
    return _ask(request, CHANGE, row.customer, row, form, row.user.email)


@not_while_impersonating
@portal
def remove(request: PortalRequest, pk: int) -> HttpResponse:
    """End a person's access."""
    row = find(selectors.memberships(request.actor), pk)
    form = NoQuestion(request.POST if request.method == "POST" else None)
    return _ask(request, REMOVE, row.customer, row, form, row.user.email)


def _ask(
    request: PortalRequest, question: Ask, customer: Customer, subject: Any, form: PortalForm, about: str
) -> HttpResponse:
    """Ask on a page that leads back to where the person came from: a reseller to the customer, others to all people."""
    from_customer = request.user.role == Role.RESELLER
    return ask(
        request,
        question,
        subject,
        form,
        back=reverse("portal:customer", args=(customer.pk,)) if from_customer else reverse("portal:people"),
        section="customers" if from_customer else "people",
        about=about,
        trail=customer.name if from_customer else _("People"),
    )
