"""One mailbox, and one address whose mail goes to others: made, changed, deleted."""

from typing import Any

from django.http import HttpResponse
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from hosting import selectors
from hosting.mail_forms import AliasFields, AutoreplyFields, ForwardFields, LimitFields, MailboxFields, TargetFields
from hosting.models import MailAlias, Mailbox
from hosting.portal.access import PortalRequest, allowed, find, portal
from hosting.portal.deleted import deleted_among
from hosting.portal.forms import NameAgain, NoQuestion, PasswordForm, PortalForm
from hosting.portal.mail import mail_domain
from hosting.portal.overview import waiting
from hosting.portal.pages import Ask, ask, page

_NEW = "portal/mail_address_new.html"
CREATE = Ask(
    "mailbox.create", _("Add mailbox"), _("See what is made"),
    _("Copy the password before you go on; it can't be shown again."), at_once=True, template=_NEW,
)  # fmt: skip
LIMITS = Ask("mailbox.change", _("Change space and sending"), _("See what changes"), at_once=True)
FORWARD = Ask(
    "mailbox.change", _("Send mail on"), _("See what changes"),
    _("Whatever arrives in this mailbox goes to these addresses as well."), at_once=True,
)  # fmt: skip
PASSWORD = Ask(
    "mailbox.password", _("Change password"), _("See what changes"),
    _("Mail programs that use this mailbox need the new password at once."), at_once=True,
)  # fmt: skip
ANSWER = Ask(
    "mailbox.autoreply", _("Automatic answer"), _("See what changes"),
    _("Whoever writes to this mailbox gets this answer, once a week at most. Lists and robots get none."), at_once=True,
)  # fmt: skip
NO_ANSWER = Ask("mailbox.autoreply", _("Switch the automatic answer off"), _("See what changes"), at_once=True)
SUSPEND = Ask(
    "mailbox.suspend", _("Suspend mailbox"), _("See what changes"),
    _("Nobody can sign in to it, and mail to it is refused. What it holds stays."), at_once=True,
)  # fmt: skip
RESUME = Ask(
    "mailbox.resume", _("Resume mailbox"), _("See what changes"), _("It is again exactly as it was."), at_once=True
)
DELETE = Ask(
    "mailbox.delete", _("Delete mailbox"), _("See what is deleted"),
    _("Its mail goes with it. A copy is kept aside, so it can be undone for a while."), danger=True,
)  # fmt: skip
CREATE_ALIAS = Ask(
    "mail_alias.create", _("Add address"), _("See what is made"),
    _("An address without a mailbox: its mail goes to others, here or elsewhere."), at_once=True, template=_NEW,
)  # fmt: skip
CHANGE_ALIAS = Ask("mail_alias.change", _("Change address"), _("See what changes"), at_once=True)
DELETE_ALIAS = Ask(
    "mail_alias.delete", _("Delete address"), _("See what is deleted"), _("Mail to it is refused from then on."),
    at_once=True, danger=True,
)  # fmt: skip
_NAME = {"bad_local_part": "local_part"}
_CODES = ("bad_address", "too_many_addresses", "no_targets", "alias_loop")


class MailboxForm(MailboxFields, PasswordForm):
    """A new mailbox."""

    aliases = _NAME


class LimitForm(LimitFields, PortalForm):
    """How much it may hold and send."""


class ForwardForm(ForwardFields, PortalForm):
    """Who else gets its mail."""

    aliases = dict.fromkeys(_CODES, "forward_to")


class AnswerForm(AutoreplyFields, PortalForm):
    """What it answers."""


class AliasForm(AliasFields, PortalForm):
    """A new address whose mail goes to others."""

    aliases = {**_NAME, **dict.fromkeys(_CODES, "targets")}


class TargetForm(TargetFields, PortalForm):
    """Others than before."""

    aliases = dict.fromkeys(_CODES, "targets")


@portal
def mailbox(request: PortalRequest, pk: int) -> HttpResponse:
    """What a mailbox is like, and what can be done with it."""
    row = _mailbox(request, pk)
    service = row.service
    context = {
        "object": row,
        "answer": getattr(row, "autoreply", None),
        "may": allowed(request, row, "mailbox.change")["mailbox_change"],
        "current": waiting(selectors.operations(request.actor), service),
        "suspended": [service] if service.is_suspended else [],
        "deleted": deleted_among(request, [service]),
    }
    return page(request, "portal/mailbox.html", context, section="mail")


