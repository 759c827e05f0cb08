"""Incidents: the list, and the page where one is taken on, noted, resolved and reported."""

from typing import Any

from django import forms
from django.contrib import admin
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from accounts.actors import actor_from_request
from audit.actor import Actor
from hosting import selectors
from hosting.admin import cells
from hosting.admin.forms import AskForm, NoQuestion
from hosting.admin.pages import Action, ObjectAdmin
from hosting.models import Operation
from hosting.services import incidents
from observability.models import Incident
from observability.models.incidents import IncidentState

#: So many operations are shown with an incident.
AROUND = 10


class NoteForm(AskForm):
    """What was done or seen."""

    reason = None  # type: ignore[assignment]
    text = forms.CharField(label=_("Note"), max_length=4_000, widget=forms.Textarea)


class ReportForm(AskForm):
    """The report, as it was."""

    reason = None  # type: ignore[assignment]
    text = forms.CharField(label=_("Report"), max_length=60_000, required=False, widget=forms.Textarea({"rows": 24}))
    seen = forms.CharField(required=False, widget=forms.HiddenInput)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["text"].initial = self.subject.report
        self.fields["seen"].initial = incidents.digest(self.subject.report)


def _acknowledge(actor: Actor, incident: Incident, data: dict[str, Any]) -> Incident:
    return incidents.acknowledge(actor=actor, incident=incident)


def _note(actor: Actor, incident: Incident, data: dict[str, Any]) -> None:
    incidents.note(actor=actor, incident=incident, text=data["text"])


def _resolve(actor: Actor, incident: Incident, data: dict[str, Any]) -> Incident:
    return incidents.resolve(actor=actor, incident=incident, reason=data.get("reason", ""))


def _report(actor: Actor, incident: Incident, data: dict[str, Any]) -> Incident:
    return incidents.write_report(actor=actor, incident=incident, text=data["text"], seen=data["seen"])


ACKNOWLEDGE = Action(
    "acknowledge", _("Take the incident on"), _("I deal with it"), _acknowledge, NoQuestion, plans=False, icon="user",
    done=_("Everybody sees now that you deal with it."),
)  # fmt: skip
NOTE = Action("note", _("Add a note"), _("Add the note"), _note, NoteForm, plans=False, icon="list")
RESOLVE = Action(
    "resolve", _("Resolve the incident"), _("Resolve"), _resolve, AskForm, plans=False, icon="circle-check",
    note=_("The alert ends it by itself when what was wrong is over."),
)  # fmt: skip
REPORT = Action("report", _("Write the report"), _("Save the report"), _report, ReportForm, plans=False, icon="list")


@admin.register(Incident)
class IncidentAdmin(ObjectAdmin):
    """What alerts said was wrong."""

    list_display = ("summary", "badge", "how_bad", "node", "since", "until", "acknowledged_by")
    list_display_links = ("summary",)
    list_filter = ("state", "severity")
    search_fields = ("alert__startswith", "node__startswith")
    search_help_text = _("Alert or node, from the beginning")
    sortable_by = ()
    object_template = "admin/npanel/incident.html"
    object_actions = (ACKNOWLEDGE, NOTE, RESOLVE, REPORT)

    def get_queryset(self, request: HttpRequest) -> Any:
        return selectors.incidents(actor_from_request(request))

    def facts(self, request: HttpRequest, obj: Incident, tab: str) -> dict[str, Any]:
        return {
            "menu": (NOTE, REPORT) if obj.is_resolved else (NOTE, REPORT, RESOLVE),
            "waiting": obj.state == IncidentState.OPEN,
            "notes": obj.notes.all(),
            "labels": sorted(obj.labels.items()),
            "around": around(actor_from_request(request), obj),
        }

    @admin.display(description=_("state"))
    def badge(self, incident: Incident) -> str:
        return cells.badge(incident.state, incident.get_state_display())

    @admin.display(description=_("severity"))
    def how_bad(self, incident: Incident) -> str:
        return cells.badge(incident.severity, incident.get_severity_display())

    @admin.display(description=_("began"))
    def since(self, incident: Incident) -> str:
        return cells.when(incident.started_at)

    @admin.display(description=_("ended"))
    def until(self, incident: Incident) -> str:
        return cells.when(incident.ended_at)


def around(actor: Actor, incident: Incident) -> list[Operation]:
    """The newest operations from a while before an incident to its end; each has a timeline."""
    span = (incident.started_at - incidents.BEFORE, incident.ended_at or timezone.now())
    return list(selectors.operations(actor).filter(created_at__range=span).order_by("-created_at")[:AROUND])
