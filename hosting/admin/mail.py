"""Mail: its domains, mailboxes, and addresses whose mail goes to others."""

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from accounts.actors import actor_from_request
from accounts.keyset import search
from audit.actor import Actor
from hosting import selectors
from hosting.admin import cells
from hosting.admin.filters import MailDomainScope, ServiceScope
from hosting.admin.forms import AskForm, PasswordForm
from hosting.admin.operations import TABS_OF_A_PART, operations_of
from hosting.admin.pages import Action, ObjectAdmin, counted
from hosting.mail_forms import (
    AliasFields,
    AutoreplyFields,
    CatchAllFields,
    DeliveryFields,
    ForwardFields,
    LimitFields,
    MailboxFields,
    TargetFields,
)
from hosting.models import MailAlias, Mailbox, MailDomain, Operation
from hosting.services import mail as mails
from hosting.services import mail_aliases, mailboxes
from hosting.services.mail_state import dns_parts, is_delivered_here

#: Rows of a domain's page; a link leads to all of them.
SHOWN = 20


class AddMailboxForm(MailboxFields, PasswordForm):
    """A new mailbox."""


class AddAliasForm(AliasFields, AskForm):
    """A new address whose mail goes to others."""


class _Known(AskForm):
    """Begins with what the subject has, as its fields say it."""

    def __init__(self, *args: Any, subject: Any = None, **kwargs: Any) -> None:
        kwargs["initial"] = {**type(self).of(subject), **(kwargs.get("initial") or {})}  # type: ignore[attr-defined]
        super().__init__(*args, subject=subject, **kwargs)


class CatchAllForm(CatchAllFields, _Known):
    """Where mail to addresses that do not exist goes."""


class DeliveryForm(DeliveryFields, _Known):
    """Whether another server takes the mail."""


class LimitsForm(LimitFields, _Known):
    """How much a mailbox may hold and send."""


class ForwardForm(ForwardFields, _Known):
    """Who else gets a mailbox's mail."""


class AnswerForm(AutoreplyFields, _Known):
    """What a mailbox answers; without subject and text it answers no more."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["subject"].required = self.fields["body"].required = False
        self.fields["body"].help_text = _("Without subject and text it answers no more.")


class TargetsForm(TargetFields, _Known):
    """Where an alias's mail goes."""


def _change_mail(actor: Actor, mail: MailDomain, data: dict[str, Any]) -> Operation:
    return mails.change_mail(actor=actor, mail=mail, **data)


def _rotate(actor: Actor, mail: MailDomain, data: dict[str, Any]) -> Operation:
    return mails.rotate_dkim(actor=actor, mail=mail, **data)


def _disable(actor: Actor, mail: MailDomain, data: dict[str, Any]) -> Operation:
    return mails.disable_mail(actor=actor, mail=mail, **data)


def _add_mailbox(actor: Actor, mail: MailDomain, data: dict[str, Any]) -> Operation:
    return mailboxes.create_mailbox(actor=actor, mail=mail, **data)


def _add_alias(actor: Actor, mail: MailDomain, data: dict[str, Any]) -> Operation:
    return mail_aliases.create_alias(actor=actor, mail=mail, **data)


def _change_mailbox(actor: Actor, mailbox: Mailbox, data: dict[str, Any]) -> Operation:
    return mailboxes.change_mailbox(actor=actor, mailbox=mailbox, **data)


def _set_password(actor: Actor, mailbox: Mailbox, data: dict[str, Any]) -> Operation:
    return mailboxes.set_mailbox_password(actor=actor, mailbox=mailbox, **data)


def _answer(actor: Actor, mailbox: Mailbox, data: dict[str, Any]) -> Operation:
    return mailboxes.set_autoreply(actor=actor, mailbox=mailbox, **data)


def _suspend(actor: Actor, mailbox: Mailbox, data: dict[str, Any]) -> Operation:
    return mailboxes.suspend_mailbox(actor=actor, mailbox=mailbox, **data)


def _resume(actor: Actor, mailbox: Mailbox, data: dict[str, Any]) -> Operation:
    return mailboxes.resume_mailbox(actor=actor, mailbox=mailbox, **data)


def _delete_mailbox(actor: Actor, mailbox: Mailbox, data: dict[str, Any]) -> Operation:
    return mailboxes.delete_mailbox(actor=actor, mailbox=mailbox, **data)


def _change_alias(actor: Actor, alias: MailAlias, data: dict[str, Any]) -> Operation:
    return mail_aliases.change_alias(actor=actor, alias=alias, **data)


def _delete_alias(actor: Actor, alias: MailAlias, data: dict[str, Any]) -> Operation:
    return mail_aliases.delete_alias(actor=actor, alias=alias, **data)


