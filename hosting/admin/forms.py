"""Forms of the console: what a person types, checked for shape only; the services decide."""

from typing import Any

from django import forms
from django.utils.text import capfirst
from django.utils.translation import gettext_lazy as _

from accounts.models import Customer
from hosting.choices import ConnectionKind, NodeState
from hosting.errors import HostingError
from hosting.models import Database, DnsRecord, HostingPlan, HostingService, Node
from hosting.services.databases import fresh_password
from hosting.translated import translated
from hosting.validators import RECORD_TYPES

#: Customers offered while typing; a longer list would only slow the page.
_SUGGESTED = 200


class AskForm(forms.Form):
    """A form about a subject (the page's object, or None). Asks for a reason; subclasses ask for more."""

    #: The service's name of an argument where this form calls it otherwise.
    aliases: dict[str, str] = {}
    #: What a look at the outcome found, once somebody pressed the button for it.
    looked: Any = None
    reason = forms.CharField(
        label=_("Reason"), max_length=300, required=False, help_text=_("Kept with the operation and in the audit log.")
    )

    def __init__(self, *args: Any, subject: Any = None, **kwargs: Any) -> None:
        kwargs.setdefault("label_suffix", "")
        super().__init__(*args, **kwargs)
        self.subject = subject
        if "reason" in self.fields:
            self.order_fields([*(name for name in self.fields if name != "reason"), "reason"])

    def refuse(self, error: HostingError) -> None:
        """Show a service's refusal at the field it names, or above the form."""
        name = self.aliases.get(error.field, error.field)
        detail, hint = translated(error)
        self.add_error(
            name if name in self.fields else None, f"{detail.removeprefix(f'{error.field}: ')} {hint}".strip()
        )


class CustomerByName(forms.CharField):
    """A customer, typed with suggestions; works without scripts and with any number of customers."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(max_length=120, **kwargs)
        self.widget.attrs.update({"list": "customers", "autocomplete": "off"})

    def clean(self, value: Any) -> Any:
        """The customer of that name."""
        name = super().clean(value)
        customer = Customer.objects.filter(name=name, reseller=None).first() if name else None
        if name and customer is None:
            raise forms.ValidationError(_("There is no customer of this name."), code="unknown_customer")
        return customer

    @property
    def suggestions(self) -> list[str]:
        """Names to offer."""
        return list(Customer.objects.filter(reseller=None).order_by("name").values_list("name", flat=True)[:_SUGGESTED])


class ServiceForm(AskForm):
    """A new hosting service."""

    customer = CustomerByName(label=_("Customer"))
    plan = forms.ModelChoiceField(HostingPlan.objects, label=capfirst(_("plan")), empty_label=_("Choose a plan"))
    node = forms.ModelChoiceField(Node.objects, label=_("Node"), empty_label=_("Choose a node"))
    domain = forms.CharField(label=_("Main domain"), max_length=253, help_text=_("For example shop.example.com."))
    username = forms.CharField(
        label=_("User name"), max_length=16, required=False, help_text=_("Left empty, one is made from the domain.")
    )
    php_version = forms.CharField(
        label=_("PHP version"), max_length=8, required=False, help_text=_("Left empty, the newest on the node.")
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        nodes = list(Node.objects.filter(state=NodeState.READY))
        versions = sorted({version for node in nodes for version in node.php_versions}, reverse=True)
        self.fields["php_version"].widget = forms.Select(
            choices=[("", _("Newest on the node")), *((version, f"PHP {version}") for version in versions)]
        )
        if not self.is_bound and len(nodes) == 1:
            self.initial.setdefault("node", nodes[0].pk)


class PhpForm(AskForm):
    """Another PHP version for a service."""

    php_version = forms.ChoiceField(label=_("PHP version"))

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        service: HostingService = self.subject
        self.fields["php_version"] = forms.ChoiceField(
            label=_("PHP version"), choices=[(version, f"PHP {version}") for version in service.node.php_versions]
        )
        self.initial.setdefault("php_version", service.php_version)
        self.order_fields(["php_version", "reason"])


class DomainForm(AskForm):
    """One more domain of a service."""

    aliases = {"domain": "name"}
    name = forms.CharField(label=_("Domain"), max_length=253, help_text=_("For example blog.example.com."))
    www = forms.BooleanField(label=_("Answer for www too"), required=False, initial=True)
    php = forms.BooleanField(label=_("Run PHP"), required=False, initial=True)


class RecordForm(AskForm):
    """One DNS record."""

    name = forms.CharField(
        label=_("Name"), max_length=253, initial="@", help_text=_("Relative to the domain; @ for the domain itself.")
    )
    type = forms.ChoiceField(label=_("Type"), choices=[(kind, kind) for kind in RECORD_TYPES])
    content = forms.CharField(
        label=_("Content"), max_length=8192, help_text=_("As in a zone file, e.g. 10 mail.example.com. for MX."),
        widget=forms.Textarea(attrs={"rows": 3, "class": "mono-input"}),
    )  # fmt: skip
    ttl = forms.IntegerField(label=_("TTL in seconds"), initial=3600, min_value=30, max_value=2147483647)


class RecordChangeForm(RecordForm):
    """Another name, content or TTL for a record; its type stays."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        record: DnsRecord = self.subject
        del self.fields["type"]
        self.initial = {"name": record.name, "content": record.content, "ttl": record.ttl, **self.initial}


