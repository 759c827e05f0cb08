"""Putting a template's records into a zone, after a look at what changes."""

from typing import Any

from django import forms
from django.http import HttpResponse
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from hosting import selectors
from hosting.models import Domain, RecordTemplate
from hosting.portal.access import PortalRequest, find, portal
from hosting.portal.forms import PortalForm
from hosting.portal.pages import Ask, ask
from hosting.services.record_templates import look_at_template
from hosting.services.zone_edits import Look


def _look(row: Domain, data: dict[str, Any]) -> Look:
    return look_at_template(domain=row, **data)


USE = Ask(
    "zone.apply_template", _("Use a template"), _("See the plan"), at_once=True, template="portal/zone_text.html",
    look=_look, note=_("Its records take the place of those of the same names and types; your others stay."),
)  # fmt: skip


class TemplateChoice(PortalForm):
    """Which template."""

    template = forms.ModelChoiceField(
        RecordTemplate.objects.none(), label=_("Template"), empty_label=_("Choose a template")
    )

    def __init__(self, *args: Any, reseller: int | None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["template"].queryset = selectors.templates_for(reseller)  # type: ignore[attr-defined]


@portal
def use(request: PortalRequest, pk: int) -> HttpResponse:
    """Choose, look, apply."""
    rows = selectors.zones(request.actor).select_related("service__node", "service__customer", "service__plan")
    row = find(rows, pk)
    reseller = row.service.customer.reseller_id
    form = TemplateChoice(request.POST if request.method == "POST" else None, reseller=reseller)
    back = reverse("portal:dns", args=(row.pk,))
    return ask(request, USE, row, form, back=back, section="domains", about=row.name, context={"object": row})
