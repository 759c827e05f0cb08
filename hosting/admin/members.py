"""Who may sign in for a customer: invited on the customer's page, changed and removed on a page of their own."""

from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from accounts.actors import actor_from_request
from accounts.choices import MemberAccess
from accounts.models import Customer, Membership
from audit.actor import Actor
from hosting import selectors
from hosting.admin.forms import AskForm, NoQuestion
from hosting.admin.pages import Action, ObjectAdmin
from hosting.policies import perform


class AccessForm(AskForm):
    """How far somebody may go."""

    reason = None  # type: ignore[assignment]
    access = forms.ChoiceField(
        label=_("Access"), choices=MemberAccess.choices, initial=MemberAccess.VIEWER,
        help_text=_("Owners do everything and let people in, managers change what is hosted, viewers look."),
    )  # fmt: skip


class InviteForm(AccessForm):
    """Somebody to let in."""

    email = forms.EmailField(label=_("E-mail address"), max_length=190)
    name = forms.CharField(label=_("Name"), max_length=120, required=False)
    field_order = ("email", "name", "access")


def _invite(actor: Actor, customer: Customer, data: dict[str, Any]) -> None:
    perform(actor, "member.add", customer, **data)


def _change(actor: Actor, membership: Membership, data: dict[str, Any]) -> Membership:
    done: Membership = perform(actor, "member.change", membership, **data)
    return done


def _remove(actor: Actor, membership: Membership, data: dict[str, Any]) -> Customer:
    customer = membership.customer
    perform(actor, "member.remove", membership)
    return customer


INVITE = Action(
    "invite", _("Let somebody in"), _("Let in"), _invite, InviteForm, plans=False, icon="plus",
    note=_("Who has no account yet gets one, and a letter that says how to choose a password."),
    done=_("They may sign in now; a letter is on its way."), fresh=True,
)  # fmt: skip
CHANGE = Action(
    "access", _("Change access"), _("Change access"), _change, AccessForm, plans=False, icon="pencil", fresh=True
)
REMOVE = Action(
    "remove", _("Take access away"), _("Take access away"), _remove, NoQuestion, plans=False, danger=True,
    icon="trash-2", note=_("Their sessions end. The account stays."), done=_("Their access is gone."), fresh=True,
)  # fmt: skip


@admin.register(Membership)
class MembershipAdmin(ObjectAdmin):
    """Members of customers. There is no way to add one here: that is on the customer's page."""

    list_display = ("person", "customer", "access")
    list_display_links = ("person",)
    list_filter = ("access",)
    list_select_related = ()
    search_fields = ("user__email__startswith", "customer__name__startswith")
    search_help_text = _("E-mail address or customer, from the beginning")
    object_template = "admin/npanel/membership.html"
    object_actions = (CHANGE, REMOVE)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Membership]:
        return selectors.memberships(actor_from_request(request))

    def facts(self, request: HttpRequest, obj: Membership, tab: str) -> dict[str, Any]:
        return {"menu": [CHANGE, REMOVE]}

    @admin.display(description=_("person"), ordering="user__email")
    def person(self, membership: Membership) -> str:
        return membership.user.email
