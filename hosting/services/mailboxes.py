"""Mailboxes: passwords, space, copies, answers while somebody is away."""

from collections.abc import Iterable
from datetime import date

import bcrypt

from audit.actor import Actor
from hosting.choices import OperationKind
from hosting.desired.mail import autoreply_state
from hosting.errors import HostingError
from hosting.models import Autoreply, MailAlias, Mailbox, MailDomain, Operation
from hosting.services.databases import PASSWORD_LENGTH
from hosting.services.limits import check_limit
from hosting.services.mail import locked_mail, request_mail
from hosting.services.rows import reread
from hosting.services.validation import save_valid
from hosting.state import Mailbox as MailboxResource
from hosting.state import Ref
from hosting.state.mail import check_autoreply, mail_addresses, own_local_part
from hosting.texts import N_, Text
from hosting.transactions import retried

#: bcrypt reads no more; a longer password would be cut, or refused, where it is used.
_MOST_BYTES = 72
_COST = 10


def mail_password_hash(password: str) -> str:
    """What Dovecot's BLF-CRYPT compares with.

    Raises:
        HostingError: ``weak_password``: too short, too long, or with a character that no mail program sends.
    """
    if len(password) < PASSWORD_LENGTH:
        raise _bad_password(N_("The password is shorter than %(count)s characters.", count=PASSWORD_LENGTH))
    if len(password.encode(errors="surrogatepass")) > _MOST_BYTES:
        raise _bad_password(N_("The password is longer than %(count)s bytes.", count=_MOST_BYTES))
    if not password.isprintable():
        raise _bad_password(N_("The password holds a control character."))
    return bcrypt.hashpw(password.encode(), bcrypt.gensalt(_COST)).decode()


@retried
def create_mailbox(
    *,
    actor: Actor,
    mail: MailDomain,
    local_part: str,
    password: str,
    quota_mb: int = 1024,
    sends_per_hour: int = 100,
    wait_for_approval: bool = False,
    reason: str = "",
) -> Operation:
    """Add a mailbox. Only the password's hash is kept.

    Args:
        local_part: what stands before the @. quota_mb, sends_per_hour: 0 for no limit of its own.

    Raises:
        HostingError: ``bad_local_part``, ``weak_password``, ``address_taken``, ``limit_reached``, ``invalid``,
            ``service_gone``, ``not_found``.
    """
    row = locked_mail(mail)
    used = Mailbox.objects.filter(mail__domain__service=row.domain.service).count()
    check_limit(row.domain.service, "mailboxes", used)
    name = free_local_part(row, local_part)
    box = Mailbox(mail=row, local_part=name, quota_mb=quota_mb, sends_per_hour=sends_per_hour)
    box.password_hash = mail_password_hash(password)
    save_valid(box)
    wanted: dict[str, object] = {"mailbox": str(box), "quota_mb": quota_mb, "sends_per_hour": sends_per_hour}
    return _operation(actor, box, OperationKind.ADD_MAILBOX, wanted, wait_for_approval, reason)


@retried
def change_mailbox(
    *,
    actor: Actor,
    mailbox: Mailbox,
    quota_mb: int | None = None,
    sends_per_hour: int | None = None,
    forward_to: Iterable[str] | None = None,
    keep: bool | None = None,
    wait_for_approval: bool = False,
    reason: str = "",
) -> Operation:
    """Change a mailbox's limits, or who gets copies of its mail; None leaves it.

    Args:
        keep: False to have mail only sent on; without ``forward_to`` mail is always kept.

    Raises:
        HostingError: ``bad_address``, ``too_many_addresses``, ``invalid``, ``service_gone``, ``not_found``.
    """
    row = _locked(mailbox)
    row.quota_mb = row.quota_mb if quota_mb is None else quota_mb
    row.sends_per_hour = row.sends_per_hour if sends_per_hour is None else sends_per_hour
    if forward_to is not None:
        row.forward_to = list(mail_addresses(list(forward_to)))
    row.keep = (row.keep if keep is None else keep) or not row.forward_to
    save_valid(row)
    wanted: dict[str, object] = {
        "mailbox": str(row),
        "quota_mb": row.quota_mb,
        "sends_per_hour": row.sends_per_hour,
        "forward_to": row.forward_to,
        "keep": row.keep,
    }
    return _operation(actor, row, OperationKind.CHANGE_MAILBOX, wanted, wait_for_approval, reason)


