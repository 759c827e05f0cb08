"""Operations: list, the page where a plan is approved and watched, and what can be done with one."""

import hashlib
from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.translation import gettext_lazy as _

from accounts.actors import actor_from_request
from accounts.policies import OperatorPolicy
from audit.actor import Actor
from audit.models import Event
from hosting import intent_cookie, selectors
from hosting.admin import cells, intents
from hosting.admin.filters import NodeScope, ServiceScope
from hosting.admin.pages import READS, Action, ObjectAdmin
from hosting.errors import HostingError
from hosting.models import HostingService, Intent, Operation
from hosting.operations.intents import intent_of
from hosting.operations.present import plan_view, possible, progress
from hosting.services import operations
from hosting.services.intents import confirm_intent, prepare_again
from hosting.templatetags.console import duration
from hosting.translated import translated_sentence

#: Rows of operations on another object's page.
OPERATIONS_SHOWN = 20
#: Of what belongs to a service, whose operations are the service's.
TABS_OF_A_PART = (
    ("overview", _("Overview"), None),
    ("operations", _("Operations"), None),
    ("audit", _("Audit"), None),
)


def operations_of(service: HostingService) -> QuerySet[Operation]:
    """A service's newest operations."""
    return service.operations.order_by("-created_at")[:OPERATIONS_SHOWN]


def _approve(actor: Actor, operation: Operation, data: dict[str, Any]) -> Operation:
    return operations.approve_operation(actor=actor, operation=operation, digest=data["digest"])


def _cancel(actor: Actor, operation: Operation, data: dict[str, Any]) -> Operation:
    operations.cancel_operation(actor=actor, operation=operation)
    return operation


def _retry(actor: Actor, operation: Operation, data: dict[str, Any]) -> Operation:
    return operations.retry_operation(actor=actor, operation=operation)


def _roll_back(actor: Actor, operation: Operation, data: dict[str, Any]) -> Operation:
    return operations.rollback_operation(actor=actor, operation=operation, **data)


def _discard(actor: Actor, operation: Operation, data: dict[str, Any]) -> Operation:
    return operations.discard_changes(actor=actor, operation=operation)


ROLL_BACK = Action(
    "roll-back", _("Roll back"), _("Plan the rollback"), _roll_back, at_once=False, icon="undo-2",
    note=_("Plans the inverse of this operation: what it made is removed, what it changed or removed comes back."),
)  # fmt: skip
#: What one button on the operation's page does, without a page of its own.
BUTTONS = {"approve": _approve, "cancel": _cancel, "retry": _retry, "discard": _discard}


