"""What all pages of the console share: one policy, fast lists, the audit log in the place of Django's own."""

from collections.abc import Iterable
from typing import Any, ClassVar

from django.contrib import admin
from django.contrib.admin.utils import unquote
from django.contrib.admin.views.main import ChangeList
from django.core.exceptions import PermissionDenied
from django.db import models
from django.forms import ModelForm
from django.forms.models import model_to_dict
from django.http import Http404, HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils.translation import gettext_lazy as _

from accounts import keyset
from accounts.actors import actor_from_request
from accounts.fresh import fresh_proof
from accounts.policies import OperatorPolicy
from audit.choices import Outcome
from audit.models import Event
from audit.reading import about
from audit.record import Target, record
from audit.verbs import Verb

#: Events shown on an object's page; the rest is a link away.
EVENTS_SHOWN = 50


class ConsoleAdmin(admin.ModelAdmin):
    """A list and a page in the console. Reading follows the policy; nothing can be edited unless a subclass says so."""

    actions = None
    list_per_page = 50
    list_select_related = ()
    paginator = keyset.CappedPaginator
    show_facets = admin.ShowFacets.NEVER
    show_full_result_count = False
    view_on_site = False
    #: Names under which audit events know this kind of object besides its model's label.
    audit_types: ClassVar[tuple[str, ...]] = ()

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        """Pages by the last row seen."""
        return keyset.KeysetChangeList

    def get_search_results(
        self, request: HttpRequest, queryset: models.QuerySet[Any], search_term: str
    ) -> tuple[models.QuerySet[Any], bool]:
        """Search from the beginning of ``search_fields``, over indexes only."""
        text = search_term.strip()
        return (keyset.search(queryset, self.search_fields, text) if text else queryset), False

    def has_module_permission(self, request: HttpRequest) -> bool:
        return OperatorPolicy(request.user).may_view

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return OperatorPolicy(request.user).may_view

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def log_addition(self, request: HttpRequest, obj: Any, message: Any) -> None:  # type: ignore[override]
        """Nothing: the audit log has it."""

    def log_change(self, request: HttpRequest, obj: Any, message: Any) -> None:  # type: ignore[override]
        """Nothing: the audit log has it."""

    def log_deletion(self, request: HttpRequest, obj: Any, object_repr: str) -> None:
        """Nothing: the audit log has it."""

    def log_deletions(self, request: HttpRequest, queryset: Any) -> None:  # type: ignore[override]
        """Nothing: the audit log has it."""

    def find(self, request: HttpRequest, object_id: str) -> Any:
        """The object of a URL.

        Raises:
            Http404: there is none (any more), or not for this person.
        """
        obj = self.get_object(request, unquote(object_id))
        if obj is None:
            raise Http404
        return obj

    def page(self, request: HttpRequest, template: str, context: dict[str, Any]) -> TemplateResponse:
        """A page of the console."""
        full = {**self.admin_site.each_context(request), "opts": self.opts, **context}
        return TemplateResponse(request, template, full)

    def events_of(self, obj: models.Model) -> models.QuerySet[Event]:
        """The audit events of an object, newest first."""
        return Event.objects.filter(about([obj.pk], obj._meta.label_lower, *self.audit_types))

    def history_view(
        self, request: HttpRequest, object_id: str, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """What was done with an object, from the audit log."""
        obj = self.find(request, object_id)
        if not self.has_view_permission(request, obj):
            raise PermissionDenied
        context = {
            "title": str(obj),
            "object": obj,
            "events": self.events_of(obj)[:EVENTS_SHOWN],
            "subtitle": _("Audit"),
        }
        return self.page(request, "admin/object_history.html", context)


class FactsAdmin(ConsoleAdmin):
    """For facts that are edited directly: each change is an audit event in the same transaction."""

    verbs: ClassVar[dict[str, Verb]] = {}
    #: Fields whose values go into the event.
    recorded: ClassVar[tuple[str, ...]] = ()

    def has_add_permission(self, request: HttpRequest) -> bool:
        return OperatorPolicy(request.user).may_act

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return OperatorPolicy(request.user).may_act

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return OperatorPolicy(request.user).may_act

    def save_model(self, request: HttpRequest, obj: models.Model, form: ModelForm, change: bool) -> None:
        """Save, and record before and after."""
        before = self._facts(type(obj)._default_manager.get(pk=obj.pk)) if change else None
        super().save_model(request, obj, form, change)
        self._record(request, "change" if change else "create", Target.of(obj), before=before, after=self._facts(obj))

    def delete_model(self, request: HttpRequest, obj: models.Model) -> None:
        """Delete, and record what was there."""
        target, before = Target.of(obj), self._facts(obj)
        super().delete_model(request, obj)
        self._record(request, "delete", target, before=before)

    def _facts(self, obj: models.Model) -> dict[str, Any]:
        return model_to_dict(obj, fields=self.recorded)

    def _record(self, request: HttpRequest, what: str, target: Target, **states: Any) -> None:
        actor = actor_from_request(request)
        record(verb=self.verbs[what], actor=actor, target=target, outcome=Outcome.SUCCEEDED, **states)


class ProvenAdmin(admin.ModelAdmin):
    """Mix-in: who may change something here proves again who they are before the form opens, and before it counts."""

    def changeform_view(self, request: HttpRequest, *arguments: Any, **keywords: Any) -> Any:
        """The form to add and to change; who only looks is not asked."""
        if not self.has_change_permission(request):
            return super().changeform_view(request, *arguments, **keywords)
        return fresh_proof(super().changeform_view)(request, *arguments, **keywords)

    def delete_view(self, request: HttpRequest, *arguments: Any, **keywords: Any) -> Any:
        """The question before deleting, and deleting."""
        return fresh_proof(super().delete_view)(request, *arguments, **keywords)


def tabs_for(request: HttpRequest, tabs: Iterable[tuple[str, Any, int | None]]) -> tuple[list[dict[str, Any]], str]:
    """The tabs of a page and the key of the open one (``?tab=``, else the first).

    Args:
        tabs: key, label, and a count or None.
    """
    known = [{"key": key, "label": label, "count": count} for key, label, count in tabs]
    asked = request.GET.get("tab", "")
    return known, asked if any(tab["key"] == asked for tab in known) else str(known[0]["key"])
