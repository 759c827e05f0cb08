"""What operations about automatic certificates do before they plan: ask the authority, and keep what it gives.

The proofs it wants to see (a file of the site, a record of the zone) go to the node along the operation's own road:
each step yields the Goal that the node is brought to, so a failure takes them back like anything else.
"""

import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta

from django.utils import timezone

from hosting.acme import AcmeError, Challenge, ChallengeKind, Order, Session, new_certificate_key, request_for
from hosting.adapters.base import Scope
from hosting.certificate_reader import Pair, read_pair
from hosting.choices import AutoCertificateState, CertificateSource, OperationKind
from hosting.desired.certificates import forget_unused, keep_certificate
from hosting.desired.mail_certificates import mail_certificate_refs
from hosting.desired.zones import zone_resource
from hosting.errors import HostingError
from hosting.models import AutoCertificate, Domain, HostingService, Operation
from hosting.operations.acme_account import is_forgotten, open_session, open_session_again
from hosting.operations.acme_preflight import check_budget, names_to_ask_for, note_request, proves_mail
from hosting.operations.journal import journalled
from hosting.operations.locks import guarded_update, renew
from hosting.operations.planner import Goal, facts_for
from hosting.state import ChallengeFile, DnsZone, Ref, Resource, TlsCertificate, VirtualHost, state_of
from hosting.state.records import canonical_record, text_content
from hosting.texts import N_
from hosting.transactions import retried

KINDS = (OperationKind.ISSUE_CERTIFICATE, OperationKind.REVOKE_CERTIFICATE)
#: Longer than an authority may take in all: the operation stays this worker's meanwhile.
_LONGEST = 300.0
_PROOF_TTL = 60
#: What is renewed when so much of its life is left, a little earlier or later so that not all come at once.
_LEFT, _JITTER = 1 / 3, 1 / 20


def steps(operation: Operation) -> Iterator[Goal]:
    """Bring about what an operation needs from elsewhere; each Goal is what the node must be like before the next step.

    Raises:
        HostingError: it can't be had; the facts are as they were.
    """
    if operation.kind == OperationKind.ISSUE_CERTIFICATE:
        if not operation.result.get("issued"):
            yield from _issue(operation)
        yield _without_proofs(operation)
    if operation.kind == OperationKind.REVOKE_CERTIFICATE and not operation.result.get("revoked"):
        _revoke(operation)


def _issue(operation: Operation) -> Iterator[Goal]:
    domain = _domain(operation)
    _check_still_wanted(operation, domain)
    wildcard = AutoCertificate.objects.filter(domain=domain, wildcard=True).exists()
    if _has_it_already(operation, domain, wildcard=wildcard):
        _note_issued(operation, domain, domain.certificate.fingerprint)  # type: ignore[union-attr]
        return
    names = names_to_ask_for(domain, wildcard)
    check_budget(domain, names)
    key = new_certificate_key()
    renew(operation, _LONGEST)
    session, order = _order(request_for(tuple(names), key), names)
    if order.challenges:
        yield _proofs(operation, domain, order)
    renew(operation, _LONGEST)
    pair = _finished(session, order, tuple(names), key)
    _keep(operation, domain, pair, _renewal(session, pair))


def _order(csr: bytes, kinds: Mapping[str, ChallengeKind]) -> tuple[Session, Order]:
    session = open_session()
    try:
        return session, session.order(csr, kinds)
    except AcmeError as error:
        if not is_forgotten(error):
            raise
    session = open_session_again()
    return session, session.order(csr, kinds)


def _finished(session: Session, order: Order, names: tuple[str, ...], key: str) -> Pair:
    """Have the proofs looked at and the certificate made; what fails is counted."""
    try:
        session.answer(order)
        chain = session.finish(order)
    except AcmeError as error:
        if error.code == "acme_validation_failed":
            note_request(names, issued=False)
        raise
    note_request(names, issued=True)
    return read_pair(chain, key)


def _proofs(operation: Operation, domain: Domain, order: Order) -> Goal:
    """The node as it has to be while the authority looks."""
    owner, shown = _owner(operation), order.challenges
    wanted: list[Resource] = [
        ChallengeFile(owner, domain.name, one.token, one.answer) for one in shown if one.kind == ChallengeKind.HTTP
    ]
    texts = [one for one in shown if one.kind == ChallengeKind.DNS]
    if texts:
        wanted.append(_with_texts(zone_resource(domain.service, domain), texts))
    return _goal(operation, wanted, {resource.ref for resource in wanted})


def _with_texts(zone: DnsZone, challenges: Sequence[Challenge]) -> DnsZone:
    texts = {
        canonical_record(f"_acme-challenge.{one.name}", "TXT", text_content(one.answer), _PROOF_TTL, zone.name)
        for one in challenges
    }
    return replace(zone, records=tuple(sorted({*zone.records, *texts})))


def _without_proofs(operation: Operation) -> Goal:
    """The node without any proof that this operation showed, in an earlier attempt as well."""
    domain = _domain(operation)
    shown = {change.ref for change in journalled(operation) if change.kind in (ChallengeFile.kind, DnsZone.kind)}
    zone = zone_resource(domain.service, domain) if domain.has_zone else None
    return _goal(operation, [zone] if zone is not None and zone.ref in shown else [], shown)


