"""The audit log in the console: read-only, with ISO times and verbs in words."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.translation import gettext_lazy as _

from accounts.policies import OperatorPolicy
from audit.admin import EventAdmin
from audit.models import Event
from hosting.templatetags.console import exact, outcome_badge, verb_label


@admin.register(Event)
class ConsoleEventAdmin(EventAdmin):
    """Audit events."""

    list_display = ("when", "what", "outcome_word", "target", "actor", "actor_ip", "node")
    list_display_links = ("when",)  # type: ignore[assignment]
    fieldsets = (
        (None, {"fields": ("when", "what", "outcome_word", "reason")}),
        (_("Who"), {"fields": ("actor", "actor_type", "actor_id", "actor_role", "actor_interface", "actor_ip",
                               "session_digest", "impersonator_login", "impersonator_id")}),
        (_("What"), {"fields": ("target_label", "target_type", "target_id", "node", "before_json", "after_json")}),
        (_("Ids"), {"fields": ("uid", "trace_id", "correlation_id", "request_id", "operation_id", "version")}),
    )  # fmt: skip

    def has_module_permission(self, request: HttpRequest) -> bool:
        return OperatorPolicy(request.user).may_view

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return OperatorPolicy(request.user).may_view

    def get_readonly_fields(self, request: HttpRequest, obj: Event | None = None) -> list[str]:
        return [*super().get_readonly_fields(request, obj), "when", "what", "outcome_word"]

    @admin.display(description=_("time"))
    def when(self, event: Event) -> str:
        return exact(event.occurred_at)

    @admin.display(description=_("what"))
    def what(self, event: Event) -> str:
        return format_html('<span title="{}">{}</span>', event.verb, verb_label(event.verb))

    @admin.display(description=_("outcome"))
    def outcome_word(self, event: Event) -> str:
        return outcome_badge(event)
