"""The audit log in the console: read-only, with ISO times and verbs in words."""

import json
from typing import Any

from django.contrib import admin
from django.contrib.admin.utils import unquote
from django.core.exceptions import PermissionDenied
from django.forms.models import model_to_dict
from django.http import Http404, HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils.html import format_html
from django.utils.translation import gettext_lazy as _

from accounts.policies import OperatorPolicy
from audit.admin import EventAdmin
from audit.models import Event
from hosting.admin.pages import READS
from hosting.templatetags.console import exact, outcome_badge, verb_label


@admin.register(Event)
class ConsoleEventAdmin(EventAdmin):
    """Audit events."""

    list_display = ("when", "what", "outcome_word", "target", "actor", "actor_ip", "node")
    list_display_links = ("when",)  # type: ignore[assignment]

    def has_module_permission(self, request: HttpRequest) -> bool:
        return OperatorPolicy(request.user).may_view

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return OperatorPolicy(request.user).may_view

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """The event in words; all of it, as it is stored, one click away."""
        if not self.has_view_permission(request) or request.method not in READS:
            raise PermissionDenied
        event = self.get_object(request, unquote(object_id))
        if event is None:
            raise Http404
        context = {**self.admin_site.each_context(request), "opts": self.opts, **_shown(event)}
        return TemplateResponse(request, "admin/npanel/event.html", context)

    @admin.display(description=_("time"))
    def when(self, event: Event) -> str:
        return exact(event.occurred_at)

    @admin.display(description=_("what"))
    def what(self, event: Event) -> str:
        return format_html('<span title="{}">{}</span>', event.verb, verb_label(event.verb))

    @admin.display(description=_("outcome"))
    def outcome_word(self, event: Event) -> str:
        return outcome_badge(event)


#: Fields by which an event is found again, besides its trace and its operation.
_IDS = ("verb", "target_type", "target_id", "actor_type", "actor_id", "actor_interface", "session_digest",
        "correlation_id", "request_id", "uid", "version")  # fmt: skip


def _shown(event: Event) -> dict[str, Any]:
    """What an event's page says."""
    before, after = (state if isinstance(state, dict) else {} for state in (event.before, event.after))
    names = sorted({*before, *after})
    ids = [(Event._meta.get_field(name).verbose_name, getattr(event, name)) for name in _IDS]  # type: ignore[union-attr]
    return {
        "title": f"{verb_label(event.verb)} {event.target_label}".strip(),
        "object": event,
        "changed": [(name, _value(before, name), _value(after, name)) for name in names],
        "had_before": bool(before),
        "ids": [(label, value) for label, value in ids if value],
        "raw": model_to_dict(event) | {"id": event.pk, "uid": str(event.uid)},
    }


def _value(state: dict[str, Any], name: str) -> str:
    if name not in state:
        return "–"
    value = state[name]
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
