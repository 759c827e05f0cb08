"""Drift: the list of differences, and the page where one is repaired or adopted."""

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from accounts.actors import actor_from_request
from audit.actor import Actor
from hosting import selectors
from hosting.admin import cells
from hosting.admin.filters import NodeScope, ServiceScope
from hosting.admin.forms import NoQuestion
from hosting.admin.pages import Action, ObjectAdmin
from hosting.choices import DriftState
from hosting.models import DriftItem, Operation
from hosting.operations.present import adapter_label, kind_label
from hosting.services import drift


def _repair(actor: Actor, item: DriftItem, data: dict[str, Any]) -> Operation:
    return drift.repair(actor=actor, item=item, **data)


def _adopt(actor: Actor, item: DriftItem, data: dict[str, Any]) -> DriftItem:
    return drift.adopt(actor=actor, item=item)


REPAIR = Action(
    "repair", _("Repair drift"), _("Plan the repair"), _repair, NoQuestion, icon="wrench",
    note=_("Makes the node as wanted again, for this one difference."),
)  # fmt: skip
ADOPT = Action(
    "adopt", _("Adopt drift"), _("Adopt what the node has"), _adopt, NoQuestion, plans=False, icon="git-merge",
    note=_("What the node has becomes what is wanted, for this one difference. The node is not touched."),
    done=_("Adopted: from now on this is what is wanted."),
)  # fmt: skip


class OpenFilter(admin.SimpleListFilter):
    """Open differences unless another state is asked for."""

    title = _("state")
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [*DriftState.choices, ("all", _("All"))]

    def choices(self, changelist: Any) -> Any:
        """First is what takes the filter away: the open ones."""
        for value, label in ((None, _("Open")), *(c for c in self.lookup_choices if c[0] != DriftState.OPEN)):
            query = changelist.get_query_string({self.parameter_name: value} if value else {}, [self.parameter_name])
            yield {"selected": self.value() == value, "query_string": query, "display": label}

    def queryset(self, request: HttpRequest, queryset: QuerySet[DriftItem]) -> QuerySet[DriftItem]:
        if self.value() == "all":
            return queryset
        return queryset.filter(state=self.value() or DriftState.OPEN)


@admin.register(DriftItem)
class DriftItemAdmin(ObjectAdmin):
    """Differences between nodes and what is wanted."""

    list_display = ("what", "badge", "node_name", "service_name", "daemon", "since", "seen")
    list_display_links = ("what",)
    list_filter = (OpenFilter, NodeScope, ServiceScope)
    search_fields = ("key__startswith", "node__name__startswith", "service__username__startswith")
    search_help_text = _("Resource, node or service, from the beginning")
    sortable_by = ()
    object_template = "admin/npanel/drift.html"
    object_actions = (REPAIR, ADOPT)

    def get_queryset(self, request: HttpRequest) -> QuerySet[DriftItem]:
        items = selectors.drift_items(actor_from_request(request))
        return items.select_related(None).prefetch_related("node", "service", "operation")

    def tabs(self, request: HttpRequest, obj: DriftItem) -> tuple[tuple[str, Any, int | None], ...]:
        return (("overview", _("Difference"), None), ("audit", _("Audit"), None))

    def facts(self, request: HttpRequest, obj: DriftItem, tab: str) -> dict[str, Any]:
        return {
            "kind_label": kind_label(obj.kind),
            "adapter_label": adapter_label(obj.adapter),
            "open": obj.state == DriftState.OPEN,
            "adoptable": obj.service_id is not None,
        }

    @admin.display(description=_("resource"))
    def what(self, item: DriftItem) -> str:
        return f"{kind_label(item.kind)} {item.key}"

    @admin.display(description=_("state"))
    def badge(self, item: DriftItem) -> str:
        return cells.badge(item.state, item.get_state_display())

    @admin.display(description=_("node"))
    def node_name(self, item: DriftItem) -> str:
        return cells.link(item.node)

    @admin.display(description=_("service"))
    def service_name(self, item: DriftItem) -> str:
        return cells.link(item.service)

    @admin.display(description=_("adapter"))
    def daemon(self, item: DriftItem) -> str:
        return adapter_label(item.adapter)

    @admin.display(description=_("first seen"))
    def since(self, item: DriftItem) -> str:
        return cells.when(item.first_seen_at)

    @admin.display(description=_("last seen"))
    def seen(self, item: DriftItem) -> str:
        return cells.when(item.last_seen_at)
