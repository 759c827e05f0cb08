"""Nodes: list, form, the way from a bare server to a ready node, and its page."""

from datetime import timedelta
from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import URLPattern, path
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from accounts.actors import actor_from_request
from accounts.policies import OperatorPolicy
from audit.actor import Actor
from hosting import selectors
from hosting.admin import cells
from hosting.admin.forms import HostKeysForm, NodeForm, NoQuestion
from hosting.admin.operations import OPERATIONS_SHOWN
from hosting.admin.pages import Action, ObjectAdmin, live_services, open_drift
from hosting.choices import DriftState, NodeState, ServiceState
from hosting.errors import HostingError
from hosting.models import Node, Operation
from hosting.services import drift, nodes
from hosting.templatetags.console import megabytes

SHOWN = 20
#: A ready node that nobody has reached for this long needs a look.
SILENT_AFTER = timedelta(minutes=30)


def _add(actor: Actor, subject: None, data: dict[str, Any]) -> Node:
    return nodes.add_node(actor=actor, **data)


def _pin(actor: Actor, node: Node, data: dict[str, Any]) -> Node:
    nodes.pin_host_keys(actor=actor, node=node, **data)
    return node


def _bootstrap(actor: Actor, node: Node, data: dict[str, Any]) -> Operation:
    return nodes.bootstrap_node(actor=actor, node=node, **data)


def _scan(actor: Actor, node: Node, data: dict[str, Any]) -> Node:
    drift.request_scan(actor=actor, node=node)
    return node


ADD = Action(
    "add", _("New node"), _("Add node"), _add, NodeForm, plans=False,
    note=_("NPanel makes a key pair of its own for the node. Nothing is sent to it yet."),
)  # fmt: skip
PIN = Action(
    "host-keys", _("Pin host keys"), _("Trust these keys"), _pin, HostKeysForm, plans=False, icon="shield-check",
    note=_("From then on the node is only talked to while it proves that it holds one of these keys."),
    done=_("The host keys are pinned."), template="admin/npanel/host_keys.html",
)  # fmt: skip
BOOTSTRAP = Action(
    "bootstrap", _("Bootstrap node"), _("Plan the bootstrap"), _bootstrap, icon="wrench",
    note=_("Installs and configures what hosting needs: packages, NPanel's own files, daemons. Can be run again."),
)  # fmt: skip
SCAN = Action(
    "scan", _("Scan for drift"), _("Scan now"), _scan, NoQuestion, plans=False, icon="scan-search",
    note=_("The worker compares the whole node with what is wanted. Nothing is changed."),
    done=_("The worker scans the node now. Differences appear under Drift."),
)  # fmt: skip


@admin.register(Node)
class NodeAdmin(ObjectAdmin):
    """Nodes."""

    list_display = ("label", "badge", "reached_at", "num_services", "num_drift", "php", "num_memory", "seen")
    list_display_links = ("label",)
    list_filter = ("state",)
    search_fields = ("name__startswith", "address__startswith")
    search_help_text = _("Name or address, from the beginning")
    audit_types = ("node",)
    adding = ADD
    object_template = "admin/npanel/node.html"
    object_actions = (PIN, BOOTSTRAP, SCAN)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Node]:
        return selectors.nodes(actor_from_request(request)).annotate(
            service_count=live_services("node"), drift_count=open_drift()
        )

    def get_urls(self) -> list[URLPattern]:
        """Asking a server for its keys, before they are pinned."""
        view = self.admin_site.admin_view(self.key_scan_view)
        return [path("<int:pk>/scan-host-keys/", view, name="hosting_node_scan_keys"), *super().get_urls()]

    def key_scan_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Show what keys the server has, with fingerprints, ready to be pinned; nothing is trusted by this."""
        if not OperatorPolicy(request.user).may_act:
            raise PermissionDenied
        node = self.find(request, str(pk))
        form, found = HostKeysForm(subject=node), []
        if request.method == "POST":
            try:
                found = nodes.scan_host_keys(address=node.address, port=node.ssh_port)
            except HostingError as error:
                form = HostKeysForm({"host_keys": ""}, subject=node)
                form.full_clean()
                form.errors.clear()
                form.refuse(error)
            else:
                form.initial["host_keys"] = "\n".join(found)
        context = {
            "title": PIN.title, "action": PIN, "form": form, "object": node, "back": cells.address_of(node),
            "found": [key_facts(line) for line in found],
        }  # fmt: skip
        return self.page(request, PIN.template, context)

    def tabs(self, request: HttpRequest, obj: Any) -> tuple[tuple[str, Any, int | None], ...]:
        return (
            ("overview", _("Overview"), None),
            ("drift", _("Drift"), obj.drift_count or None),
            ("operations", _("Operations"), None),
            ("audit", _("Audit"), None),
        )

    def facts(self, request: HttpRequest, obj: Node, tab: str) -> dict[str, Any]:
        return {
            "keys": [key_facts(line) for line in obj.host_keys.splitlines() if line.strip()],
            "menu": [BOOTSTRAP, SCAN, PIN] if obj.state != NodeState.NEW else [],
            "silent": is_silent(obj),
            "services": obj.services.exclude(state=ServiceState.TERMINATED).select_related("customer")[:SHOWN],
            "drift": obj.drift.filter(state=DriftState.OPEN).select_related("service").order_by("-id")[:SHOWN],
            "operations": obj.operations.order_by("-created_at")[:OPERATIONS_SHOWN],
        }

    @admin.display(description=_("name"), ordering="name")
    def label(self, node: Node) -> str:
        return node.name

    @admin.display(description=_("state"))
    def badge(self, node: Node) -> str:
        return cells.badge(node.state, node.get_state_display())

    @admin.display(description=_("address"))
    def reached_at(self, node: Node) -> str:
        return node.address

    @admin.display(description=_("services"))
    def num_services(self, node: Any) -> int:
        return int(node.service_count)

    @admin.display(description=_("drift"))
    def num_drift(self, node: Any) -> int:
        return int(node.drift_count)

    @admin.display(description=_("PHP"))
    def php(self, node: Node) -> str:
        return ", ".join(node.php_versions) or cells.NOTHING

    @admin.display(description=_("memory"))
    def num_memory(self, node: Node) -> str:
        size = node.facts.get("memory_mb")
        return megabytes(size) if size else cells.NOTHING

    @admin.display(description=_("last seen"))
    def seen(self, node: Node) -> str:
        return cells.when(node.last_seen_at)


def is_silent(node: Node) -> bool:
    """Whether a ready node has not been reached for too long."""
    return node.state == NodeState.READY and (
        node.last_seen_at is None or timezone.now() - node.last_seen_at > SILENT_AFTER
    )


def key_facts(line: str) -> dict[str, str]:
    """Type and fingerprint of a host key."""
    return {"type": line.split()[0], "fingerprint": nodes.fingerprint(line)}
