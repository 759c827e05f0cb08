"""Certificates of sites: given, replaced, removed; and whether visitors are sent to HTTPS."""

from collections.abc import Iterable

from audit.actor import Actor
from hosting.certificate_reader import Pair, check_covers, check_dates, listed, read_pair
from hosting.choices import AutoCertificateState, CertificateSource, OperationKind
from hosting.desired import certificate_refs, keep_certificate, mail_certificate_refs
from hosting.desired.certificates import forget_unused
from hosting.errors import HostingError
from hosting.models import AutoCertificate, Certificate, Domain, HostingService, Operation
from hosting.operations.carried import site_names
from hosting.operations.requests import request_operation
from hosting.services.limits import locked_service
from hosting.services.rows import reread
from hosting.services.validation import save_valid
from hosting.state import Ref, VirtualHost
from hosting.texts import N_
from hosting.transactions import retried
from hosting.trust import is_trusted


def upload_certificate(
    *,
    actor: Actor,
    domain: Domain,
    chain: str,
    private_key: str = "",
    all_domains: bool = False,
    wait_for_approval: bool = False,
    reason: str = "",
) -> Operation:
    """Serve a domain's site over HTTPS with a certificate of one's own, or with another one from now on.

    Args:
        chain: PEM text: the certificate and those that vouch for it. private_key: PEM text without a password, or ""
            if ``chain`` holds it. all_domains: use it for every domain of the service that it is for.

    Raises:
        HostingError: ``certificate_invalid``, ``certificate_key_invalid``, ``certificate_key_mismatch``,
            ``certificate_dates``, ``certificate_names``, ``certificate_untrusted``, ``service_gone``, ``not_found``.
    """
    pair = read_pair(chain, private_key)  # before the transaction: the checks of large keys take their time
    return install_certificate(
        actor=actor,
        domain=domain,
        pair=pair,
        source=CertificateSource.UPLOADED,
        all_domains=all_domains,
        wait_for_approval=wait_for_approval,
        reason=reason,
    )


@retried
def install_certificate(
    *,
    actor: Actor,
    domain: Domain,
    pair: Pair,
    source: CertificateSource,
    all_domains: bool = False,
    wait_for_approval: bool = False,
    reason: str = "",
) -> Operation:
    """Have a domain, and with ``all_domains`` each of the service that it is for, served with a certificate.

    Raises:
        HostingError: ``certificate_dates``, ``certificate_names``, ``certificate_untrusted``, ``service_gone``,
            ``not_found``.
    """
    service = locked_service(domain.service)
    row = reread(domain)
    check_dates(pair)
    check_covers(pair, row.name)
    others = service.domains.exclude(pk=row.pk) if all_domains else Domain.objects.none()
    targets = [row, *(other for other in others if other.name_key and _is_for(pair, other))]
    for target in targets:
        _check_switches(target, pair)
    certificate = keep_certificate(service, pair, source)
    for target in targets:
        target.certificate = certificate
        target.save(update_fields=["certificate"])
    forget_unused(service)
    served = list(certificate.domains.select_related("mail").order_by("name"))
    wanted = {**_facts(certificate), "domains": [row.name for row in served]}
    refs = [ref for row in served for ref in _refs(row)]
    return _request(actor, service, OperationKind.INSTALL_CERTIFICATE, refs, wanted, wait_for_approval, reason)


@retried
def remove_certificate(
    *,
    actor: Actor,
    certificate: Certificate,
    although_hsts: bool = False,
    wait_for_approval: bool = False,
    reason: str = "",
) -> Operation:
    """Serve the domains that use a certificate without HTTPS again. Its key is forgotten.

    Args:
        although_hsts: even if browsers were told to insist on HTTPS: those that remember it do not get to the site.

    Raises:
        HostingError: ``hsts_on``, ``service_gone``, ``not_found``.
    """
    service = locked_service(certificate.service)
    row = reread(certificate)
    domains = list(row.domains.select_related("mail").order_by("name"))
    insisting = [domain.name for domain in domains if domain.hsts]
    if insisting and not although_hsts:
        raise HostingError(
            N_("Browsers were told to insist on HTTPS for %(names)s.", names=listed(insisting)),
            code="hsts_on",
            hint=N_("Switch HSTS off first and wait, or give another certificate in its place."),
        )
    refs = [ref for domain in domains for ref in _refs(domain)]
    wanted = {**_facts(row), "remove": [domain.name for domain in domains]}
    operation = _request(
        actor, service, OperationKind.REMOVE_CERTIFICATE, refs, wanted, wait_for_approval, reason
    )  # fmt: skip
    if row.source == CertificateSource.ACME:  # else a renewal that waits would bring it back
        kept = AutoCertificate.objects.filter(domain__in=domains).exclude(state=AutoCertificateState.RUNNING)
        kept.update(state=AutoCertificateState.OFF, next_at=None)
    row.domains.update(certificate=None, https_redirect=False, hsts=False)
    row.delete()
    return operation