ADD_MAILBOX = Action("add-mailbox", _("Add mailbox"), _("Plan the mailbox"), _add_mailbox, AddMailboxForm, icon="plus")
ADD_ALIAS = Action("add-alias", _("Add mail alias"), _("Plan the alias"), _add_alias, AddAliasForm, icon="at-sign")
CATCH_ALL = Action(
    "catch-all", _("Mail to unknown addresses"), _("Plan the change"), _change_mail, CatchAllForm, icon="at-sign"
)
DELIVERY = Action(
    "delivery", _("Where mail is delivered"), _("Plan the change"), _change_mail, DeliveryForm, icon="arrow-right",
    note=_("MX records of the customer's own that lead elsewhere do the same."),
)  # fmt: skip
ROTATE = Action(
    "rotate-dkim", _("Sign with a new key"), _("Plan the new key"), _rotate, icon="key-round",
    note=_("The old key stays published for a week."),
)  # fmt: skip
DISABLE = Action(
    "remove", _("Turn mail off"), _("Plan the removal"), _disable, at_once=False, danger=True, icon="trash-2",
    note=_("Mailboxes and aliases go. Mail is kept aside on the node, so it can be rolled back."),
)  # fmt: skip
CHANGE_MAILBOX = Action(
    "edit", _("Change space and sending"), _("Plan the change"), _change_mailbox, LimitsForm, icon="pencil"
)
FORWARD = Action("forward", _("Send mail on"), _("Plan the change"), _change_mailbox, ForwardForm, icon="arrow-right")
SET_PASSWORD = Action(
    "password", _("Set a new password"), _("Plan the new password"), _set_password, PasswordForm, icon="key-round"
)
ANSWER = Action("answer", _("Automatic answer"), _("Plan the answer"), _answer, AnswerForm, icon="undo-2")
SUSPEND = Action(
    "suspend", _("Suspend mailbox"), _("Plan the suspension"), _suspend, icon="circle-pause",
    note=_("Nobody can sign in to it, and mail to it is refused. What it holds stays."),
)  # fmt: skip
RESUME = Action("resume", _("Resume mailbox"), _("Plan the resumption"), _resume, icon="circle-play")
DELETE_MAILBOX = Action(
    "remove", _("Delete mailbox"), _("Plan the deletion"), _delete_mailbox, at_once=False, danger=True, icon="trash-2",
    note=_("Its mail is kept aside on the node, so it can be rolled back."),
)  # fmt: skip
CHANGE_ALIAS = Action(
    "edit", _("Change mail alias"), _("Plan the change"), _change_alias, TargetsForm, icon="pencil"
)  # fmt: skip
DELETE_ALIAS = Action(
    "remove", _("Delete mail alias"), _("Plan the deletion"), _delete_alias, danger=True, icon="trash-2"
)


class _ServiceOfDomain(ServiceScope):
    column = "domain__service"


class _ServiceOfAddress(ServiceScope):
    column = "mail__domain__service"


class MailAdmin(ObjectAdmin):
    """What the three lists share."""

    search_help_text = _("Address or domain, from the beginning")

    def tabs(self, request: HttpRequest, obj: Any) -> tuple[tuple[str, Any, int | None], ...]:
        return TABS_OF_A_PART

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        """An address is looked for by both its parts."""
        name, at, host = search_term.strip().partition("@")
        if not at or self.model is MailDomain:
            return super().get_search_results(request, queryset, host or name)
        found = queryset.filter(local_part=name.lower()) if name else queryset
        return (search(found, ("mail__domain__name__startswith",), host) if host else found), False

    @admin.display(description=_("service"))
    def service_name(self, row: Any) -> str:
        return cells.link(row.service)

    @admin.display(description=_("created"), ordering="id")
    def created(self, row: Any) -> str:
        return cells.when(row.created_at)


