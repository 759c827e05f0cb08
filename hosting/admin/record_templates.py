"""Templates of DNS records, edited directly and recorded; putting one into a zone is an action of its domain."""

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
from hosting.admin.forms import AskForm, NoQuestion
from hosting.admin.pages import Action, ObjectAdmin
from hosting.models import Domain, Operation, RecordTemplate
from hosting.services import record_templates
from hosting.services.zone_edits import Look
from hosting.zone_forms import text_field


class TemplateForm(AskForm):
    """A template."""

    reason = None  # type: ignore[assignment]
    name = forms.CharField(label=_("Name"), max_length=60)
    text = text_field(
        14, label=_("Records"),
        help_text=_("Name, TTL, IN, type, content. {domain}, {ip} and {ip6} stand for those of each zone."),
    )  # fmt: skip

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.subject is not None:
            self.initial = {"name": self.subject.name, "text": self.subject.text, **self.initial}


class UseTemplateForm(AskForm):
    """Which template to put into a zone."""

    template = forms.ModelChoiceField(
        RecordTemplate.objects.none(), label=_("Template"), empty_label=_("Choose a template")
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        reseller = self.subject.service.customer.reseller_id
        self.fields["template"].queryset = selectors.templates_for(reseller)  # type: ignore[attr-defined]


def _add(actor: Actor, subject: None, data: dict[str, Any]) -> RecordTemplate:
    return record_templates.create_template(actor=actor, **data)


def _change(actor: Actor, template: RecordTemplate, data: dict[str, Any]) -> RecordTemplate:
    return record_templates.change_template(actor=actor, template=template, **data)


def _delete(actor: Actor, template: RecordTemplate, data: dict[str, Any]) -> None:
    record_templates.delete_template(actor=actor, template=template)
    template.pk = None  # what it had is not there any more; the list comes next


def _use(actor: Actor, domain: Domain, data: dict[str, Any]) -> Operation:
    return record_templates.apply_template(actor=actor, domain=domain, **data)


def _look(domain: Domain, data: dict[str, Any]) -> Look:
    return record_templates.look_at_template(domain=domain, template=data["template"])


_STAYS = _("Zones that it was put into stay as they are.")
ADD = Action(
    "add", _("New record template"), _("Add template"), _add, TemplateForm, plans=False,
    done=_("The template was added."),
)  # fmt: skip
CHANGE = Action(
    "edit", _("Change record template"), _("Save"), _change, TemplateForm, plans=False, icon="pencil", note=_STAYS,
    done=_("The template was changed."),
)  # fmt: skip
DELETE = Action(
    "remove", _("Delete record template"), _("Delete template"), _delete, NoQuestion, plans=False, danger=True,
    icon="trash-2", note=_STAYS, done=_("The template was deleted."),
)  # fmt: skip
USE = Action(
    "use-template", _("Use a record template"), _("Plan the changes"), _use, UseTemplateForm, icon="copy",
    template="admin/npanel/zone_text.html", look=_look,
    note=_("Its records take the place of those of the same names and types; others stay."),
)  # fmt: skip


@admin.register(RecordTemplate)
class RecordTemplateAdmin(ObjectAdmin):
    """Templates of records."""

    list_display = ("label", "owner", "created")
    list_display_links = ("label",)
    search_fields = ("name__startswith",)
    search_help_text = _("Name, from the beginning")
    adding = ADD
    object_template = "admin/npanel/record_template.html"
    object_actions = (CHANGE, DELETE)

    def get_queryset(self, request: HttpRequest) -> QuerySet[RecordTemplate]:
        return selectors.record_templates(actor_from_request(request)).select_related("reseller")

    def facts(self, request: HttpRequest, obj: RecordTemplate, tab: str) -> dict[str, Any]:
        return {"menu": [CHANGE, DELETE]}

    @admin.display(description=_("name"), ordering="name")
    def label(self, row: RecordTemplate) -> str:
        return row.name

    @admin.display(description=_("reseller"))
    def owner(self, row: RecordTemplate) -> str:
        return str(row.reseller) if row.reseller else cells.NOTHING

    @admin.display(description=_("created"), ordering="id")
    def created(self, row: RecordTemplate) -> str:
        return cells.when(row.created_at)