@retried
def change_https(
    *,
    actor: Actor,
    domain: Domain,
    redirect: bool | None = None,
    hsts: bool | None = None,
    wait_for_approval: bool = False,
    reason: str = "",
) -> Operation:
    """Switch whether visitors of a domain are sent to HTTPS, and whether browsers insist on it; None leaves it.

    Args:
        redirect: whether requests without TLS are answered with a redirect; HSTS goes off with it.
        hsts: whether browsers are told to come by HTTPS alone from now on (RFC 6797).

    Raises:
        HostingError: ``no_certificate``, ``redirect_off``, ``certificate_names``, ``certificate_untrusted``,
            ``service_gone``, ``not_found``.
    """
    service = locked_service(domain.service)
    row = reread(domain, "certificate")
    row.https_redirect = row.https_redirect if redirect is None else redirect
    row.hsts = (row.hsts and row.https_redirect) if hsts is None else hsts
    _check_possible(row)
    save_valid(row)
    wanted: dict[str, object] = {"domain": row.name, "redirect": row.https_redirect, "hsts": row.hsts}
    refs = [Ref(VirtualHost.kind, row.name)]
    return _request(actor, service, OperationKind.CHANGE_HTTPS, refs, wanted, wait_for_approval, reason)


def uncovered(domain: Domain, certificate: Certificate | Pair) -> list[str]:
    """The names that a domain's site answers for and a certificate is not for."""
    names = site_names(domain.name, domain.www)
    if isinstance(certificate, Certificate):
        return [name for name in names if not certificate.covers(name)]
    return [name for name in names if not _named(certificate, name)]


def _is_for(pair: Pair, domain: Domain) -> bool:
    return _named(pair, domain.name)


def _named(pair: Pair, name: str) -> bool:
    try:
        check_covers(pair, name)
    except HostingError:
        return False
    return True


def _check_possible(domain: Domain) -> None:
    """Refuse switches that would send visitors to a warning."""
    certificate = domain.certificate
    if domain.hsts and not domain.https_redirect:
        raise HostingError(
            N_("HSTS needs the redirect to HTTPS."),
            code="redirect_off",
            hint=N_("Switch both on; the redirect first, to see whether all works."),
            field="hsts",
        )
    if domain.https_redirect and certificate is None:
        raise HostingError(
            N_("%(name)s has no certificate.", name=domain.name),
            code="no_certificate",
            hint=N_("Give it one first: visitors would be sent to an error."),
            field="redirect",
        )
    if certificate is not None:
        _check_switches(domain, certificate)


def _check_switches(domain: Domain, certificate: Certificate | Pair) -> None:
    """Refuse a certificate that visitors who are sent to HTTPS would be warned about.

    Raises:
        HostingError: ``certificate_names``, ``certificate_untrusted``.
    """
    missing = uncovered(domain, certificate)
    if domain.https_redirect and missing:
        raise HostingError(
            N_("Visitors of %(names)s are sent to HTTPS, and the certificate is not for it.", names=listed(missing)),
            code="certificate_names",
            hint=N_("Use a certificate that names it too, or switch the redirect off."),
        )
    if domain.hsts and not is_trusted(certificate.chain_pem, domain.name):
        raise HostingError(
            N_("Browsers do not trust this certificate of %(name)s.", name=domain.name),
            code="certificate_untrusted",
            hint=N_("With HSTS on nobody could pass the warning: use one of a public authority, with its chain."),
        )


def _refs(domain: Domain) -> list[Ref]:
    """What a domain's certificate makes on the node: its own Resources for the site and for mail, and the site's."""
    return [*certificate_refs(domain), *mail_certificate_refs(domain), Ref(VirtualHost.kind, domain.name)]


def _facts(certificate: Certificate) -> dict[str, object]:
    """What of a certificate is written down: nothing of its key."""
    return {
        "sha256": certificate.fingerprint,
        "names": certificate.names,
        "not_after": certificate.not_after.isoformat(),
        "source": certificate.source,
    }


def _request(
    actor: Actor,
    service: HostingService,
    kind: OperationKind,
    refs: Iterable[Ref],
    wanted: dict[str, object],
    wait_for_approval: bool,
    reason: str,
) -> Operation:
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
