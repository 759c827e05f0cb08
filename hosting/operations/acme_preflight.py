"""What has to be true before a certificate authority is asked: names point here, and it was not asked too often."""

import hashlib
from collections.abc import Callable, Iterable, Iterator
from datetime import timedelta
from typing import Any

import dns.exception
import dns.nameserver
import dns.resolver
from django.utils import timezone

from hosting.acme import ChallengeKind
from hosting.choices import CertificateSource, CertificateState
from hosting.desired.mail_records import mail_of
from hosting.desired.zones import addresses, nameservers
from hosting.errors import HostingError
from hosting.models import AcmeRequest, Domain
from hosting.texts import N_
from observability.health.dns import resolvers

#: Seconds for one look-up.
_LIFETIME = 4.0
#: Below what large authorities allow in a week for one registered domain, for the same names, and in an hour for
#: names that did not pass: the rest is for whoever else asks for the domain.
WEEKLY, SAME_WEEKLY, FAILED_HOURLY = 45, 4, 4
_WEEK, _HOUR = timedelta(days=7), timedelta(hours=1)
_REMEMBERED = timedelta(days=8)


class LookupFailed(HostingError):
    """The resolver gave no answer: nobody knows where a name points now."""

    code = "acme_dns"
    permanent = False


def names_to_ask_for(domain: Domain, wildcard: bool) -> dict[str, ChallengeKind]:
    """The names that a certificate of a domain is to have now, and how each is proven.

    Besides the main name: its ``www`` name, and where mail is on and the zone is here the name of its mail server,
    as far as they point here. A wildcard stands for both. A name that visitors are used to is not left out because
    the resolver had no answer just now: there is time to ask again until its certificate ends soon.

    Raises:
        HostingError: ``acme_dns``: its main name does not point here, or a name that its certificate has can't be
            looked up. ``acme_delegation``: for a wildcard the zone has to be answered here.
    """
    name = domain.name
    if wildcard:
        _check_delegated(domain)
        return dict.fromkeys((name, f"*.{name}"), ChallengeKind.DNS)
    _check_points_here(domain, name)
    found = {name: ChallengeKind.HTTP}
    if domain.www and _is_fine(f"www.{name}", domain, _check_points_here):
        found[f"www.{name}"] = ChallengeKind.HTTP
    mail = f"mail.{name}"
    if proves_mail(domain) and _is_fine(mail, domain, _check_mail_host):
        found[mail] = ChallengeKind.DNS  # no site answers for it
    return found


def proves_mail(domain: Domain) -> bool:
    """Whether the name of a domain's mail server may be proven: in its zone here, unless it is a domain of its own."""
    if not domain.has_zone or mail_of(domain) is None:
        return False
    return not Domain.objects.filter(name_key=f"mail.{domain.name}").exists()


def check_budget(domain: Domain, names: Iterable[str]) -> None:
    """Refuse to ask more often than authorities allow.

    A renewal counts for others of its registered domain, but does not wait for them, as authorities have it too: many
    customers' domains may end alike (``co.uk``), and what they have must not end.

    Raises:
        HostingError: ``acme_budget``.
    """
    held = domain.certificate
    renewal = held is not None and held.source == CertificateSource.ACME
    tail, key = _tail(names), _names_key(names)
    now = timezone.now()
    issued = AcmeRequest.objects.filter(issued=True, at__gte=now - _WEEK)
    failed = AcmeRequest.objects.filter(issued=False, at__gte=now - _HOUR)
    many = not renewal and issued.filter(tail=tail).count() >= WEEKLY
    if many or issued.filter(names_key=key).count() >= SAME_WEEKLY:
        raise _too_often(N_("There were enough certificates for %(name)s this week.", name=tail))
    if failed.filter(names_key=key).count() >= FAILED_HOURLY:
        raise _too_often(N_("The last %(count)s tries within an hour failed.", count=FAILED_HOURLY))