def _goal(operation: Operation, wanted: Sequence[Resource], refs: set[Ref]) -> Goal:
    assert operation.node is not None  # noqa: S101 - the runner has connected to it
    return Goal(state_of(wanted), Scope(facts_for(operation.node), owner=_owner(operation), refs=frozenset(refs)))


def _renewal(session: Session, pair: Pair) -> float:
    """Seconds since the epoch at which it is to be renewed: at the authority's wish, if that is before our own time."""
    life = (pair.not_after - pair.not_before).total_seconds()
    spread = random.uniform(-_JITTER, _JITTER) * life  # noqa: S311 - spreads load, no secret
    ours = pair.not_after.timestamp() - life * _LEFT + spread
    try:
        theirs = session.renewal_time(pair.chain_pem)
    except AcmeError:  # it is only advice
        return ours
    return ours if theirs is None else min(ours, theirs.timestamp())


@retried
def _keep(operation: Operation, domain: Domain, pair: Pair, renew_at: float) -> None:
    """The facts have the new certificate from now on; the node gets it by this operation's plan."""
    row = _locked(operation)
    _check_still_wanted(operation, row)
    row.certificate = keep_certificate(row.service, pair, CertificateSource.ACME)
    row.save(update_fields=["certificate"])
    forget_unused(row.service)
    _note_issued(operation, domain, pair.fingerprint)
    when = timezone.now() + timedelta(seconds=renew_at - timezone.now().timestamp())
    AutoCertificate.objects.filter(domain=domain).update(next_at=when)


def _locked(operation: Operation) -> Domain:
    """The domain as it is now; nobody gives its service another certificate until the transaction ends."""
    HostingService.objects.select_for_update().only("pk").get(pk=_domain(operation).service_id)
    return _domain(operation)


def _check_still_wanted(operation: Operation, domain: Domain) -> None:
    """Leave what a person gave the domain after this was asked for: its key would be forgotten.

    Raises:
        HostingError: ``acme_none``.
    """
    given = domain.certificate
    if given is not None and given.source != CertificateSource.ACME and given.created_at > operation.created_at:
        raise HostingError(
            N_("%(name)s is not served with an automatic certificate.", name=domain.name),
            code="acme_none",
            hint=N_("Look at its page again."),
        )


def _note_issued(operation: Operation, domain: Domain, fingerprint: str) -> None:
    guarded_update(operation, result={**operation.result, "issued": fingerprint})
    AutoCertificate.objects.filter(domain=domain).update(state=AutoCertificateState.ISSUED, error=None, failures=0)


def _has_it_already(operation: Operation, domain: Domain, *, wildcard: bool) -> bool:
    """Whether an earlier operation got it and only could not install it: nobody is asked twice for one certificate."""
    row, service = domain.certificate, operation.service
    waits = service is not None and str(Ref(TlsCertificate.kind, domain.name)) in service.unsynced
    if not waits or row is None or row.source != CertificateSource.ACME:
        return False
    return (f"*.{domain.name}" in row.names) == wildcard and timezone.now() < row.renew_from


def _revoke(operation: Operation) -> None:
    """Declare the certificate void, then let the facts be without it."""
    domain = _domain(operation)
    row = domain.certificate
    if row is None or row.source != CertificateSource.ACME:
        raise HostingError(
            N_("%(name)s has no automatic certificate.", name=domain.name),
            code="acme_none",
            hint=N_("Look at its page again."),
        )
    renew(operation, _LONGEST)
    open_session().revoke(row.chain_pem)
    _forget(operation, domain, row.fingerprint)


@retried
def _forget(operation: Operation, domain: Domain, fingerprint: str) -> None:
    row = _locked(operation)
    if row.certificate is not None and row.certificate.fingerprint == fingerprint:  # nobody gave it another meanwhile
        row.certificate, row.https_redirect, row.hsts = None, False, False
        row.save(update_fields=["certificate", "https_redirect", "hsts"])
        forget_unused(row.service)
    AutoCertificate.objects.filter(domain=domain).update(state=AutoCertificateState.OFF, next_at=None, error=None)
    guarded_update(operation, result={**operation.result, "revoked": fingerprint})


def _domain(operation: Operation) -> Domain:
    """The domain that an operation's certificate is for."""
    keys = [Ref(*text.split(":", 1)) for text in operation.refs or ()]
    name = next((ref.key for ref in keys if ref.kind == TlsCertificate.kind), "")
    rows = Domain.objects.select_related("certificate", "service__node", "service__plan")
    found = rows.filter(name_key=name, service=operation.service_id).first()
    if found is None:
        raise HostingError(
            N_("The domain %(name)s is not there any more.", name=name),
            code="not_found",
            hint=N_("Cancel the operation; nothing was changed."),
        )
    return found


def _owner(operation: Operation) -> str:
    return operation.service.username if operation.service is not None else ""


def refs_of_certificate(domain: Domain, wildcard: bool) -> list[Ref]:
    """What an operation that issues or revokes a domain's certificate is limited to."""
    proven_there = domain.has_zone and (wildcard or proves_mail(domain))
    zone = [Ref(DnsZone.kind, domain.name)] if proven_there else []
    own = [Ref(TlsCertificate.kind, domain.name), Ref(VirtualHost.kind, domain.name)]
    return [*own, *mail_certificate_refs(domain), *zone]
