"""What the console's and the portal's forms for mail share."""

import re
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from hosting.models import Autoreply, MailAlias, Mailbox, MailDomain
from hosting.models.mail import MAX_QUOTA_MB, MAX_SENDS
from hosting.state.mail import MAX_BODY, MAX_SUBJECT, MAX_TARGETS

_WORD = {"class": "mono-input", "autocomplete": "off", "spellcheck": "false", "autocapitalize": "none"}
#: What parts addresses that somebody types or pastes; other line ends are in no address, so they are refused.
_BETWEEN = re.compile(r"[ \t\r\n,;]+")


class AddressList(forms.CharField):
    """Mail addresses, each on a line of its own; commas and blanks part them too."""

    def __init__(self, **options: Any) -> None:
        widget = forms.Textarea(attrs={"rows": 4, **_WORD})
        super().__init__(max_length=MAX_TARGETS * 256, widget=widget, **options)

    def clean(self, value: Any) -> Any:
        """The addresses in a list, as they were typed."""
        return [text for text in _BETWEEN.split(super().clean(value)) if text]

    def prepare_value(self, value: Any) -> Any:
        """A list as lines."""
        return "\n".join(value) if isinstance(value, list) else value


def _address(**options: Any) -> forms.CharField:
    return forms.CharField(max_length=254, widget=forms.TextInput(attrs=dict(_WORD)), **options)


def _day(label: Any, help_text: Any) -> forms.DateField:
    widget = forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d")
    return forms.DateField(label=label, required=False, help_text=help_text, widget=widget, input_formats=["%Y-%m-%d"])


def _local_part() -> forms.CharField:
    return forms.CharField(
        label=_("Name"), max_length=64, widget=forms.TextInput(attrs=dict(_WORD)),
        help_text=_("What stands before the @: letters, digits, and inside dots, hyphens and underscores."),
    )  # fmt: skip


class LimitFields(forms.Form):
    """How much a mailbox may hold and send."""

    quota_mb = forms.IntegerField(
        label=_("Space in MB"), initial=1024, min_value=0, max_value=MAX_QUOTA_MB,
        help_text=_("0 for no limit but the disk space of the plan."),
    )  # fmt: skip
    sends_per_hour = forms.IntegerField(
        label=_("Recipients an hour"), initial=100, min_value=0, max_value=MAX_SENDS,
        help_text=_("So many may be written to within an hour; 0 for no limit but the plan's."),
    )  # fmt: skip

    @staticmethod
    def of(box: Mailbox) -> dict[str, Any]:
        """What a mailbox has."""
        return {"quota_mb": box.quota_mb, "sends_per_hour": box.sends_per_hour}


class MailboxFields(LimitFields):
    """A new mailbox, but for its password."""

    field_order = ("local_part", "password", "quota_mb", "sends_per_hour")
    local_part = _local_part()


class ForwardFields(forms.Form):
    """Who else gets a mailbox's mail."""

    forward_to = AddressList(
        label=_("Send on to"), required=False, help_text=_("An address on each line; none to send nothing on.")
    )
    keep = forms.BooleanField(label=_("Keep a copy in the mailbox"), required=False, initial=True)

    @staticmethod
    def of(box: Mailbox) -> dict[str, Any]:
        """What a mailbox has."""
        return {"forward_to": list(box.forward_to), "keep": box.keep}


class AutoreplyFields(forms.Form):
    """What a mailbox answers by itself."""

    subject = forms.CharField(label=_("Subject"), max_length=MAX_SUBJECT)
    body = forms.CharField(label=_("Text"), max_length=MAX_BODY, strip=False, widget=forms.Textarea(attrs={"rows": 8}))
    start = _day(_("First day"), _("Empty: from now on."))
    end = _day(_("Last day"), _("Empty: until you switch it off."))

    @staticmethod
    def of(box: Mailbox) -> dict[str, Any]:
        """What a mailbox has."""
        answer: Autoreply | None = getattr(box, "autoreply", None)
        if answer is None:
            return {}
        return {"subject": answer.subject, "body": answer.body, "start": answer.start, "end": answer.end}


class TargetFields(forms.Form):
    """Where mail to an address goes."""

    targets = AddressList(label=_("Goes to"), help_text=_("An address on each line, here or with another provider."))

    @staticmethod
    def of(alias: MailAlias) -> dict[str, Any]:
        """What an alias has."""
        return {"targets": list(alias.targets)}


class AliasFields(TargetFields):
    """A new address whose mail goes to others."""

    field_order = ("local_part", "targets")
    local_part = _local_part()


class CatchAllFields(forms.Form):
    """Where mail to addresses that do not exist goes."""

    catch_all = _address(
        label=_("Goes to"), required=False, help_text=_("One address; empty to refuse such mail, which keeps spam low.")
    )

    @staticmethod
    def of(mail: MailDomain) -> dict[str, Any]:
        """What a domain has."""
        return {"catch_all": mail.catch_all}


class DeliveryFields(forms.Form):
    """Whether another server takes a domain's mail."""

    remote = forms.TypedChoiceField(
        label=_("Mail for this domain"), coerce=lambda value: value == "elsewhere", widget=forms.RadioSelect,
        choices=[("here", _("is delivered here")), ("elsewhere", _("is taken by another provider's server"))],
    )  # fmt: skip

    @staticmethod
    def of(mail: MailDomain) -> dict[str, Any]:
        """What a domain has."""
        return {"remote": "elsewhere" if mail.remote else "here"}
