"""The certificates of a service's sites."""

from collections.abc import Iterator

from django.utils import timezone

from hosting.certificate_reader import Pair, read_pair
from hosting.choices import AutoCertificateState, CertificateSource, OperationKind
from hosting.desired.family import Family, not_adoptable
from hosting.errors import HostingError
from hosting.models import AutoCertificate, Certificate, Domain, HostingService
from hosting.sealing import seal, unseal
from hosting.state import Change, Ref, Resource, Secret, TlsCertificate
from hosting.texts import N_


def _resources(service: HostingService) -> Iterator[Resource]:
    known = {row.pk: row for row in service.certificates.all()}
    for domain in service.domains.all():
        if domain.certificate_id is not None and (row := known.get(domain.certificate_id)) is not None:
            key = Secret(unseal(row.private_key_sealed, row.seal_context))
            yield TlsCertificate(owner=service.username, name=domain.name, chain=row.chain_pem, key_pem=key)


def certificate_refs(domain: Domain) -> list[Ref]:
    """The Resource of a domain's certificate, if it has one."""
    return [Ref(TlsCertificate.kind, domain.name)] if domain.certificate_id is not None else []


def keep_certificate(service: HostingService, pair: Pair, source: CertificateSource) -> Certificate:
    """The row of a certificate, which is made where the service has none of it; its key is sealed."""
    found = Certificate.objects.filter(service=service, fingerprint=pair.fingerprint).first()
    if found is not None:
        if found.chain_pem != pair.chain_pem:  # the same one, with others that vouch for it
            found.chain_pem = pair.chain_pem
            found.save(update_fields=["chain_pem"])
        return found
    row = Certificate(
        service=service,
        name=pair.names[0][:190],
        names=list(pair.names),
        source=source,
        chain_pem=pair.chain_pem,
        key_type=pair.key_type,
        issuer=pair.issuer,
        fingerprint=pair.fingerprint,
        not_before=pair.not_before,
        not_after=pair.not_after,
    )
    row.private_key_sealed = seal(pair.key_pem, row.seal_context)
    row.save()
    return row


def forget_unused(service: HostingService) -> None:
    """Let certificates go that no domain uses any more, and their keys with them."""
    service.certificates.filter(domains__isnull=True).delete()


def _adopt_certificate(service: HostingService, found: Change) -> None:
    domain = service.domains.filter(name=found.key).first()
    if found.after is None:
        if domain is not None:
            domain.certificate = None
            domain.save(update_fields=["certificate"])
        forget_unused(service)
        return
    if domain is None or not isinstance(found.after, TlsCertificate):
        raise not_adoptable(found, N_("add the domain instead"))
    try:
        pair = read_pair(found.after.chain, found.after.key_pem.value)
    except HostingError as error:
        raise not_adoptable(found, error.detail_text) from error
    domain.certificate = keep_certificate(service, pair, _source_of(service, pair))
    domain.save(update_fields=["certificate"])
    forget_unused(service)
    if domain.certificate.source == CertificateSource.ACME:
        _renew_again(domain, pair)


def _renew_again(domain: Domain, pair: Pair) -> None:
    """What is kept about a certificate that NPanel got went with its domain, or was switched off for another one."""
    known = {"state": AutoCertificateState.OFF, "wildcard": f"*.{domain.name}" in pair.names}
    auto, _new = AutoCertificate.objects.get_or_create(domain=domain, defaults=known)
    if auto.state == AutoCertificateState.OFF:
        auto.state, auto.next_at = AutoCertificateState.ISSUED, timezone.now()
        auto.save(update_fields=["state", "next_at"])


def _source_of(service: HostingService, pair: Pair) -> CertificateSource:
    """Where a certificate came from that a node has: one that NPanel once got goes on being renewed."""
    got = service.operations.filter(kind=OperationKind.ISSUE_CERTIFICATE, result__issued=pair.fingerprint)
    return CertificateSource.ACME if got.exists() else CertificateSource.UPLOADED


FAMILY = Family(
    resources=_resources,
    prefetch=("domains", "certificates"),
    adopters={TlsCertificate.kind: _adopt_certificate},
)
