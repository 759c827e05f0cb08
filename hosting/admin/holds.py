"""Legal holds: the list, the form that places one, and the page where it is released."""

import datetime
from typing import Any

from django import forms
from django.contrib import admin
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from accounts.actors import actor_from_request
from audit.actor import Actor
from audit.models import LegalHold
from hosting import selectors
from hosting.admin import cells
from hosting.admin.forms import AskForm
from hosting.admin.pages import Action, ObjectAdmin
from hosting.services import holds

#: Targets shown on a hold's page.
SHOWN = 200


class _ReasonForm(AskForm):
    """A reason that can't be left out."""

    reason = forms.CharField(label=_("Reason"), max_length=300, help_text=_("Kept in the audit log."))


class PlaceForm(_ReasonForm):
    """What is held, and since when."""

    customer = forms.CharField(
        label=_("Customer"), max_length=120, required=False,
        help_text=_("The name, also of a deleted customer. All that is theirs is held too, also what they get later."),
    )  # fmt: skip
    target = forms.CharField(
        label=_("Or one target"), max_length=140, required=False,
        help_text=_("As events have it, for example service:42. With neither, all events are held."),
    )  # fmt: skip
    since = forms.DateField(label=_("Events since"), required=False, widget=forms.DateInput(attrs={"type": "date"}))
    until = forms.DateField(
        label=_("Events until"), required=False, widget=forms.DateInput(attrs={"type": "date"}),
        help_text=_("This day included, in UTC. Left empty, also what is still to come."),
    )  # fmt: skip

    def clean(self) -> dict[str, Any]:
        """One of the two, or neither."""
        data = super().clean() or {}
        if data.get("customer") and data.get("target"):
            self.add_error("target", _("Name a customer or a target, not both."))
        return data


class ReleaseForm(_ReasonForm):
    """Why, and that it is meant."""

    confirmed = forms.BooleanField(
        label=_("Retention may remove these events"),
        help_text=_("What is old enough leaves the database and, after a year, the archive. That can't be undone."),
    )


def _place(actor: Actor, subject: None, data: dict[str, Any]) -> LegalHold:
    since, until = _start(data["since"]), _start(data["until"], after=1)
    if data["customer"]:
        name, reason = data["customer"], data["reason"]
        return holds.hold_customer(actor=actor, name=name, reason=reason, since=since, until=until)[0]
    return holds.place_hold(actor=actor, reason=data["reason"], target=data["target"], since=since, until=until)


def _start(day: datetime.date | None, after: int = 0) -> datetime.datetime | None:
    if day is None:
        return None
    return datetime.datetime.combine(day + datetime.timedelta(days=after), datetime.time(), datetime.UTC)


def _release(actor: Actor, hold: LegalHold, data: dict[str, Any]) -> LegalHold:
    return holds.release_hold(actor=actor, hold=hold, reason=data["reason"])


PLACE = Action(
    "add", _("Place a legal hold"), _("Place the hold"), _place, PlaceForm, plans=False, fresh=True,
    note=_("Held events leave neither the database nor the archive until the hold is released."),
    done=_("The hold is in force."),
)  # fmt: skip
RELEASE = Action(
    "release", _("Release the hold"), _("Release the hold"), _release, ReleaseForm, plans=False, danger=True,
    fresh=True, icon="undo-2", done=_("The hold was released."),
)  # fmt: skip


@admin.register(LegalHold)
class LegalHoldAdmin(ObjectAdmin):
    """What the audit log must keep, for whom and why."""

    list_display = ("what", "state", "because", "placed_by", "placed", "released")
    list_display_links = ("what",)
    search_fields = ("target_label__startswith", "target_id__startswith")
    search_help_text = _("Customer or target, from the beginning")
    sortable_by = ()
    adding = PLACE
    object_template = "admin/npanel/hold.html"
    object_actions = (RELEASE,)

    def get_queryset(self, request: HttpRequest) -> Any:
        return selectors.legal_holds(actor_from_request(request))

    def facts(self, request: HttpRequest, obj: LegalHold, tab: str) -> dict[str, Any]:
        parts = LegalHold.objects.filter(part_of=obj.pk).order_by("pk")
        return {
            "title": self.what(obj),
            "menu": () if obj.released_at else (RELEASE,),
            "word": _word(obj),
            "tone": _tone(obj),
            "parts": parts[:SHOWN],
            "count": parts.count(),
        }

    @admin.display(description=_("held"))
    def what(self, hold: LegalHold) -> str:
        target = f"{hold.target_type}:{hold.target_id}" if hold.target_type else ""
        return str(hold.target_label or target or _("Everything"))

    @admin.display(description=_("state"))
    def state(self, hold: LegalHold) -> str:
        return cells.badge(_tone(hold), _word(hold))

    @admin.display(description=_("reason"))
    def because(self, hold: LegalHold) -> str:
        return hold.reason[:80]

    @admin.display(description=_("placed"))
    def placed(self, hold: LegalHold) -> str:
        return cells.when(hold.placed_at)

    @admin.display(description=_("released"))
    def released(self, hold: LegalHold) -> str:
        return cells.when(hold.released_at)


def _word(hold: LegalHold) -> Any:
    return _("Released") if hold.released_at else _("In force")


def _tone(hold: LegalHold) -> str:
    return "gone" if hold.released_at else "waiting"
