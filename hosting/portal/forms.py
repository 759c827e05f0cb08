"""Forms of the portal: what a person types, checked for shape only; the services decide."""

from typing import Any

from django import forms
from django.utils.text import capfirst
from django.utils.translation import gettext_lazy as _

from hosting.choices import SshMode
from hosting.errors import HostingError
from hosting.models import Database, DatabaseUser, HostingPlan, HostingService
from hosting.services.databases import fresh_password
from hosting.services.plans import LIMITS
from hosting.translated import translated


class PortalForm(forms.Form):
    """A form that can show what a service refused."""

    #: The service's names of arguments where this form calls them otherwise, also by error code.
    aliases: dict[str, str] = {}
    #: What a look at the outcome found, once somebody pressed the button for it.
    looked: Any = None

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        kwargs.setdefault("label_suffix", "")
        super().__init__(*args, **kwargs)

    def answers(self) -> dict[str, Any]:
        """What goes to the service function."""
        return dict(self.cleaned_data)

    def refuse(self, error: HostingError) -> None:
        """Show a service's refusal at the field it names, or above the form."""
        name = self.aliases.get(error.code) or self.aliases.get(error.field, error.field)
        detail, hint = translated(error)
        detail = detail.removeprefix(f"{error.field}: ") if error.field else detail
        self.add_error(name if name in self.fields else None, f"{detail} {hint}".strip())


class NoQuestion(PortalForm):
    """Nothing to ask: only the button."""


class ReasonForm(PortalForm):
    """Why something is done."""

    reason = forms.CharField(
        label=_("Reason"), max_length=300, required=False, help_text=_("The customer sees it among their activity.")
    )


class NameAgain(PortalForm):
    """The name of what is to go, typed once more, so that nothing goes by a slip."""

    typed = forms.CharField(max_length=190)

    def __init__(self, *args: Any, name: str, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._name = name
        self.fields["typed"].label = _("Type %(name)s to confirm") % {"name": name}
        self.fields["typed"].widget.attrs.update({"autocomplete": "off", "spellcheck": "false", "class": "mono-input"})

    def clean_typed(self) -> str:
        """The name, if it is the one."""
        typed = str(self.cleaned_data["typed"]).strip()
        if typed != self._name:
            raise forms.ValidationError(_("This is not the name. Nothing was changed."))
        return typed

    def answers(self) -> dict[str, Any]:
        return {}


class DomainForm(PortalForm):
    """The first step towards another domain: its name."""

    aliases = {"domain": "name"}
    name = forms.CharField(
        label=_("Domain"),
        max_length=253,
        help_text=_("For example bakery.example or shop.bakery.example. Letters such as ä or é are fine."),
        widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false", "autocapitalize": "none"}),
    )
    www = forms.BooleanField(label=_("Answer for www in front of it too"), required=False, initial=True)
    php = forms.BooleanField(label=_("Run PHP"), required=False, initial=True)


class PhpForm(PortalForm):
    """Another PHP version for a service."""

    php_version = forms.ChoiceField(label=_("PHP version"), widget=forms.RadioSelect)

    def __init__(self, *args: Any, service: HostingService, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        versions = service.node.php_versions
        self.fields["php_version"].choices = [(version, f"PHP {version}") for version in versions]  # type: ignore[attr-defined]
        self.initial.setdefault("php_version", service.php_version)


class PasswordForm(PortalForm):
    """A password, made here and shown in the form; only its hash is kept once the form is sent."""

    password = forms.CharField(
        label=_("Password"),
        max_length=128,
        strip=False,
        help_text=_("Copy it now. Only its hash is kept, so it can't be shown again."),
        widget=forms.TextInput(attrs={"class": "mono-input", "autocomplete": "off", "spellcheck": "false"}),
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if not self.is_bound:
            self.initial["password"] = fresh_password()


class DatabaseForm(PasswordForm):
    """A new database with an account of the same name."""

    name = forms.CharField(
        label=_("Name"),
        max_length=47,
        widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false", "autocapitalize": "none"}),
    )

    def __init__(self, *args: Any, service: HostingService, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["name"].help_text = _("%(user)s_ is put in front. The user gets the same name.") % {
            "user": service.username
        }
        self.order_fields(["name", "password"])


class DatabaseUserForm(PasswordForm):
    """One more account for databases of a service."""

    name = forms.CharField(label=_("Name"), max_length=47, widget=forms.TextInput(attrs={"autocomplete": "off"}))
    databases = forms.ModelMultipleChoiceField(
        Database.objects.none(), label=_("Databases"), required=False, widget=forms.CheckboxSelectMultiple
    )
    host = forms.CharField(
        label=_("May connect from"),
        max_length=60,
        initial="localhost",
        help_text=_("localhost is the site's own server. Another address opens the database to that address."),
    )

    def __init__(self, *args: Any, service: HostingService, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["name"].help_text = _("%(user)s_ is put in front.") % {"user": service.username}
        self.fields["databases"].queryset = service.databases.order_by("name")  # type: ignore[attr-defined]
        self.order_fields(["name", "password", "databases", "host"])


def user_label(user: DatabaseUser) -> str:
    """A database account as people name it."""
    return user.name if user.host == "localhost" else str(user)


class CustomerForm(PortalForm):
    """A new customer of a reseller."""

    name = forms.CharField(label=_("Name"), max_length=120, help_text=_("A person or a company."))
    email = forms.EmailField(label=_("Contact e-mail"), max_length=190, required=False)


class NewServiceForm(PortalForm):
    """A hosting service for a reseller's customer."""

    plan = forms.ModelChoiceField(HostingPlan.objects.none(), label=capfirst(_("plan")), empty_label=_("Choose a plan"))
    domain = forms.CharField(label=_("Main domain"), max_length=253, help_text=_("For example bakery.example."))
    php_version = forms.ChoiceField(label=_("PHP version"), required=False)

    def __init__(self, *args: Any, plans: Any, versions: list[str], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["plan"].queryset = plans  # type: ignore[attr-defined]
        self.fields["php_version"].choices = [  # type: ignore[attr-defined]
            ("", _("The newest")),
            *((version, f"PHP {version}") for version in versions),
        ]


def _limit_field(column: Any) -> forms.Field:
    field: forms.Field = column.formfield()
    field.label, field.help_text = capfirst(column.verbose_name), _("Empty is unlimited.") if column.null else ""
    return field


class PlanForm(PortalForm):
    """A reseller's own plan: its name and limits."""

    name = forms.CharField(label=_("Name"), max_length=80)

    def __init__(self, *args: Any, plan: HostingPlan | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name in LIMITS:
            self.fields[name] = _limit_field(HostingPlan._meta.get_field(name))
            if plan is not None:
                self.initial.setdefault(name, getattr(plan, name))
        self.fields["ssh"] = _limit_field(HostingPlan._meta.get_field("ssh"))
        self.initial.setdefault("ssh", plan.ssh if plan is not None else SshMode.SFTP)
        if plan is not None:
            self.initial.setdefault("name", plan.name)
