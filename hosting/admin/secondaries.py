"""Secondary name servers of nodes."""

from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from accounts.actors import actor_from_request
from accounts.policies import OperatorPolicy
from audit.actor import Actor
from hosting import selectors
from hosting.admin import cells
from hosting.admin.forms import AskForm
from hosting.admin.pages import Action, ObjectAdmin
from hosting.choices import NodeState
from hosting.desired import dns_address
from hosting.models import Node, Operation, Secondary
from hosting.services import secondaries


class SecondaryForm(AskForm):
    """Another name server for the zones of a node."""

    node = forms.ModelChoiceField(
        Node.objects.filter(state=NodeState.READY), label=_("Primary node"), empty_label=_("Choose a node"),
        help_text=_("All its zones are given to the secondary."),
    )  # fmt: skip
    name = forms.CharField(label=_("Host name"), max_length=190, help_text=_("As domains are delegated to it."))
    carrier = forms.ModelChoiceField(
        Node.objects.filter(state=NodeState.READY), label=_("Node that is to be it"), required=False,
        empty_label=_("None of ours"), help_text=_("It is set up as well."),
    )  # fmt: skip
    address = forms.CharField(
        label=_("Or the address of another name server"), max_length=45, required=False,
        help_text=_("It has to take over the catalog zone, or each zone by hand."),
    )  # fmt: skip
    key = forms.CharField(
        label=_("Its TSIG key"), max_length=200, required=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "off"}),
        help_text=_("HMAC-SHA256 in base64. Left empty, one is made."),
    )  # fmt: skip


def _add(actor: Actor, subject: None, data: dict[str, Any]) -> Operation:
    return secondaries.add_secondary(actor=actor, **data)


def _remove(actor: Actor, secondary: Secondary, data: dict[str, Any]) -> Operation:
    return secondaries.remove_secondary(actor=actor, secondary=secondary, **data)


ADD = Action(
    "add", _("New secondary name server"), _("Plan the set-up"), _add, SecondaryForm,
    note=_("It fetches all zones of a node and answers for them too, also while the node can't."),
)  # fmt: skip
REMOVE = Action(
    "remove", _("Remove secondary name server"), _("Plan the removal"), _remove, danger=True, icon="trash-2",
    note=_("It gets no more changes. A node of yours forgets the zones; elsewhere take them off the server yourself."),
)  # fmt: skip


@admin.register(Secondary)
class SecondaryAdmin(ObjectAdmin):
    """Secondary name servers."""

    list_display = ("label", "badge", "primary", "reached_at", "ours", "created")
    list_display_links = ("label",)
    search_fields = ("name__startswith",)
    search_help_text = _("Host name, from the beginning")
    adding = ADD
    object_template = "admin/npanel/secondary.html"
    object_actions = (REMOVE,)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Secondary]:
        return selectors.secondaries(actor_from_request(request))

    def facts(self, request: HttpRequest, obj: Secondary, tab: str) -> dict[str, Any]:
        menu = [REMOVE] if OperatorPolicy(request.user).may_act else []
        shown = {"set_up": secondaries.is_set_up(obj), "algorithm": secondaries.ALGORITHM}
        return {"menu": menu, "primary": dns_address(obj.node), **shown}

    @admin.display(description=_("name"), ordering="name")
    def label(self, row: Secondary) -> str:
        return row.name

    @admin.display(description=_("state"))
    def badge(self, row: Secondary) -> str:
        ready = secondaries.is_set_up(row)
        return cells.badge("ready" if ready else "pending", _("Set up") if ready else _("Waiting"))

    @admin.display(description=_("primary node"))
    def primary(self, row: Secondary) -> str:
        return cells.link(row.node)

    @admin.display(description=_("address"))
    def reached_at(self, row: Secondary) -> str:
        return row.address

    @admin.display(description=_("node of ours"))
    def ours(self, row: Secondary) -> str:
        return cells.link(row.carrier)

    @admin.display(description=_("created"), ordering="id")
    def created(self, row: Secondary) -> str:
        return cells.when(row.created_at)