@retried
def set_mailbox_password(
    *, actor: Actor, mailbox: Mailbox, password: str, wait_for_approval: bool = False, reason: str = ""
) -> Operation:
    """Give a mailbox another password. Only its hash is kept.

    Raises:
        HostingError: ``weak_password``, ``service_gone``, ``not_found``.
    """
    hashed, row = mail_password_hash(password), _locked(mailbox)
    row.password_hash = hashed
    save_valid(row)
    wanted: dict[str, object] = {"mailbox": str(row), "password": "changed"}
    return _operation(actor, row, OperationKind.CHANGE_MAILBOX, wanted, wait_for_approval, reason)


@retried
def set_autoreply(
    *,
    actor: Actor,
    mailbox: Mailbox,
    subject: str = "",
    body: str = "",
    start: date | None = None,
    end: date | None = None,
    wait_for_approval: bool = False,
    reason: str = "",
) -> Operation:
    """Have a mailbox answer by itself from the first day to the last; without subject and body it answers no more.

    Raises:
        HostingError: ``bad_autoreply``, ``invalid``, ``service_gone``, ``not_found``.
    """
    row = _locked(mailbox)
    Autoreply.objects.filter(mailbox=row).delete()
    if subject.strip() or body.strip():
        lines = body.replace("\r\n", "\n")
        answer = Autoreply(mailbox=row, subject=subject.strip(), body=lines, start=start, end=end)
        check_autoreply(autoreply_state(answer))
        save_valid(answer)
    wanted: dict[str, object] = {"mailbox": str(row), "autoreply": subject.strip()}
    return _operation(actor, row, OperationKind.CHANGE_MAILBOX, wanted, wait_for_approval, reason)


def suspend_mailbox(*, actor: Actor, mailbox: Mailbox, wait_for_approval: bool = False, reason: str = "") -> Operation:
    """Lock a mailbox: no sign-in, no sending, and mail to it is refused; what it holds stays.

    Raises:
        HostingError: ``service_gone``, ``not_found``.
    """
    return _switch(actor, mailbox, True, wait_for_approval, reason)


def resume_mailbox(*, actor: Actor, mailbox: Mailbox, wait_for_approval: bool = False, reason: str = "") -> Operation:
    """Open a locked mailbox again, exactly as it was.

    Raises:
        HostingError: ``service_gone``, ``not_found``.
    """
    return _switch(actor, mailbox, False, wait_for_approval, reason)


@retried
def _switch(actor: Actor, mailbox: Mailbox, suspended: bool, wait_for_approval: bool, reason: str) -> Operation:
    row = _locked(mailbox)
    row.suspended = suspended
    save_valid(row)
    wanted: dict[str, object] = {"mailbox": str(row), "suspended": suspended}
    return _operation(actor, row, OperationKind.CHANGE_MAILBOX, wanted, wait_for_approval, reason)


@retried
def delete_mailbox(*, actor: Actor, mailbox: Mailbox, wait_for_approval: bool = False, reason: str = "") -> Operation:
    """Remove a mailbox. Its mail is kept aside on the node, so that it can be rolled back.

    Raises:
        HostingError: ``service_gone``, ``not_found``.
    """
    row = _locked(mailbox)
    wanted: dict[str, object] = {"remove": str(row)}
    operation = _operation(actor, row, OperationKind.REMOVE_MAILBOX, wanted, wait_for_approval, reason)
    row.delete()
    return operation


def free_local_part(mail: MailDomain, typed: str) -> str:
    """The name of a new address in its one spelling. Call with the service locked.

    Raises:
        HostingError: ``bad_local_part``, ``address_taken``.
    """
    name = own_local_part(typed)
    if any(model.objects.filter(mail=mail, local_part=name).exists() for model in (Mailbox, MailAlias)):
        raise HostingError(
            N_("The address %(name)s is there already.", name=f"{name}@{mail.domain.name}"),
            code="address_taken",
            hint=N_("Choose another name, or change the one that is there."),
            field="local_part",
        )
    return name


def _locked(mailbox: Mailbox) -> Mailbox:
    """The mailbox as it is now, with its service locked."""
    mail = locked_mail(mailbox.mail)
    row = reread(mailbox)
    row.mail = mail
    return row


def _operation(
    actor: Actor,
    box: Mailbox,
    kind: OperationKind,
    wanted: dict[str, object],
    wait_for_approval: bool,
    reason: str,
) -> Operation:
    return request_mail(actor, box.mail, kind, [Ref(MailboxResource.kind, str(box))], wanted, wait_for_approval, reason)


def _bad_password(detail: Text) -> HostingError:
    hint = N_("Use another one, or have one made.")
    return HostingError(detail, code="weak_password", hint=hint, field="password")
