"""Certificates that NPanel gets and renews by itself: asked for, renewed, revoked, and the worker's chore."""

from collections.abc import Iterable
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.utils import timezone

from audit.actor import Actor
from hosting.choices import (
    FINAL_STATES,
    AutoCertificateState,
    CertificateSource,
    NodeState,
    OperationKind,
    OperationState,
    ServiceState,
)
from hosting.errors import HostingError
from hosting.models import AutoCertificate, Domain, Operation
from hosting.operations.acme_account import check_configured, is_configured
from hosting.operations.acme_preflight import check_budget, names_to_ask_for
from hosting.operations.issuing import refs_of_certificate
from hosting.operations.journal import error_json
from hosting.operations.requests import request_operation
from hosting.services.limits import locked_service
from hosting.services.rows import reread
from hosting.texts import N_
from hosting.transactions import retried
from observability.logging import get_logger

#: Until the next try, by how many failed before.
_AGAIN_AFTER = tuple(timedelta(minutes=minutes) for minutes in (5, 15, 60, 180, 720, 1440))
_AT_ONCE = 20
#: As many at a time are asked for by themselves: an operation takes a worker for seconds, and people wait for theirs.
_RUNNING = 2
_LIVE = (ServiceState.ACTIVE, ServiceState.SUSPENDED)

log = get_logger("certificate")


@retried
def issue_certificate(*, actor: Actor, domain: Domain, wildcard: bool = False, reason: str = "") -> Operation:
    """Get a certificate for a domain from the certificate authority, and keep it renewed from now on.

    Args:
        wildcard: for all names one level below it too; that needs its DNS zone here.

    Raises:
        HostingError: ``acme_off``, ``no_zone``, ``busy``, ``service_gone``, ``not_found``.
    """
    check_configured()
    row = _locked(domain)
    if wildcard and not row.has_zone:
        raise HostingError(
            N_("%(name)s has no DNS zone here, so its wildcard can't be proven.", name=row.name),
            code="no_zone",
            hint=N_("Ask for a certificate without the wildcard."),
            field="wildcard",
        )
    auto, _new = AutoCertificate.objects.get_or_create(domain=row)
    auto.domain, auto.wildcard = row, wildcard
    return _ask(actor, auto, reason)


@retried
def renew_certificate(*, actor: Actor, auto: AutoCertificate, reason: str = "") -> Operation:
    """Get a new certificate for a domain now, instead of when its time comes. The old one stays until then.

    Raises:
        HostingError: ``acme_off``, ``busy``, ``service_gone``, ``not_found``.
    """
    check_configured()
    return _ask(actor, _locked_auto(auto), reason)


@retried
def revoke_certificate(*, actor: Actor, auto: AutoCertificate, reason: str = "") -> Operation:
    """Have the authority declare a domain's certificate void, and serve the site without one from then on.

    Raises:
        HostingError: ``acme_off``, ``acme_none``, ``busy``, ``service_gone``, ``not_found``.
    """
    check_configured()
    row = _locked_auto(auto)
    if not _is_automatic(row.domain):
        raise HostingError(
            N_("%(name)s is not served with an automatic certificate.", name=row.domain.name),
            code="acme_none",
            hint=N_("Look at its page again."),
        )
    _check_free(row)
    operation = _request(actor, row, OperationKind.REVOKE_CERTIFICATE, reason)
    row.save(update_fields=["operation"])
    return operation


def issue_due(*, actor: Actor) -> int:
    """Ask for what is due: first certificates of new domains, those that wait, renewals. The worker's chore.

    Returns:
        How many operations were asked for.
    """
    if not is_configured():
        return 0
    _settle_ended()
    if settings.NPANEL_ACME_AUTOMATIC:
        _take_in_new_domains()
    due = AutoCertificate.objects.filter(next_at__lte=timezone.now(), domain__service__state__in=_LIVE)
    due = due.exclude(domain__service__node__state=NodeState.PAUSED).exclude(state=AutoCertificateState.RUNNING)
    rows = due.select_related("domain__service__node", "domain__certificate").order_by("next_at")[:_AT_ONCE]
    running = AutoCertificate.objects.filter(state=AutoCertificateState.RUNNING)
    # What waits for a node that is paused, however long, keeps nobody else's waiting.
    running = running.exclude(domain__service__node__state=NodeState.PAUSED)
    room, asked = _RUNNING - running.count(), 0
    for auto in list(rows):
        if asked >= room:
            break
        asked += _ask_if_ready(actor, auto)
    return asked


