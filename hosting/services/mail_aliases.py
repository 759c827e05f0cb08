"""Addresses whose mail goes to others: aliases here, forwarders elsewhere."""

from collections.abc import Iterable

from audit.actor import Actor
from hosting.choices import OperationKind
from hosting.errors import HostingError
from hosting.models import MailAlias, MailDomain, Operation
from hosting.services.mail import locked_mail, request_mail
from hosting.services.mailboxes import free_local_part
from hosting.services.rows import reread
from hosting.services.validation import save_valid
from hosting.state import MailAlias as MailAliasResource
from hosting.state import Ref
from hosting.state.mail import mail_addresses
from hosting.texts import N_
from hosting.transactions import retried

#: Of one service. No plan limits them: they hold no mail.
MOST = 1000


@retried
def create_alias(
    *,
    actor: Actor,
    mail: MailDomain,
    local_part: str,
    targets: Iterable[str],
    wait_for_approval: bool = False,
    reason: str = "",
) -> Operation:
    """Add an address whose mail goes to others.

    Raises:
        HostingError: ``bad_local_part``, ``bad_address``, ``too_many_addresses``, ``no_targets``, ``alias_loop``,
            ``address_taken``, ``limit_reached``, ``service_gone``, ``not_found``.
    """
    row = locked_mail(mail)
    if MailAlias.objects.filter(mail__domain__service=row.domain.service).count() >= MOST:
        detail = N_("A service has %(count)s mail aliases at most.", count=MOST)
        raise HostingError(detail, code="limit_reached", hint=N_("Remove one first."))
    alias = MailAlias(mail=row, local_part=free_local_part(row, local_part))
    return _save(actor, alias, targets, wait_for_approval, reason)


@retried
def change_alias(
    *,
    actor: Actor,
    alias: MailAlias,
    targets: Iterable[str],
    wait_for_approval: bool = False,
    reason: str = "",
) -> Operation:
    """Have an address's mail go to others than before.

    Raises:
        HostingError: ``bad_address``, ``too_many_addresses``, ``no_targets``, ``alias_loop``, ``service_gone``,
            ``not_found``.
    """
    return _save(actor, _locked(alias), targets, wait_for_approval, reason)


@retried
def delete_alias(*, actor: Actor, alias: MailAlias, wait_for_approval: bool = False, reason: str = "") -> Operation:
    """Remove an address whose mail goes to others.

    Raises:
        HostingError: ``service_gone``, ``not_found``.
    """
    row = _locked(alias)
    operation = _operation(actor, row, {"remove": str(row)}, wait_for_approval, reason)
    row.delete()
    return operation


def _save(actor: Actor, alias: MailAlias, targets: Iterable[str], wait_for_approval: bool, reason: str) -> Operation:
    alias.targets = list(mail_addresses(list(targets)))
    if not alias.targets:
        detail = N_("An alias needs an address that its mail goes to.")
        raise HostingError(detail, code="no_targets", hint=N_("Give one, or delete the alias."), field="targets")
    if str(alias) in alias.targets:
        detail = N_("Mail to %(name)s would go to itself.", name=alias)
        raise HostingError(detail, code="alias_loop", hint=N_("Leave it out of its targets."), field="targets")
    save_valid(alias)
    return _operation(actor, alias, {"alias": str(alias), "targets": alias.targets}, wait_for_approval, reason)


def _locked(alias: MailAlias) -> MailAlias:
    """The alias as it is now, with its service locked."""
    mail = locked_mail(alias.mail)
    row = reread(alias)
    row.mail = mail
    return row


def _operation(
    actor: Actor, alias: MailAlias, wanted: dict[str, object], wait_for_approval: bool, reason: str
) -> Operation:
    refs = [Ref(MailAliasResource.kind, str(alias))]
    kind = OperationKind.CHANGE_MAIL_ALIAS
    return request_mail(actor, alias.mail, kind, refs, wanted, wait_for_approval, reason)
