"""Questions about mail: the delivery log of a node, and how well a domain's mail will be taken elsewhere."""

from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from accounts.actors import actor_from_request
from audit.actor import Actor
from hosting import selectors
from hosting.admin import cells
from hosting.admin.filters import NodeScope
from hosting.admin.forms import AskForm
from hosting.admin.pages import Action, ObjectAdmin
from hosting.choices import NodeState
from hosting.mail_answers import shown
from hosting.models import MailLookup, Node
from hosting.services import mail_lookups


class SearchForm(AskForm):
    """Where, and what."""

    reason = None  # type: ignore[assignment]
    node = forms.ModelChoiceField(Node.objects.filter(state=NodeState.READY), label=_("Node"))
    query = forms.CharField(
        label=_("Address or message"), max_length=254,
        help_text=_("name@example.com, @example.com for a whole domain, or the id of a message."),
    )  # fmt: skip


def _search(actor: Actor, subject: None, data: dict[str, Any]) -> MailLookup:
    return mail_lookups.search_node_log(actor=actor, **data)


SEARCH = Action("add", _("Search the delivery log"), _("Search"), _search, SearchForm, plans=False)


@admin.register(MailLookup)
class MailLookupAdmin(ObjectAdmin):
    """What was asked about mail within the last day."""

    list_display = ("what", "badge", "which", "node_name", "service_name", "asked_by", "asked")
    list_display_links = ("what",)
    list_filter = ("kind", NodeScope)
    search_fields = ("query__startswith",)
    search_help_text = _("Address or message, from the beginning")
    sortable_by = ()
    adding = SEARCH
    object_template = "admin/npanel/mail_lookup.html"

    def get_queryset(self, request: HttpRequest) -> QuerySet[MailLookup]:
        found = selectors.mail_lookups(actor_from_request(request)).defer("answer")
        return found.select_related(None).prefetch_related("node", "service", "domain")

    def tabs(self, request: HttpRequest, obj: MailLookup) -> tuple[tuple[str, Any, int | None], ...]:
        return (("overview", _("Answer"), None),)

    def facts(self, request: HttpRequest, obj: MailLookup, tab: str) -> dict[str, Any]:
        return shown(obj, spare=False)

    @admin.display(description=_("looked for"))
    def what(self, row: MailLookup) -> str:
        return str(row)

    @admin.display(description=_("question"))
    def which(self, row: MailLookup) -> str:
        return row.get_kind_display()

    @admin.display(description=_("state"))
    def badge(self, row: MailLookup) -> str:
        return cells.badge(row.state, row.get_state_display())

    @admin.display(description=_("node"))
    def node_name(self, row: MailLookup) -> str:
        return cells.link(row.node)

    @admin.display(description=_("service"))
    def service_name(self, row: MailLookup) -> str:
        return cells.link(row.service)

    @admin.display(description=_("asked by"))
    def asked_by(self, row: MailLookup) -> str:
        return row.actor_login

    @admin.display(description=_("asked"))
    def asked(self, row: MailLookup) -> str:
        return cells.when(row.created_at)
