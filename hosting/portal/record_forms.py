"""Forms for DNS records: fields that fit the type, one line in presentation form out of them, and back again."""

import shlex
from typing import Any, ClassVar

from django import forms
from django.utils.translation import gettext_lazy as _

from hosting.models import DnsRecord, Domain
from hosting.portal.forms import PortalForm
from hosting.state.zones import text_content

_TTLS = (
    (300, _("5 minutes")),
    (3600, _("1 hour")),
    (14400, _("4 hours")),
    (86400, _("1 day")),
)
_WORD = {"class": "mono-input", "autocomplete": "off", "spellcheck": "false", "autocapitalize": "none"}


def _words(label: Any, help_text: Any = "", **options: Any) -> forms.CharField:
    return forms.CharField(
        label=label, help_text=help_text, max_length=options.pop("max_length", 253),
        widget=forms.TextInput(attrs=dict(_WORD)), **options,
    )  # fmt: skip


def _number(label: Any, initial: int, help_text: Any = "", most: int = 65535) -> forms.IntegerField:
    return forms.IntegerField(label=label, initial=initial, help_text=help_text, min_value=0, max_value=most)


class RecordForm(PortalForm):
    """A record of any type: its content as one line. Subclasses ask for its parts.

    Args:
        domain: whose zone. type: of the record. record: the one that is changed, if there is one.
    """

    #: Codes of the zone's rules by the field that they are about; all others are about the content.
    _at_name = (
        "name_invalid name_outside_zone wildcard_misplaced underscore_misplaced underscore_missing cname_at_apex "
        "ds_at_apex cname_conflict below_delegation ds_without_ns"
    ).split()
    _at_ttl = ("ttl_mixed", "ttl_out_of_range")
    #: The field that shows what is wrong with the content.
    main: ClassVar[str] = "content"

    name = _words(_("Name"), _("@ stands for the domain itself."), initial="@")
    ttl = forms.TypedChoiceField(
        label=_("Remembered for"), coerce=int, initial=3600,
        help_text=_("How long others may keep the answer. Changes take as long to be seen everywhere."),
    )  # fmt: skip

    def __init__(self, *args: Any, domain: Domain, type: str, record: DnsRecord | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.domain, self.type, self.record = domain, type, record
        self.aliases = {
            **dict.fromkeys(self._at_name, "name"), **dict.fromkeys(self._at_ttl, "ttl"),
            "records": self.main, "content": self.main,
        }  # fmt: skip
        if record is not None:
            self.initial = {"name": record.name, "ttl": record.ttl, **self.parts(record.content), **self.initial}
        self.fields["ttl"].choices = self._ttls()  # type: ignore[attr-defined]
        self.order_fields(["name", *(name for name in self.fields if name not in ("name", "ttl")), "ttl"])

    def _ttls(self) -> list[tuple[int, Any]]:
        known: dict[int, Any] = dict(_TTLS)
        if self.record is not None and self.record.ttl not in known:
            known[self.record.ttl] = _("%(seconds)d seconds") % {"seconds": self.record.ttl}
        return sorted(known.items())

    def answers(self) -> dict[str, Any]:
        """Name, content and TTL; the type too where the record is new."""
        data = {"name": self.cleaned_data["name"], "ttl": self.cleaned_data["ttl"], "content": self.content()}
        return data if self.record is not None else {**data, "type": self.type}

    def content(self) -> str:
        """The record's content in presentation form."""
        return str(self.cleaned_data["content"])

    @classmethod
    def parts(cls, content: str) -> dict[str, Any]:
        """The fields of a content in presentation form.

        Raises:
            ValueError: it is not of the form that these fields can hold.
        """
        return {"content": content}


class LineForm(RecordForm):
    """Content that is one line with a grammar of its own."""

    main = "content"
    content_help = _("As in a zone file.")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["content"] = forms.CharField(
            label=_("Content"), max_length=8192, help_text=self.content_help,
            widget=forms.Textarea(attrs={"rows": 3, **_WORD}),
        )  # fmt: skip
        self.order_fields(["name", "content", "ttl"])


class OneWordForm(RecordForm):
    """Content that is one word: an address, or the name of a host."""

    main = "target"
    label: ClassVar[Any] = _("Points to")
    help: ClassVar[Any] = ""
    target = _words(_("Points to"))

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["target"].label, self.fields["target"].help_text = self.label, self.help

    def content(self) -> str:
        return str(self.cleaned_data["target"]).strip()

    @classmethod
    def parts(cls, content: str) -> dict[str, Any]:
        (target,) = content.split()
        return {"target": target}


class AForm(OneWordForm):
    """An IPv4 address."""

    label, help = _("IPv4 address"), _("Four numbers, for example 192.0.2.10.")


class AaaaForm(OneWordForm):
    """An IPv6 address."""

    label, help = _("IPv6 address"), _("For example 2001:db8::10.")


class CnameForm(OneWordForm):
    """An alias."""

    label, help = _("Alias of"), _("A host name, for example shops.provider.example.")


class NsForm(OneWordForm):
    """A name server for a part of the domain."""

    label, help = _("Name server"), _("Gives this name, and all below it, to another name server.")


class MxForm(RecordForm):
    """Who takes the mail."""

    main = "target"
    target = _words(_("Mail server"), _("A host name, for example mail.provider.example."))
    priority = _number(_("Priority"), 10, _("The lowest number is tried first."))

    def content(self) -> str:
        return f"{self.cleaned_data['priority']} {str(self.cleaned_data['target']).strip()}"

    @classmethod
    def parts(cls, content: str) -> dict[str, Any]:
        priority, target = content.split()
        return {"priority": int(priority), "target": target}


class TxtForm(RecordForm):
    """Text that programs look for, such as SPF, DKIM or a proof of ownership."""

    main = "text"
    text = forms.CharField(
        label=_("Text"), max_length=4000, widget=forms.Textarea(attrs={"rows": 4, **_WORD}),
        help_text=_("As your provider gave it to you; quotation marks around it are not needed."),
    )  # fmt: skip

    def content(self) -> str:
        text = str(self.cleaned_data["text"]).strip()
        return text if text.startswith('"') else text_content(text)

    @classmethod
    def parts(cls, content: str) -> dict[str, Any]:
        if "\\" in content:  # an escape: shown as it is stored
            return {"text": content}
        return {"text": "".join(shlex.split(content)) if content.startswith('"') else content}


class SrvForm(RecordForm):
    """Where a service is found, such as SIP or XMPP."""

    main = "target"
    target = _words(_("Server"), _("A host name."))
    port = _number(_("Port"), 443)
    priority = _number(_("Priority"), 10, _("The lowest number is tried first."))
    weight = _number(_("Weight"), 0, _("Among equals, the share of visitors."))

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["name"].help_text = _("Service and protocol, for example _sip._tcp.")
        if self.record is None and self.initial.get("name") is None:
            self.initial["name"] = ""

    def content(self) -> str:
        values = self.cleaned_data
        return f"{values['priority']} {values['weight']} {values['port']} {str(values['target']).strip()}"

    @classmethod
    def parts(cls, content: str) -> dict[str, Any]:
        priority, weight, port, target = content.split()
        return {"priority": int(priority), "weight": int(weight), "port": int(port), "target": target}


class CaaForm(RecordForm):
    """Who may make certificates."""

    main = "value"
    tag = forms.ChoiceField(
        label=_("What it allows"),
        choices=[
            ("issue", _("Certificates for this name")),
            ("issuewild", _("Wildcard certificates")),
            ("iodef", _("Where to report refused wishes")),
        ],
    )
    value = _words(_("Value"), _("An authority such as letsencrypt.org, or an address to report to."))

    def content(self) -> str:
        value = str(self.cleaned_data["value"]).strip().replace("\\", "").replace('"', "")
        return f'0 {self.cleaned_data["tag"]} "{value}"'

    @classmethod
    def parts(cls, content: str) -> dict[str, Any]:
        flags, tag, value = shlex.split(content)
        if flags != "0" or tag not in ("issue", "issuewild", "iodef"):
            raise ValueError(content)
        return {"tag": tag, "value": value}


FORMS: dict[str, type[RecordForm]] = {
    "A": AForm, "AAAA": AaaaForm, "CNAME": CnameForm, "MX": MxForm, "TXT": TxtForm, "SRV": SrvForm, "CAA": CaaForm,
    "NS": NsForm,
}  # fmt: skip
#: What each type is for, in a sentence.
PURPOSES = {
    "A": _("Sends visitors of a name to a server by its IPv4 address."),
    "AAAA": _("Sends visitors of a name to a server by its IPv6 address."),
    "CNAME": _("Makes a name an alias of another one. The domain itself can't be one."),
    "MX": _("Says which server takes the mail of a name."),
    "TXT": _("Holds text for programs: SPF, DKIM, DMARC, proofs that the domain is yours."),
    "SRV": _("Says on which server and port a service is found."),
    "CAA": _("Says which authorities may make certificates for the domain."),
    "NS": _("Gives a part of the domain to other name servers."),
}


def form_for(type: str, record: DnsRecord | None = None) -> type[RecordForm]:
    """The form that fits a type, or the one-line form for a content that its fields could not hold."""
    form = FORMS.get(type, LineForm)
    if record is None:
        return form
    try:
        form.parts(record.content)
    except ValueError:
        return LineForm
    return form