@portal
def add(request: PortalRequest, pk: int) -> HttpResponse:
    """A new mailbox of a domain."""
    return _new(request, pk, CREATE, MailboxForm, "mail_domain")


@portal
def limits(request: PortalRequest, pk: int) -> HttpResponse:
    """Other space, other sending."""
    return _ask(request, pk, LIMITS, LimitForm)


@portal
def forward(request: PortalRequest, pk: int) -> HttpResponse:
    """Who else gets its mail."""
    return _ask(request, pk, FORWARD, ForwardForm)


@portal
def password(request: PortalRequest, pk: int) -> HttpResponse:
    """Another password."""
    return _ask(request, pk, PASSWORD, PasswordForm)


@portal
def answer(request: PortalRequest, pk: int) -> HttpResponse:
    """What it answers by itself."""
    return _ask(request, pk, ANSWER, AnswerForm)


@portal
def no_answer(request: PortalRequest, pk: int) -> HttpResponse:
    """It answers no more."""
    return _ask(request, pk, NO_ANSWER, NoQuestion)


@portal
def suspend(request: PortalRequest, pk: int) -> HttpResponse:
    """Lock it."""
    return _ask(request, pk, SUSPEND, NoQuestion)


@portal
def resume(request: PortalRequest, pk: int) -> HttpResponse:
    """Open it again."""
    return _ask(request, pk, RESUME, NoQuestion)


@portal
def delete(request: PortalRequest, pk: int) -> HttpResponse:
    """Delete it, once its address is typed."""
    row = _mailbox(request, pk)
    form = NameAgain(request.POST if request.method == "POST" else None, name=str(row))
    return _asked(request, DELETE, row, form, reverse("portal:mailbox", args=(pk,)))


@portal
def add_alias(request: PortalRequest, pk: int) -> HttpResponse:
    """A new address of a domain."""
    return _new(request, pk, CREATE_ALIAS, AliasForm, "mail_addresses")


@portal
def change_alias(request: PortalRequest, pk: int) -> HttpResponse:
    """Where its mail goes."""
    row = _alias(request, pk)
    form = TargetForm(request.POST if request.method == "POST" else None, initial=TargetForm.of(row))
    return _asked(request, CHANGE_ALIAS, row, form, _addresses(row))


@portal
def delete_alias(request: PortalRequest, pk: int) -> HttpResponse:
    """It is no more."""
    row = _alias(request, pk)
    form = NoQuestion(request.POST if request.method == "POST" else None)
    return _asked(request, DELETE_ALIAS, row, form, _addresses(row))


def _new(request: PortalRequest, pk: int, question: Ask, form_class: type[PortalForm], tab: str) -> HttpResponse:
    mail = mail_domain(request, pk)
    form = form_class(request.POST if request.method == "POST" else None)
    back, context = reverse(f"portal:{tab}", args=(pk,)), {"object": mail}
    return ask(request, question, mail, form, back=back, section="mail", about=str(mail), context=context)


def _ask(request: PortalRequest, pk: int, question: Ask, form_class: Any) -> HttpResponse:
    """Ask for something that is changed in a mailbox; the form begins with what it has."""
    row = _mailbox(request, pk)
    initial = form_class.of(row) if hasattr(form_class, "of") else None
    form = form_class(request.POST if request.method == "POST" else None, initial=initial)
    return _asked(request, question, row, form, reverse("portal:mailbox", args=(pk,)))


def _asked(request: PortalRequest, question: Ask, row: Any, form: PortalForm, back: str) -> HttpResponse:
    return ask(request, question, row, form, back=back, section="mail", about=str(row))


def _addresses(row: MailAlias) -> str:
    return reverse("portal:mail_addresses", args=(row.mail_id,))


def _mailbox(request: PortalRequest, pk: int) -> Mailbox:
    rows = selectors.mailboxes(request.actor).filter(mail__domain__name_key__isnull=False)
    return find(rows.select_related("mail__domain__service__customer", "autoreply"), pk)


def _alias(request: PortalRequest, pk: int) -> MailAlias:
    rows = selectors.mail_aliases(request.actor).filter(mail__domain__name_key__isnull=False)
    return find(rows.select_related("mail__domain__service__customer"), pk)
