"""FTP accounts: who may put files where."""

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
from hosting.admin.filters import ServiceScope
from hosting.admin.forms import AskForm, PasswordForm
from hosting.admin.operations import TABS_OF_A_PART, operations_of
from hosting.admin.pages import Action, ObjectAdmin
from hosting.models import FtpAccount, HostingService, Operation
from hosting.models.ftp import MAX_QUOTA_MB
from hosting.services import ftp_accounts
from hosting.templatetags.console import megabytes

_FOLDER_HELP = _("Relative to the service's home, e.g. sites/example.com/public. Empty for all of it.")
_QUOTA_HELP = _("0 for no limit but the plan's disk space.")


class FtpPlaceForm(AskForm):
    """The folder that an account is shut into, and its limit."""

    folder = forms.CharField(label=_("Folder"), max_length=200, required=False, help_text=_FOLDER_HELP)
    quota_mb = forms.IntegerField(
        label=_("Space in MiB"), min_value=0, max_value=MAX_QUOTA_MB, initial=0, help_text=_QUOTA_HELP
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        account: FtpAccount = self.subject
        self.initial = {"folder": account.folder, "quota_mb": account.quota_mb, **self.initial}
        self.order_fields(["folder", "quota_mb", "reason"])


class FtpAccountForm(PasswordForm):
    """A new FTP account of a service."""

    name = forms.CharField(label=_("Name"), max_length=65)
    folder = forms.CharField(label=_("Folder"), max_length=200, required=False, help_text=_FOLDER_HELP)
    quota_mb = forms.IntegerField(
        label=_("Space in MiB"), min_value=0, max_value=MAX_QUOTA_MB, initial=0, help_text=_QUOTA_HELP
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["name"].help_text = _("%(user)s_ is put in front.") % {"user": self.subject.username}
        self.order_fields(["name", "password", "folder", "quota_mb", "reason"])


def _create(actor: Actor, service: HostingService, data: dict[str, Any]) -> Operation:
    return ftp_accounts.create_ftp_account(actor=actor, service=service, **data)


def _change(actor: Actor, account: FtpAccount, data: dict[str, Any]) -> Operation:
    return ftp_accounts.change_ftp_account(actor=actor, account=account, **data)


def _set_password(actor: Actor, account: FtpAccount, data: dict[str, Any]) -> Operation:
    return ftp_accounts.set_ftp_password(actor=actor, account=account, **data)


def _suspend(actor: Actor, account: FtpAccount, data: dict[str, Any]) -> Operation:
    return ftp_accounts.suspend_ftp_account(actor=actor, account=account, **data)


def _resume(actor: Actor, account: FtpAccount, data: dict[str, Any]) -> Operation:
    return ftp_accounts.resume_ftp_account(actor=actor, account=account, **data)


def _delete(actor: Actor, account: FtpAccount, data: dict[str, Any]) -> Operation:
    return ftp_accounts.delete_ftp_account(actor=actor, account=account, **data)


#: Offered on a service's page.
ADD_FTP_ACCOUNT = Action(
    "add-ftp-account", _("Add FTP account"), _("Plan the FTP account"), _create, FtpAccountForm, icon="hard-drive"
)
CHANGE = Action("place", _("Change folder and space"), _("Plan the change"), _change, FtpPlaceForm, icon="pencil")
SET_PASSWORD = Action(
    "password", _("Set a new password"), _("Plan the new password"), _set_password, PasswordForm, icon="key-round",
    note=_("Who is signed in with the old one is signed out."),
)  # fmt: skip
SUSPEND = Action(
    "suspend", _("Lock FTP account"), _("Plan the lock"), _suspend, icon="lock",
    note=_("Nobody signs in with it, and who is signed in is signed out. Its files stay."),
)  # fmt: skip
RESUME = Action("resume", _("Open FTP account"), _("Plan the opening"), _resume, icon="circle-play")
DELETE = Action(
    "remove", _("Delete FTP account"), _("Plan the deletion"), _delete, at_once=False, danger=True, icon="trash-2",
    note=_("The files that were uploaded with it stay: they are the service's."),
)  # fmt: skip


@admin.register(FtpAccount)
class FtpAccountAdmin(ObjectAdmin):
    """FTP accounts."""

    list_display = ("label", "service_name", "place", "num_space", "lock", "created")
    list_display_links = ("label",)
    list_filter = (ServiceScope, "suspended")
    search_fields = ("name__startswith",)
    search_help_text = _("Name, from the beginning")
    object_template = "admin/npanel/ftp_account.html"
    object_actions = (CHANGE, SET_PASSWORD, SUSPEND, RESUME, DELETE)

    def get_queryset(self, request: HttpRequest) -> QuerySet[FtpAccount]:
        found = selectors.ftp_accounts(actor_from_request(request)).select_related(None)
        return found.prefetch_related("service__node")

    def tabs(self, request: HttpRequest, obj: FtpAccount) -> tuple[tuple[str, Any, int | None], ...]:
        return TABS_OF_A_PART

    def facts(self, request: HttpRequest, obj: FtpAccount, tab: str) -> dict[str, Any]:
        live = obj.service.is_live
        menu = [CHANGE, RESUME if obj.suspended else SUSPEND, DELETE] if live else []
        if tab == "operations":
            return {"menu": menu, "live": live, "operations": operations_of(obj.service)}
        return {"menu": menu, "live": live}

    @admin.display(description=_("name"), ordering="name")
    def label(self, account: FtpAccount) -> str:
        return account.name

    @admin.display(description=_("service"))
    def service_name(self, account: FtpAccount) -> str:
        return cells.link(account.service)

    @admin.display(description=_("folder"))
    def place(self, account: FtpAccount) -> str:
        return account.folder or str(_("all of it"))

    @admin.display(description=_("space"))
    def num_space(self, account: FtpAccount) -> str:
        return megabytes(account.quota_mb) if account.quota_mb else cells.NOTHING

    @admin.display(description=_("locked"))
    def lock(self, account: FtpAccount) -> str:
        return str(_("locked")) if account.suspended else cells.NOTHING

    @admin.display(description=_("created"), ordering="id")
    def created(self, account: FtpAccount) -> str:
        return cells.when(account.created_at)