class DatabaseForm(AskForm):
    """A new database of a service."""

    name = forms.CharField(label=_("Name"), max_length=64)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["name"].help_text = _("%(user)s_ is put in front.") % {"user": self.subject.username}


class PasswordForm(AskForm):
    """A password, made here and shown in the form; only its hash is kept once the form is sent."""

    password = forms.CharField(
        label=_("Password"), max_length=128, strip=False,
        help_text=_("Copy it now. Only its hash is kept, so it is not shown again."),
        widget=forms.TextInput(attrs={"class": "mono-input", "autocomplete": "off", "spellcheck": "false"}),
    )  # fmt: skip

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if not self.is_bound:
            self.initial["password"] = fresh_password()


class DatabaseUserForm(PasswordForm):
    """A new database account of a service."""

    name = forms.CharField(label=_("Name"), max_length=64)
    host = forms.CharField(
        label=_("May connect from"), max_length=60, initial="localhost",
        help_text=_("localhost, an IP address, or a pattern like 10.0.%."),
    )  # fmt: skip
    databases = forms.ModelMultipleChoiceField(
        Database.objects.none(), label=_("Databases"), required=False, widget=forms.CheckboxSelectMultiple
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        service: HostingService = self.subject
        self.fields["name"].help_text = _("%(user)s_ is put in front.") % {"user": service.username}
        self.fields["databases"].queryset = service.databases.all()  # type: ignore[attr-defined]
        if not self.is_bound and "databases" not in self.initial:
            self.initial["databases"] = service.databases.all()
        self.order_fields(["name", "password", "databases", "host", "reason"])


class CustomerForm(AskForm):
    """A new customer."""

    reason = None  # type: ignore[assignment]
    name = forms.CharField(label=_("Name"), max_length=120, help_text=_("A person or a company."))
    email = forms.EmailField(label=_("Contact e-mail"), max_length=190, required=False)
    notes = forms.CharField(label=_("Notes"), max_length=4000, required=False, widget=forms.Textarea(attrs={"rows": 4}))


class NoQuestion(AskForm):
    """Nothing to ask: only the button."""

    reason = None  # type: ignore[assignment]


class WordList(forms.CharField):
    """Several words, separated by blanks, commas or lines."""

    def clean(self, value: Any) -> Any:
        """The words in a list."""
        return super().clean(value).replace(",", " ").split()


class NodeForm(AskForm):
    """A new node."""

    reason = None  # type: ignore[assignment]
    name = forms.CharField(label=_("Name"), max_length=40, help_text=_("A short label such as web-1."))
    address = forms.CharField(label=_("Address"), max_length=190, help_text=_("Host name or IP address for SSH."))
    ssh_port = forms.IntegerField(label=_("SSH port"), initial=22, min_value=1, max_value=65535)
    ssh_user = forms.CharField(label=_("SSH user"), initial="root", max_length=32)
    connection = forms.ChoiceField(label=_("Reached by"), choices=ConnectionKind.choices, initial=ConnectionKind.SSH)
    public_addresses = WordList(
        label=_("Public addresses"), required=False, max_length=2000,
        help_text=_("IPv4 and IPv6 addresses of sites and name server. Left empty, the address above."),
    )  # fmt: skip
    nameservers = WordList(
        label=_("Name servers"), required=False, max_length=2000,
        help_text=_("Host names that zones are delegated to. Left empty, ns1 and ns2 of each zone."),
    )  # fmt: skip


class HostKeysForm(AskForm):
    """Host keys that a person has compared."""

    reason = None  # type: ignore[assignment]
    host_keys = forms.CharField(
        label=_("Host keys"), max_length=4000, help_text=_("One a line: type and base64, as in known_hosts."),
        widget=forms.Textarea(attrs={"rows": 4, "class": "mono-input", "spellcheck": "false"}),
    )  # fmt: skip
