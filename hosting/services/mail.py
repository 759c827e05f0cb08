"""Mail of a domain: on, off, where unknown addresses go, and the keys that sign."""

from collections.abc import Iterable
from datetime import timedelta

from django.utils import timezone

from audit.actor import Actor
from hosting.choices import DkimState, OperationKind
from hosting.desired import mail_domain_refs, mail_refs, zone_resource
from hosting.dkim import new_key
from hosting.errors import HostingError
from hosting.models import DkimKey, Domain, MailDomain, Operation
from hosting.operations.requests import request_operation
from hosting.sealing import seal
from hosting.services.limits import locked_service
from hosting.services.rows import reread
from hosting.services.validation import save_valid
from hosting.state import DnsZone, Ref
from hosting.state.mail import mail_address
from hosting.state.zones import check_zone
from hosting.texts import N_
from hosting.transactions import retried

#: A retired key stays published so long: what it signed may still be on its way, or be read again.
OVERLAP = timedelta(days=7)


@retried
def enable_mail(*, actor: Actor, domain: Domain, wait_for_approval: bool = False, reason: str = "") -> Operation:
    """Turn mail on for a domain, with a DKIM key and, where its zone is here, the DNS records that mail needs.

    Raises:
        HostingError: ``mail_is_on``, ``service_gone``, ``not_found``, or what :func:`check_zone` says of the zone.
    """
    service = locked_service(domain.service)
    row = reread(domain)
    row.service = service
    if MailDomain.objects.filter(domain=row).exists():
        raise HostingError(
            N_("Mail is on for %(name)s already.", name=row.name),
            code="mail_is_on",
            hint=N_("Add mailboxes to it."),
            field="domain",
        )
    mail = MailDomain(domain=row)
    save_valid(mail)
    _add_key(mail)
    return _operation(actor, mail, OperationKind.ENABLE_MAIL, {"domain": row.name}, wait_for_approval, reason)


@retried
def change_mail(
    *,
    actor: Actor,
    mail: MailDomain,
    catch_all: str | None = None,
    remote: bool | None = None,
    wait_for_approval: bool = False,
    reason: str = "",
) -> Operation:
    """Change where mail to addresses that do not exist goes, or whether mail is delivered here; None leaves it.

    Args:
        catch_all: an address, or "" to refuse such mail. remote: True when another server takes the domain's mail.

    Raises:
        HostingError: ``bad_address``, ``service_gone``, ``not_found``.
    """
    row = locked_mail(mail)
    if catch_all is not None:
        row.catch_all = mail_address(catch_all) if catch_all.strip() else ""
    if remote is not None:
        row.remote = remote
    save_valid(row)
    wanted: dict[str, object] = {"domain": str(row), "catch_all": row.catch_all, "remote": row.remote}
    return _operation(actor, row, OperationKind.CHANGE_MAIL, wanted, wait_for_approval, reason)


@retried
def rotate_dkim(*, actor: Actor, mail: MailDomain, wait_for_approval: bool = False, reason: str = "") -> Operation:
    """Sign with a new key. The old one stays published for a while, so that what it signed still verifies.

    Raises:
        HostingError: ``service_gone``, ``not_found``.
    """
    row, now = locked_mail(mail), timezone.now()
    row.dkim_keys.filter(state=DkimState.RETIRED, retired_at__lte=now - OVERLAP).delete()
    row.dkim_keys.filter(state=DkimState.ACTIVE).update(state=DkimState.RETIRED, retired_at=now)
    key = _add_key(row)
    wanted: dict[str, object] = {"domain": str(row), "selector": key.selector}
    return _operation(actor, row, OperationKind.CHANGE_MAIL, wanted, wait_for_approval, reason)


@retried
def disable_mail(*, actor: Actor, mail: MailDomain, wait_for_approval: bool = False, reason: str = "") -> Operation:
    """Turn mail off for a domain, with its mailboxes and aliases. Mail is kept aside, so that it can be rolled back.

    Raises:
        HostingError: ``service_gone``, ``not_found``.
    """
    row = locked_mail(mail)
    wanted: dict[str, object] = {"remove": str(row)}
    refs = [*mail_refs(row.domain), *_zone_refs(row.domain)]
    operation = request_mail(actor, row, OperationKind.DISABLE_MAIL, refs, wanted, wait_for_approval, reason)
    row.delete()
    return operation


def locked_mail(mail: MailDomain) -> MailDomain:
    """A domain's mail as it is now, with its service locked.

    Raises:
        HostingError: ``service_gone``, ``not_found``.
    """
    service = locked_service(mail.domain.service)
    row = reread(mail, "domain")
    row.domain.service = service
    return row


def request_mail(
    actor: Actor,
    mail: MailDomain,
    kind: OperationKind,
    refs: Iterable[Ref],
    wanted: dict[str, object],
    wait_for_approval: bool,
    reason: str,
) -> Operation:
    """Ask for an operation on some Resources of a domain's mail."""
    service = mail.domain.service
    return request_operation(
        actor=actor,
        kind=kind,
        node=service.node,
        service=service,
        refs=refs,
        wait_for_approval=wait_for_approval,
        reason=reason,
        wanted=wanted,
    )


def _operation(
    actor: Actor,
    mail: MailDomain,
    kind: OperationKind,
    wanted: dict[str, object],
    wait_for_approval: bool,
    reason: str,
) -> Operation:
    """Check the zone with the records that mail needs, then have both carried out."""
    domain = Domain.objects.select_related("mail", "service__node").get(pk=mail.domain_id)
    if domain.has_zone:
        check_zone(zone_resource(domain.service, domain))
    refs = [*mail_domain_refs(domain), *_zone_refs(domain)]
    return request_mail(actor, mail, kind, refs, wanted, wait_for_approval, reason)


def _zone_refs(domain: Domain) -> list[Ref]:
    return [Ref(DnsZone.kind, domain.name)] if domain.has_zone else []


def _add_key(mail: MailDomain) -> DkimKey:
    private, public = new_key()
    known = set(mail.dkim_keys.values_list("selector", flat=True))
    month = f"np{timezone.now():%Y%m}"
    selector = next(name for number in range(1, 1000) if (name := f"{month}-{number}") not in known)
    key = DkimKey(mail=mail, selector=selector, public_key=public)
    key.private_key_sealed = seal(private, key.seal_context)
    save_valid(key)
    return key
