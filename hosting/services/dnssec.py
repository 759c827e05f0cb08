"""Signing zones: on, off once nobody relies on it any more, and what the parent zone says of it today."""

from enum import StrEnum

import dns.exception
import dns.nameserver
import dns.resolver

from audit.actor import Actor
from hosting.choices import OperationKind
from hosting.errors import HostingError
from hosting.models import Domain, Operation
from hosting.operations.requests import request_operation
from hosting.services.dns import check_has_zone, locked_zone
from hosting.state import DnsZone, Ref
from hosting.texts import N_
from hosting.transactions import retried
from observability.health.dns import resolvers

#: Seconds for the question to the parent zone.
DEADLINE_S = 4.0


class ParentSays(StrEnum):
    """What the zone above says of a zone's keys."""

    OURS = "ours"
    OTHER = "other"
    NOTHING = "nothing"
    NO_ANSWER = "no_answer"


@retried
def sign_zone(*, actor: Actor, domain: Domain, wait_for_approval: bool = False, reason: str = "") -> Operation:
    """Sign a domain's zone (DNSSEC) with one key, ECDSAP256SHA256. Others check it once its DS record is published.

    Raises:
        HostingError: ``no_zone``, ``wrong_state`` (it is signed), ``service_gone``, ``not_found``.
    """
    return _switched(actor, domain, True, wait_for_approval, reason)


def unsign_zone(
    *,
    actor: Actor,
    domain: Domain,
    although_published: bool = False,
    wait_for_approval: bool = False,
    reason: str = "",
) -> Operation:
    """Sign a domain's zone no more. Whoever finds a DS record for it would not find it at all from then on.

    Args:
        although_published: even if there is a DS record, or nobody can tell.

    Raises:
        HostingError: ``ds_published``, ``ds_unknown`` (the look-up got no answer), ``no_zone``, ``wrong_state`` (it is
            not signed), ``service_gone``, ``not_found``.
    """
    if not although_published:
        _check_ds_gone(domain)  # before the transaction: others need not wait for the look-up
    return _unsigned(actor=actor, domain=domain, wait_for_approval=wait_for_approval, reason=reason)


@retried
def _unsigned(*, actor: Actor, domain: Domain, wait_for_approval: bool, reason: str) -> Operation:
    return _switched(actor, domain, False, wait_for_approval, reason)


def _switched(actor: Actor, domain: Domain, signed: bool, wait_for_approval: bool, reason: str) -> Operation:
    zone = locked_zone(domain)
    check_has_zone(zone)
    if zone.dnssec == signed:
        detail = N_("%(name)s is signed already.", name=zone.name)
        if not signed:
            detail = N_("%(name)s is not signed.", name=zone.name)
        raise HostingError(detail, code="wrong_state", hint=N_("Look at its page again."))
    zone.dnssec = signed
    zone.save(update_fields=["dnssec"])
    return request_operation(
        actor=actor,
        kind=OperationKind.CHANGE_DNSSEC,
        node=zone.service.node,
        service=zone.service,
        refs=[Ref(DnsZone.kind, zone.name)],
        wait_for_approval=wait_for_approval,
        reason=reason,
        wanted={"zone": zone.name, "signed": signed},
    )


def ds_records(domain: Domain) -> list[str]:
    """The DS records that belong into the parent zone: key tag, algorithm, digest type, digest."""
    return domain.ds.splitlines() if domain.dnssec else []


def parent_says(domain: Domain) -> ParentSays:
    """Ask the public DNS for the DS records of a domain; one question, to the resolvers of the settings alone."""
    found = _published(domain.name)
    if found is None:
        return ParentSays.NO_ANSWER
    if not found:
        return ParentSays.NOTHING
    return ParentSays.OURS if found & set(ds_records(domain)) else ParentSays.OTHER


def _published(name: str) -> set[str] | None:
    """DS records as the parent zone has them now, None for no answer."""
    resolver = dns.resolver.Resolver(configure=False)
    resolver.nameservers = [dns.nameserver.Do53Nameserver(target.address, target.port) for target in resolvers()]
    resolver.search = []
    if not resolver.nameservers:
        return None
    try:
        answer = resolver.resolve(f"{name}.", "DS", lifetime=DEADLINE_S, search=False, raise_on_no_answer=False)
    except dns.resolver.NXDOMAIN:
        return set()
    except (dns.exception.DNSException, OSError):
        return None
    return {row.to_text().upper() for row in answer.rrset or ()}


def _check_ds_gone(domain: Domain) -> None:
    says = parent_says(domain)
    if says == ParentSays.NOTHING:
        return
    if says == ParentSays.NO_ANSWER:
        raise HostingError(
            N_("Whether %(name)s still has a DS record could not be looked up.", name=domain.name),
            code="ds_unknown",
            hint=N_("Try again in a moment. With a DS record left, the domain would not be found any more."),
            permanent=False,
        )
    raise HostingError(
        N_("The zone above still has a DS record for %(name)s.", name=domain.name),
        code="ds_published",
        hint=N_("Have your registrar remove it, wait a day, then switch signing off: else nobody finds the domain."),
    )
