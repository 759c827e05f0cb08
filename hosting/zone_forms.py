"""What the console's and the portal's pages for zone texts share."""

from typing import Any

from django import forms
from django.http import HttpResponse
from django.utils.translation import gettext_lazy as _

from hosting.models import Domain
from hosting.services.zone_edits import zone_file
from hosting.state.zone_files import MAX_BYTES

_CODE = {"class": "mono-input", "autocomplete": "off", "spellcheck": "false", "autocapitalize": "none", "wrap": "off"}


def text_field(rows: int, **options: Any) -> forms.CharField:
    """A zone's text: many lines, kept as they are typed."""
    return forms.CharField(
        max_length=MAX_BYTES, strip=False, widget=forms.Textarea(attrs={"rows": rows, **_CODE}), **options
    )


class ZoneFileFields(forms.Form):
    """A zone file, chosen or pasted, and whether other records stay."""

    file = forms.FileField(
        label=_("Zone file"), required=False, help_text=_("As your last provider's name server exports it (BIND).")
    )
    text = text_field(12, label=_("Or its text"), required=False)
    keep_others = forms.BooleanField(
        label=_("Keep records that it does not have"), required=False,
        help_text=_("Otherwise they are removed, and the zone has exactly what the file says."),
    )  # fmt: skip

    def clean(self) -> dict[str, Any]:
        """One text; that of a file takes the place of what was pasted, and stays on the page."""
        data = super().clean() or {}
        file = data.pop("file", None)
        if file is not None:
            data["text"] = self._text_of(file)
            self.data = self.data.copy()  # type: ignore[attr-defined]
            self.data["text"] = data["text"]  # type: ignore[index]
        if not data.get("text", "").strip() and not self.errors:
            self.add_error("file", _("Choose a file, or paste its text."))
        return data

    def _text_of(self, file: Any) -> str:
        if file.size > MAX_BYTES:
            self.add_error("file", _("The file is too large."))
            return ""
        try:
            return str(file.read().decode("utf-8"))
        except UnicodeDecodeError:
            self.add_error("file", _("The file is no text in UTF-8."))
            return ""


def zone_download(row: Domain) -> HttpResponse:
    """A zone file to be saved."""
    response = HttpResponse(zone_file(row), content_type="text/plain; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="{row.name}.zone"'
    response["Cache-Control"] = "no-store"
    return response