@admin.register(Operation)
class OperationAdmin(ObjectAdmin):
    """Operations."""

    list_display = ("what", "badge", "target", "node_name", "asked_by", "asked", "num_took")
    list_display_links = ("what",)
    list_filter = ("state", "kind", ServiceScope, NodeScope)
    search_fields = ("target_label__startswith", "trace_id__exact", "actor_login__startswith")
    search_help_text = _("Service, node, person from the beginning; or a whole trace id")
    ordering = ("-created_at",)
    sortable_by = ()
    object_template = "admin/npanel/operation.html"
    object_actions = (ROLL_BACK,)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Operation]:
        found = selectors.operations(actor_from_request(request)).select_related(None)
        return found.prefetch_related("node", "service")

    def get_urls(self) -> list[URLPattern]:
        """The live region and the buttons."""
        wrap = self.admin_site.admin_view
        buttons = [path(f"<uuid:pk>/{name}/", wrap(self._button(name)), name=f"operation_{name}") for name in BUTTONS]
        own = [
            path("<uuid:pk>/live/", wrap(self.live_view), name="operation_live"),
            path("<uuid:pk>/clock/", wrap(self.clock_view), name="operation_clock"),
            path("<uuid:pk>/prepare/", wrap(self.prepare_view), name="operation_prepare"),
            path("<uuid:pk>/confirm/", wrap(self.confirm_view), name="operation_confirm"),
        ]
        return [*own, *buttons, *super().get_urls()]

    def events_of(self, obj: Any) -> QuerySet[Event]:
        """Everything that was recorded under the operation's id."""
        return Event.objects.filter(operation_id=str(obj.pk))

    def facts(self, request: HttpRequest, obj: Operation, tab: str) -> dict[str, Any]:
        return self._shown(request, obj)

    def tabs(self, request: HttpRequest, obj: Operation) -> tuple[tuple[str, Any, int | None], ...]:
        return (("overview", _("Plan"), None), ("audit", _("Audit"), None))

    def _shown(self, request: HttpRequest, operation: Operation) -> dict[str, Any]:
        intent = intent_of(operation)
        return {
            "confirmation": intents.confirmation(request, operation, intent),
            "prepare_again_url": intents.prepare_again_url(operation),
            "plan": plan_view(operation),
            "progress": progress(operation),
            "possible": possible(operation),
            "journal": list(operation.journal.order_by("seq")),
            "version": version_of(operation, intent),
            "command": f"manage.py operation_approve {operation.pk} {operation.plan_digest}",
            "following": operation.reverted_by.order_by("-created_at").first(),
        }

    def live_view(self, request: HttpRequest, pk: Any) -> HttpResponse:
        """The part of the page that changes, or 204 when it has not since ``?version=``."""
        if request.method not in READS:
            return HttpResponseNotAllowed(READS)
        operation = self.find(request, str(pk))
        if request.GET.get("version") == version_of(operation, intent_of(operation)):
            return HttpResponse(status=204)
        context = {
            "object": operation, "may_act": OperatorPolicy(request.user).may_act, **self._shown(request, operation),
        }  # fmt: skip
        return TemplateResponse(request, "admin/npanel/operation_live.html", context)

    def clock_view(self, request: HttpRequest, pk: Any) -> HttpResponse:
        """How long the operation still waits to be confirmed."""
        if request.method not in READS:
            return HttpResponseNotAllowed(READS)
        intent = intent_of(self.find(request, str(pk)))
        left = intents.clock(intent) if intent else ""
        if request.GET.get("version") == left:
            return HttpResponse(status=204)
        url = reverse("admin:operation_clock", args=(pk,))
        return TemplateResponse(request, "admin/npanel/clock.html", {"url": url, "left": left})

    def prepare_view(self, request: HttpRequest, pk: Any) -> HttpResponse:
        """Show the plan again, with a new token for this browser."""
        return self._on_intent(request, self.find(request, str(pk)), self._prepare)

    def confirm_view(self, request: HttpRequest, pk: Any) -> HttpResponse:
        """Confirm with the token that this browser holds, the name as typed, and a reason."""
        return self._on_intent(request, self.find(request, str(pk)), self._confirm)

    def _on_intent(self, request: HttpRequest, operation: Operation, act: Any) -> HttpResponse:
        if not OperatorPolicy(request.user).may_act:
            raise PermissionDenied
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        response = HttpResponseRedirect(cells.address_of(operation))
        try:
            act(request, operation, response)
        except HostingError as error:
            messages.error(request, f"{error.detail} {error.hint}".strip())
        return response

    def _prepare(self, request: HttpRequest, operation: Operation, response: HttpResponse) -> None:
        token = prepare_again(actor=actor_from_request(request), operation=operation)
        intents.keep_token(response, operation, token)

    def _confirm(self, request: HttpRequest, operation: Operation, response: HttpResponse) -> None:
        if request.POST.get("name", "").strip() != operation.target_label:
            messages.error(request, _("Type %s to confirm. Nothing was changed.") % operation.target_label)
            return
        confirm_intent(
            actor=actor_from_request(request),
            operation=operation,
            token=intent_cookie.held_token(request),
            digest=request.POST.get("digest", ""),
            reason=request.POST.get("reason", ""),
        )
        intents.drop_token(response, operation)

    def _button(self, name: str) -> Any:
        def view(request: HttpRequest, pk: Any) -> HttpResponse:
            return self._press(request, name, self.find(request, str(pk)))

        return view

    def _press(self, request: HttpRequest, name: str, operation: Operation) -> HttpResponse:
        if not OperatorPolicy(request.user).may_act:
            raise PermissionDenied
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        try:
            data = {"digest": request.POST.get("digest", "")}
            operation = BUTTONS[name](actor_from_request(request), operation, data)
        except HostingError as error:
            messages.error(request, translated_sentence(error))
        return HttpResponseRedirect(cells.address_of(operation))

    @admin.display(description=_("operation"))
    def what(self, operation: Operation) -> str:
        return operation.get_kind_display()

    @admin.display(description=_("state"))
    def badge(self, operation: Operation) -> str:
        return cells.badge(operation.state, operation.get_state_display())

    @admin.display(description=_("on"))
    def target(self, operation: Operation) -> str:
        return cells.link(operation.service) if operation.service_id else operation.target_label

    @admin.display(description=_("node"))
    def node_name(self, operation: Operation) -> str:
        return cells.link(operation.node)

    @admin.display(description=_("asked by"))
    def asked_by(self, operation: Operation) -> str:
        return operation.actor_login or cells.NOTHING

    @admin.display(description=_("asked"))
    def asked(self, operation: Operation) -> str:
        return cells.when(operation.created_at)

    @admin.display(description=_("took"))
    def num_took(self, operation: Operation) -> str:
        return duration(operation.seconds) or cells.NOTHING


def version_of(operation: Operation, intent: Intent | None = None) -> str:
    """Changes whenever the operation's page would: state, phase, plan, journal, commands, error."""
    journal = list(operation.journal.order_by("seq").values_list("seq", "state"))
    parts = (
        operation.state, operation.phase, operation.plan_digest, operation.attempts, operation.error, operation.result,
        len(operation.commands), journal, intents.mark_of(intent),
    )  # fmt: skip
    return hashlib.sha256(repr(parts).encode()).hexdigest()[:16]