@admin.register(MailDomain)
class MailDomainAdmin(MailAdmin):
    """Domains with mail."""

    list_display = ("host_name", "num_mailboxes", "num_aliases", "elsewhere", "rest", "service_name", "created")
    list_display_links = ("host_name",)
    list_filter = ("remote", _ServiceOfDomain)
    ordering = ("-id",)
    search_fields = ("domain__name__startswith",)
    search_help_text = _("Domain, from the beginning")
    object_template = "admin/npanel/mail_domain.html"
    object_actions = (ADD_MAILBOX, ADD_ALIAS, CATCH_ALL, DELIVERY, ROTATE, DISABLE)

    def get_queryset(self, request: HttpRequest) -> QuerySet[MailDomain]:
        found = selectors.mail_domains(actor_from_request(request)).select_related(None)
        counts = {"mailbox_count": counted(Mailbox.objects.all(), "mail"), "alias_count": counted(
            MailAlias.objects.all(), "mail")}  # fmt: skip
        return found.annotate(**counts).prefetch_related("domain__service__node")

    def facts(self, request: HttpRequest, obj: MailDomain, tab: str) -> dict[str, Any]:
        live = obj.service.is_live
        menu = [ADD_ALIAS, CATCH_ALL, DELIVERY, ROTATE, DISABLE] if live else []
        if tab == "operations":
            return {"menu": menu, "live": live, "operations": operations_of(obj.service)}
        return {
            "menu": menu,
            "live": live,
            "here": is_delivered_here(obj),
            "parts": dns_parts(obj),
            "keys": obj.dkim_keys.order_by("-created_at", "-id"),
            "mailboxes": obj.mailboxes.order_by("local_part")[:SHOWN],
            "aliases": obj.aliases.order_by("local_part")[:SHOWN],
        }

    @admin.display(description=_("domain"))
    def host_name(self, mail: MailDomain) -> str:
        return cells.host(mail.domain.name)

    @admin.display(description=_("mailboxes"))
    def num_mailboxes(self, mail: MailDomain) -> int:
        return int(mail.mailbox_count)  # type: ignore[attr-defined]

    @admin.display(description=_("aliases"))
    def num_aliases(self, mail: MailDomain) -> int:
        return int(mail.alias_count)  # type: ignore[attr-defined]

    @admin.display(description=_("delivery"))
    def elsewhere(self, mail: MailDomain) -> str:
        return cells.yes(mail.remote, _("Elsewhere"))

    @admin.display(description=_("unknown addresses"))
    def rest(self, mail: MailDomain) -> str:
        return mail.catch_all or cells.NOTHING


@admin.register(Mailbox)
class MailboxAdmin(MailAdmin):
    """Mailboxes."""

    list_display = ("address", "badge", "num_space", "num_sends", "service_name", "created")
    list_display_links = ("address",)
    list_filter = ("suspended", MailDomainScope, _ServiceOfAddress)
    ordering = ("local_part", "id")
    search_fields = ("local_part__startswith", "mail__domain__name__startswith")
    object_template = "admin/npanel/mailbox.html"
    object_actions = (CHANGE_MAILBOX, FORWARD, SET_PASSWORD, ANSWER, SUSPEND, RESUME, DELETE_MAILBOX)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Mailbox]:
        found = selectors.mailboxes(actor_from_request(request)).select_related(None)
        return found.prefetch_related("mail__domain__service__node")

    def facts(self, request: HttpRequest, obj: Mailbox, tab: str) -> dict[str, Any]:
        live = obj.service.is_live
        switch = RESUME if obj.suspended else SUSPEND
        menu = [CHANGE_MAILBOX, FORWARD, ANSWER, switch, DELETE_MAILBOX] if live else []
        if tab == "operations":
            return {"menu": menu, "live": live, "operations": operations_of(obj.service)}
        return {"menu": menu, "live": live, "answer": getattr(obj, "autoreply", None)}

    @admin.display(description=_("address"), ordering="local_part")
    def address(self, box: Mailbox) -> str:
        return _shown(box)

    @admin.display(description=_("state"))
    def badge(self, box: Mailbox) -> str:
        return cells.badge("suspended", _("Suspended")) if box.suspended else cells.badge("active", _("Open"))

    @admin.display(description=_("space (MiB)"))
    def num_space(self, box: Mailbox) -> str:
        return str(box.quota_mb or _("unlimited"))

    @admin.display(description=_("recipients an hour"))
    def num_sends(self, box: Mailbox) -> str:
        return str(box.sends_per_hour or _("unlimited"))


@admin.register(MailAlias)
class MailAliasAdmin(MailAdmin):
    """Addresses whose mail goes to others."""

    list_display = ("address", "goes_to", "service_name", "created")
    list_display_links = ("address",)
    list_filter = (MailDomainScope, _ServiceOfAddress)
    ordering = ("local_part", "id")
    search_fields = ("local_part__startswith", "mail__domain__name__startswith")
    object_template = "admin/npanel/mail_alias.html"
    object_actions = (CHANGE_ALIAS, DELETE_ALIAS)

    def get_queryset(self, request: HttpRequest) -> QuerySet[MailAlias]:
        found = selectors.mail_aliases(actor_from_request(request)).select_related(None)
        return found.prefetch_related("mail__domain__service__node")

    def facts(self, request: HttpRequest, obj: MailAlias, tab: str) -> dict[str, Any]:
        live = obj.service.is_live
        shown: dict[str, Any] = {"menu": [DELETE_ALIAS] if live else [], "live": live}
        return {**shown, "operations": operations_of(obj.service)} if tab == "operations" else shown

    @admin.display(description=_("address"), ordering="local_part")
    def address(self, alias: MailAlias) -> str:
        return _shown(alias)

    @admin.display(description=_("goes to"))
    def goes_to(self, alias: MailAlias) -> str:
        more = len(alias.targets) - 3
        return ", ".join(alias.targets[:3]) + (f" +{more}" if more > 0 else "")


def _shown(row: Mailbox | MailAlias) -> str:
    """An address as its owner writes it."""
    return cells.address(row.local_part, row.mail.domain.name)
