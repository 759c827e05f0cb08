"""The certificates that mail programs are shown: those of the domains' sites, where they are for that name too."""

from collections.abc import Iterator

from hosting.desired.family import Family, not_adoptable
from hosting.desired.mail_records import mail_of
from hosting.models import Certificate, Domain, HostingService
from hosting.sealing import unseal
from hosting.state import Change, MailCertificate, Ref, Resource, Secret
from hosting.texts import N_


def mail_hosts(domain: Domain) -> list[str]:
    """The names that mail programs of a domain's people may ask for."""
    return [domain.name, f"mail.{domain.name}"]


def mail_certificate_refs(domain: Domain) -> list[Ref]:
    """The Resources of a domain's mail that its certificate may make, if mail is on."""
    return [Ref(MailCertificate.kind, host) for host in mail_hosts(domain)] if mail_of(domain) is not None else []


def _resources(service: HostingService) -> Iterator[Resource]:
    known = {row.pk: row for row in service.certificates.all()}
    shown: dict[str, Certificate] = {}
    for domain in service.domains.all():
        row = known.get(domain.certificate_id or 0)
        if row is not None and mail_of(domain) is not None:
            shown |= {host: row for host in mail_hosts(domain) if row.covers(host)}
    for host in sorted(shown.keys() - _held_apart(service, shown)):
        key = Secret(unseal(shown[host].private_key_sealed, shown[host].seal_context))
        yield MailCertificate(owner=service.username, name=host, chain=shown[host].chain_pem, key_pem=key)


def _held_apart(service: HostingService, hosts: dict[str, Certificate]) -> set[str]:
    """Names among them that are domains of their own: the certificate for those is the domain's, or none."""
    own = {domain.name for domain in service.domains.all() if mail_of(domain) and domain.certificate_id}
    asked = hosts.keys() - own
    return set(Domain.objects.filter(name_key__in=asked).values_list("name", flat=True)) if asked else set()


def _adopt(service: HostingService, found: Change) -> None:
    """Nothing of its own is kept: it follows from mail and from the domain's certificate, which are adopted before."""
    wanted = {resource.key: resource for resource in _resources(HostingService.objects.get(pk=service.pk))}
    if wanted.get(found.key) != found.after:
        raise not_adoptable(found, N_("it follows from the domain's mail and its certificate"))


FAMILY = Family(
    resources=_resources,
    prefetch=("domains__mail", "certificates"),
    adopters={MailCertificate.kind: _adopt},
)
