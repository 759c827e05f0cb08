"""What the console's and the portal's pages for certificates share."""

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from hosting.certificate_reader import MAX_TEXT

_CODE = {"class": "mono-input", "autocomplete": "off", "spellcheck": "false", "autocapitalize": "none", "wrap": "off"}


class SecretText(forms.Textarea):
    """A text that is sent and never shown again, not even when the form comes back with an error."""

    def get_context(self, name: str, value: Any, attrs: Any) -> dict[str, Any]:
        """Without the value."""
        return super().get_context(name, None, attrs)


def _pem(rows: int, widget: type[forms.Textarea] = forms.Textarea, **options: Any) -> forms.CharField:
    return forms.CharField(
        max_length=MAX_TEXT, strip=False, required=False, widget=widget(attrs={"rows": rows, **_CODE}), **options
    )


class CertificateFields(forms.Form):
    """A certificate with its chain and its key, as files or pasted."""

    file = forms.FileField(
        label=_("Certificate file"), required=False,
        help_text=_("PEM, with the certificates that vouch for it (chain, bundle)."),
    )  # fmt: skip
    chain = _pem(8, label=_("Or its text"))
    key_file = forms.FileField(
        label=_("Private key file"), required=False,
        help_text=_("PEM without a password. It is sealed at once, and nobody can read it here again."),
    )  # fmt: skip
    private_key = _pem(6, SecretText, label=_("Or its text"))
    all_domains = forms.BooleanField(
        label=_("Use it for every domain of this service that it is for"), required=False,
    )  # fmt: skip

    def clean(self) -> dict[str, Any]:
        """Two texts; that of a file takes the place of what was pasted."""
        data = super().clean() or {}
        for name, text in (("file", "chain"), ("key_file", "private_key")):
            chosen = data.pop(name, None)
            if chosen is not None:
                data[text] = self._text_of(name, chosen)
        if not data.get("chain", "").strip() and not self.errors:
            self.add_error("file", _("Choose a file, or paste its text."))
        return data

    def _text_of(self, name: str, chosen: Any) -> str:
        if chosen.size > MAX_TEXT:
            self.add_error(name, _("The file is too large."))
            return ""
        return str(chosen.read().decode("ascii", errors="replace"))


class HttpsFields(forms.Form):
    """Whether visitors are sent to HTTPS, and whether browsers insist on it."""

    redirect = forms.BooleanField(
        label=_("Send visitors to HTTPS"), required=False,
        help_text=_("Whoever comes without encryption is led to the same page with it."),
    )  # fmt: skip
    hsts = forms.BooleanField(
        label=_("Have browsers insist on it (HSTS)"), required=False,
        help_text=_(
            "Browsers that were here come by HTTPS alone for a year, and let nobody pass a warning. "
            "Switch it on once HTTPS has worked for a while; it can't be taken back from them quickly."
        ),
    )  # fmt: skip


class AlthoughHsts(forms.Form):
    """Whether to go on against advice."""

    although_hsts = forms.BooleanField(
        label=_("Even if browsers insist on HTTPS"), required=False,
        help_text=_("Those that remember it do not get to the site any more."),
    )  # fmt: skip