def note_request(names: Iterable[str], *, issued: bool) -> None:
    """Count a request, and forget those that count no more."""
    AcmeRequest.objects.filter(at__lt=timezone.now() - _REMEMBERED).delete()
    AcmeRequest.objects.create(tail=_tail(names), names_key=_names_key(names), issued=issued)


def _check_points_here(domain: Domain, name: str) -> None:
    ours, found = _ours(domain), _lookup(name)
    if found and (not ours or found <= ours):
        return
    wanted = ", ".join(sorted(ours))
    hint = N_("Point it to %(addresses)s where its DNS is kept. NPanel looks again by itself.", addresses=wanted)
    if not found:
        raise _dns(N_("%(name)s has no address in the DNS yet.", name=name), hint)
    other = ", ".join(sorted(found - ours)[:3])
    raise _dns(N_("%(name)s points to %(addresses)s, which is not this server.", name=name, addresses=other), hint)


def _check_mail_host(domain: Domain, name: str) -> None:
    _check_delegated(domain)
    _check_points_here(domain, name)


def _is_fine(name: str, domain: Domain, check: Callable[[Domain, str], None]) -> bool:
    """Whether a name can come along.

    Raises:
        LookupFailed: nobody knows, and the certificate that the domain has is for it, and valid for a while yet.
    """
    try:
        check(domain, name)
    except LookupFailed:
        held = domain.certificate
        if held is not None and held.covers(name) and held.state == CertificateState.VALID:
            raise
        return False
    except HostingError:
        return False
    return True


def _check_delegated(domain: Domain) -> None:
    ours = set(nameservers(domain.service.node, domain.name))
    found = {str(row.target).rstrip(".").lower() for row in _ask(domain.name, "NS")}
    if not found & ours:
        raise HostingError(
            N_("%(name)s is not answered by this server's name servers yet.", name=domain.name),
            code="acme_delegation",
            hint=N_(
                "Have your registrar set the name servers %(names)s. NPanel looks again by itself.",
                names=", ".join(sorted(ours)),
            ),
            permanent=False,
        )


def _ours(domain: Domain) -> set[str]:
    return {address for _type, address in addresses(domain.service.node)}


def _lookup(name: str) -> set[str]:
    return {str(row.address) for type in ("A", "AAAA") for row in _ask(name, type)}


def _ask(name: str, type: str) -> Iterator[Any]:
    """The records of a name as the panel's resolver gives them; none where there are none.

    Raises:
        HostingError: ``acme_dns``: the resolver gave no answer.
    """
    resolver = dns.resolver.Resolver(configure=False)
    resolver.nameservers = [dns.nameserver.Do53Nameserver(target.address, target.port) for target in resolvers()]
    resolver.lifetime = _LIFETIME
    try:
        yield from resolver.resolve(f"{name}.", type, raise_on_no_answer=False).rrset or ()
    except (dns.resolver.NXDOMAIN, dns.resolver.NoAnswer):
        return
    except dns.exception.DNSException as error:
        raise LookupFailed(
            N_("%(name)s could not be looked up (%(reason)s).", name=name, reason=type_name(error)),
            hint=N_("Check where the domain is delegated. NPanel looks again by itself."),
        ) from error


def type_name(error: Exception) -> str:
    """An exception's name, for a person who has to look it up."""
    return type(error).__name__


def _dns(detail: object, hint: object) -> HostingError:
    return HostingError(detail, code="acme_dns", hint=hint, permanent=False)  # type: ignore[arg-type]


def _too_often(detail: object) -> HostingError:
    hint = N_("NPanel asks again by itself once the certificate authority allows it.")
    return HostingError(detail, code="acme_budget", hint=hint, permanent=False)  # type: ignore[arg-type]


def _tail(names: Iterable[str]) -> str:
    return ".".join(min(names, key=len).split(".")[-2:])[:190]


def _names_key(names: Iterable[str]) -> str:
    return hashlib.sha256(" ".join(sorted(names)).encode()).hexdigest()