def _ask_if_ready(actor: Actor, auto: AutoCertificate) -> bool:
    """Ask, unless the authority would say no: then it waits, and says for what."""
    domain = auto.domain
    if not _is_automatic(domain) and (domain.certificate is not None or auto.state == AutoCertificateState.ISSUED):
        # Somebody gave it another certificate meanwhile, or took its own away.
        AutoCertificate.objects.filter(pk=auto.pk).update(state=AutoCertificateState.OFF, next_at=None)
        return False
    try:
        check_budget(domain, names_to_ask_for(domain, auto.wildcard))
        _ask_by_itself(actor=actor, auto=auto)
    except HostingError as error:
        log.info("certificate waits", domain=domain.name, error_code=error.code, status="retrying")
        _put_off(auto, error_json(error), AutoCertificateState.WAITING)
        return False
    return True


@retried
def _ask_by_itself(*, actor: Actor, auto: AutoCertificate) -> Operation:
    row = _locked_auto(auto)
    return _ask(actor, row, "renewal" if _is_automatic(row.domain) else "first certificate")


def _ask(actor: Actor, auto: AutoCertificate, reason: str) -> Operation:
    _check_free(auto)
    operation = _request(actor, auto, OperationKind.ISSUE_CERTIFICATE, reason)
    auto.state, auto.next_at = AutoCertificateState.RUNNING, None
    auto.save(update_fields=["wildcard", "state", "next_at", "operation"])
    return operation


def _request(actor: Actor, auto: AutoCertificate, kind: OperationKind, reason: str) -> Operation:
    domain = auto.domain
    operation = request_operation(
        actor=actor,
        kind=kind,
        node=domain.service.node,
        service=domain.service,
        refs=refs_of_certificate(domain, auto.wildcard),
        reason=reason,
        wanted={"domain": domain.name, "wildcard": auto.wildcard},
    )
    auto.operation = operation.pk
    return operation


def _locked(domain: Domain) -> Domain:
    service = locked_service(domain.service)
    row = reread(domain, "certificate")
    row.service = service
    return row


def _locked_auto(auto: AutoCertificate) -> AutoCertificate:
    domain = _locked(auto.domain)
    row = reread(auto)
    row.domain = domain
    return row


def _check_free(auto: AutoCertificate) -> None:
    if auto.operation is None:
        return
    waiting = Operation.objects.filter(pk=auto.operation).exclude(state__in=FINAL_STATES).first()
    if waiting is not None:
        raise HostingError(
            N_("“%(waiting)s” waits or runs.", waiting=waiting), code="busy", hint=N_("Wait for it, or cancel it.")
        )


def _is_automatic(domain: Domain) -> bool:
    """Whether what it is served with is (still) a certificate that NPanel got for it."""
    return domain.certificate is not None and domain.certificate.source == CertificateSource.ACME


def _settle_ended() -> None:
    """What became of operations that did not get a certificate: those that did have said so themselves."""
    running = AutoCertificate.objects.filter(state=AutoCertificateState.RUNNING)
    ended = Operation.objects.in_bulk(running.values_list("operation", flat=True))
    for auto in running:
        operation = ended.get(auto.operation)
        if operation is None or operation.is_final:
            _settle(auto, operation)


def _settle(auto: AutoCertificate, operation: Operation | None) -> None:
    error = operation.error if operation is not None else None
    if operation is not None and operation.state == OperationState.CANCELLED:
        AutoCertificate.objects.filter(pk=auto.pk).update(state=AutoCertificateState.WAITING, next_at=_later(1))
        return
    waits = str((error or {}).get("code", "")) in ("acme_dns", "acme_delegation", "acme_budget")
    _put_off(auto, error, AutoCertificateState.WAITING if waits else AutoCertificateState.FAILED)


def _put_off(auto: AutoCertificate, error: Any, state: AutoCertificateState) -> None:
    same = AutoCertificate.objects.filter(pk=auto.pk, state=auto.state)  # a person may have asked meanwhile
    failures = min(auto.failures + 1, 1000)
    same.update(state=state, error=error, failures=failures, next_at=_later(failures))


def _later(failures: int) -> Any:
    return timezone.now() + _AGAIN_AFTER[min(failures, len(_AGAIN_AFTER)) - 1]


@retried
def _take_in_new_domains() -> None:
    """Domains that never had a certificate get one by themselves."""
    new = Domain.objects.filter(auto_certificate=None, certificate=None, name_key__isnull=False)
    new = new.filter(service__state=ServiceState.ACTIVE).order_by("pk")[: _AT_ONCE * 5]
    AutoCertificate.objects.bulk_create(_rows_for(new), ignore_conflicts=True)


def _rows_for(domains: Iterable[Domain]) -> list[AutoCertificate]:
    now = timezone.now()
    return [AutoCertificate(domain=domain, next_at=now) for domain in domains]
