"""FTP accounts: who may put files where, and what an FTP program has to be told."""

from typing import Any

from django import forms
from django.http import HttpResponse
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from hosting import selectors
from hosting.choices import ServiceState
from hosting.models import HostingService, Node
from hosting.models.ftp import MAX_QUOTA_MB
from hosting.portal.access import PortalRequest, find, portal
from hosting.portal.choosing import LIVE, able_to, chosen_service
from hosting.portal.forms import NameAgain, NoQuestion, PasswordForm, PortalForm
from hosting.portal.pages import Ask, ask, page, rows_by_name
from hosting.templatetags.console import unicode_name

_TRAIL = _("FTP")
#: Domains of a service whose folders are offered.
_OFFERED = 200
CREATE = Ask(
    "ftp_account.create", _("Add FTP account"), _("See what is made"),
    _("Copy the password before you go on; it can't be shown again."), at_once=True,
)  # fmt: skip
CHANGE = Ask(
    "ftp_account.change", _("Change FTP account"), _("See what changes"),
    _("Files stay where they are. Who is signed in has to sign in again after another folder."), at_once=True,
)  # fmt: skip
PASSWORD = Ask(
    "ftp_account.password", _("Change password"), _("See what changes"),
    _("Who is signed in with the old one is signed out."), at_once=True,
)  # fmt: skip
SUSPEND = Ask(
    "ftp_account.suspend", _("Lock FTP account"), _("See what changes"),
    _("Nobody signs in with it until you open it again. Its files stay."), at_once=True,
)  # fmt: skip
RESUME = Ask(
    "ftp_account.resume", _("Open FTP account"), _("See what changes"),
    _("Its password and folder are as they were."), at_once=True,
)  # fmt: skip
DELETE = Ask(
    "ftp_account.delete", _("Delete FTP account"), _("See what is deleted"),
    _("Nobody signs in with it any more. The files that were uploaded stay."), danger=True,
)  # fmt: skip


class _Place(forms.Form):
    folder = forms.ChoiceField(
        label=_("Folder"), required=False, help_text=_("The account sees nothing outside of it.")
    )
    quota_mb = forms.IntegerField(
        label=_("Space in MiB"), min_value=0, max_value=MAX_QUOTA_MB, initial=0,
        help_text=_("0 for no limit but your plan's disk space."),
    )  # fmt: skip


class FtpPlaceForm(PortalForm, _Place):
    """Another folder or limit."""

    def __init__(self, *args: Any, service: HostingService, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["folder"].choices = folders(service, self.initial.get("folder", ""))  # type: ignore[attr-defined]


class FtpAccountForm(PasswordForm, _Place):
    """A new account."""

    name = forms.CharField(
        label=_("Name"),
        max_length=65,
        widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false", "autocapitalize": "none"}),
    )

    def __init__(self, *args: Any, service: HostingService, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["name"].help_text = _("%(user)s_ is put in front.") % {"user": service.username}
        self.fields["folder"].choices = folders(service, "")  # type: ignore[attr-defined]
        self.order_fields(["name", "password", "folder", "quota_mb"])


def folders(service: HostingService, present: str) -> list[tuple[str, Any]]:
    """What an account can be shut into: all files, a site's, or what it is shut into now."""
    domains = service.domains.filter(name_key__isnull=False).order_by("-is_primary", "name")[:_OFFERED]
    found = [("", _("All files")), *((row.root, _("The site of %(name)s") % {"name": unicode_name(row.name)})
             for row in domains)]  # fmt: skip
    return found if present in dict(found) else [*found, (present, present)]


def server_of(node: Node) -> str:
    """The name, or else the address, at which an FTP program finds the node."""
    host = str(node.facts.get("hostname", ""))
    return host if "." in host else node.address


@portal
def ftp_accounts(request: PortalRequest) -> HttpResponse:
    """The list, with what an FTP program has to be told."""
    rows = selectors.ftp_accounts(request.actor).exclude(service__state=ServiceState.TERMINATED)
    found = rows_by_name(rows.select_related("service__customer", "service__node"), request)
    live = {row.service_id: row.service for row in found.rows if row.service.state in LIVE}
    able = {service.pk for service in able_to(request, "ftp_account.create", live.values())}
    items = [
        {"account": row, "may": row.service_id in able, "server": server_of(row.service.node)} for row in found.rows
    ]
    context = {"rows": found, "items": items, "may_add": chosen_service(request, CREATE.use).any}
    return page(request, "portal/ftp_accounts.html", context, section="ftp_accounts")


@portal
def add(request: PortalRequest) -> HttpResponse:
    """One more account."""
    choice = chosen_service(request, CREATE.use)
    if choice.service is None:
        return choice.page(request, CREATE.title, reverse("portal:ftp_accounts"), "ftp_accounts")
    form = FtpAccountForm(request.POST if request.method == "POST" else None, service=choice.service)
    return _ask(request, CREATE, choice.service, form, choice.service.username)


@portal
def change(request: PortalRequest, pk: int) -> HttpResponse:
    """Another folder or limit."""
    row = find(selectors.ftp_accounts(request.actor), pk)
    facts = {"folder": row.folder, "quota_mb": row.quota_mb}
    form = FtpPlaceForm(request.POST if request.method == "POST" else None, service=row.service, initial=facts)
    return _ask(request, CHANGE, row, form, row.name)


@portal
def password(request: PortalRequest, pk: int) -> HttpResponse:
    """Another password."""
    row = find(selectors.ftp_accounts(request.actor), pk)
    form = PasswordForm(request.POST if request.method == "POST" else None)
    return _ask(request, PASSWORD, row, form, row.name)


@portal
def suspend(request: PortalRequest, pk: int) -> HttpResponse:
    """Lock an account."""
    return _switch(request, SUSPEND, pk)


@portal
def resume(request: PortalRequest, pk: int) -> HttpResponse:
    """Open an account again."""
    return _switch(request, RESUME, pk)


@portal
def delete(request: PortalRequest, pk: int) -> HttpResponse:
    """Delete an account, once its name is typed."""
    row = find(selectors.ftp_accounts(request.actor), pk)
    form = NameAgain(request.POST if request.method == "POST" else None, name=row.name)
    return _ask(request, DELETE, row, form, row.name)


def _switch(request: PortalRequest, question: Ask, pk: int) -> HttpResponse:
    row = find(selectors.ftp_accounts(request.actor), pk)
    form = NoQuestion(request.POST if request.method == "POST" else None)
    return _ask(request, question, row, form, row.name)


def _ask(request: PortalRequest, question: Ask, subject: Any, form: PortalForm, about: str) -> HttpResponse:
    back = reverse("portal:ftp_accounts")
    return ask(request, question, subject, form, back=back, section="ftp_accounts", about=about, trail=_TRAIL)
