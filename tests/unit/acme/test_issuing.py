"""Certificates from a real authority (Pebble, which refuses every fifth nonce) for sites of the node in memory."""

import json
from datetime import timedelta

import pytest
from cryptography import x509
from django.utils import timezone

from hosting.choices import AutoCertificateState, CertificateSource, OperationKind
from hosting.connections.base import Reply
from hosting.desired import service_resources
from hosting.errors import HostingError
from hosting.models import AcmeAccount, AcmeRequest, AutoCertificate, Certificate, Domain, JournalEntry, Operation
from hosting.operations import acme_preflight, issuing, runner
from hosting.operations.locks import release_orphan
from hosting.services.auto_certificates import issue_certificate, issue_due, renew_certificate, revoke_certificate
from hosting.services.drift import scan_node
from hosting.services.mail import enable_mail
from hosting.services.operations import retry_operation
from hosting.services.sites import apply_service, suspend_service
from hosting.state import DnsZone, Ref
from tests.unit.acme.conftest import NAME, Internet, auto_of
from tests.unit.services.world import ADDRESS, World
from tests.web.rows import certificate

pytestmark = pytest.mark.django_db
CHALLENGES = "/etc/nginx/npanel/challenges"


def issue(world: World, domain: Domain, **options: bool) -> Operation:
    return world.run(issue_certificate(actor=world.actor, domain=domain, **options))


def shown(world: World, name: str = NAME) -> str:
    """SHA-256 of what visitors are shown."""
    return world.server.sites.certificate_of(name)


def proofs(world: World) -> list[str]:
    """Files and records that prove names, as the node has them now."""
    files = list(world.server.tree.at(CHALLENGES).children) if world.server.exists(CHALLENGES) else []
    return [*files, *world.server.resolve(f"_acme-challenge.{NAME}", "TXT")]


def test_a_site_gets_its_certificate_and_is_served_with_it(world: World, domain: Domain, internet: Internet) -> None:
    operation = issue(world, domain)
    assert operation.state == "succeeded", operation.error
    row = Certificate.objects.get()
    assert (row.source, set(row.names)) == (CertificateSource.ACME, {NAME, f"www.{NAME}"})
    assert shown(world) == row.fingerprint
    assert {host for host, _path in internet.visits} == {NAME, f"www.{NAME}"}
    assert proofs(world) == []
    auto = auto_of(domain)
    assert (auto.state, auto.failures, auto.error) == (AutoCertificateState.ISSUED, 0, None)
    assert auto.next_at is not None
    left = (row.not_after - auto.next_at) / (row.not_after - row.not_before)
    assert 0.27 < left < 0.39


def test_a_wildcard_is_proven_in_the_zone(world: World, domain: Domain, internet: Internet) -> None:
    zone = Ref(DnsZone.kind, NAME)
    before = service_resources(domain.service)[zone]
    operation = issue(world, domain, wildcard=True)
    assert operation.state == "succeeded", operation.error
    assert set(Certificate.objects.get().names) == {NAME, f"*.{NAME}"}
    assert internet.visits == [] and proofs(world) == []
    assert service_resources(domain.service)[zone] == before
    texts = [entry.change for entry in operation.journal.filter(kind=DnsZone.kind)]
    assert len(texts) == 2 and "_acme-challenge" in json.dumps(texts)


def test_the_same_certificate_is_for_mail(world: World, domain: Domain, internet: Internet) -> None:
    world.run(enable_mail(actor=world.actor, domain=domain))
    internet.records[(f"mail.{NAME}", "A")] = [ADDRESS]
    operation = issue(world, Domain.objects.get(pk=domain.pk))
    assert operation.state == "succeeded", operation.error
    assert set(Certificate.objects.get().names) == {NAME, f"www.{NAME}", f"mail.{NAME}"}
    kinds = {str(ref) for ref in service_resources(domain.service) if ref.kind == "mail_certificate"}
    assert kinds == {f"mail_certificate:{NAME}", f"mail_certificate:mail.{NAME}"}
    assert {host for host, _path in internet.visits} == {NAME, f"www.{NAME}"} and proofs(world) == []
    assert world.server.resolve(f"_acme-challenge.mail.{NAME}", "TXT") == set()
    again = world.run(apply_service(actor=world.actor, service=domain.service))
    assert (again.state, (again.plan or {}).get("changes")) == ("succeeded", [])


def test_a_second_plan_is_empty_and_nothing_drifts(world: World, domain: Domain) -> None:
    issue(world, domain)
    operation = world.run(apply_service(actor=world.actor, service=domain.service))
    assert (operation.state, (operation.plan or {}).get("changes")) == ("succeeded", [])
    assert list(scan_node(actor=world.actor, node=world.node)) == []


def test_a_suspended_site_gets_one_too(world: World, domain: Domain) -> None:
    world.run(suspend_service(actor=world.actor, service=domain.service))
    operation = issue(world, domain)
    assert operation.state == "succeeded", operation.error
    assert shown(world) == Certificate.objects.get().fingerprint


def test_a_renewal_takes_the_old_one_s_place(world: World, domain: Domain) -> None:
    issue(world, domain)
    first = Certificate.objects.get()
    operation = world.run(renew_certificate(actor=world.actor, auto=auto_of(domain)))
    assert operation.state == "succeeded", operation.error
    second = Certificate.objects.get()
    assert second.fingerprint != first.fingerprint and shown(world) == second.fingerprint
    assert AcmeAccount.objects.count() == 1


def test_a_failed_renewal_leaves_the_valid_one(world: World, domain: Domain, internet: Internet) -> None:
    issue(world, domain)
    kept = Certificate.objects.get().fingerprint
    internet.lead_elsewhere()
    operation = world.run(renew_certificate(actor=world.actor, auto=auto_of(domain)))
    internet.serve(world)
    assert operation.state == "rolled_back"
    assert operation.error is not None and operation.error["code"] == "acme_validation_failed"
    assert Certificate.objects.get().fingerprint == kept == shown(world)
    assert proofs(world) == [] and not Domain.objects.get(pk=domain.pk).service.out_of_sync
    assert AcmeRequest.objects.filter(issued=False).count() == 1
    issue_due(actor=world.actor)
    auto = auto_of(domain)
    assert auto.state == AutoCertificateState.FAILED and auto.failures == 1
    assert auto.next_at is not None and auto.next_at > timezone.now()
    assert auto.error is not None and NAME in auto.error["detail"]


def test_nobody_is_asked_before_the_name_points_here(world: World, domain: Domain, internet: Internet) -> None:
    internet.records[(NAME, "A")] = ["203.0.113.9"]
    operation = issue(world, domain)
    assert operation.state == "failed"
    assert operation.error is not None and operation.error["code"] == "acme_dns"
    assert "203.0.113.9" in operation.error["detail"] and ADDRESS in operation.error["hint"]
    assert not AcmeAccount.objects.exists() and internet.visits == []
    issue_due(actor=world.actor)
    assert auto_of(domain).state == AutoCertificateState.WAITING


def test_a_name_that_does_not_point_here_is_left_out(world: World, domain: Domain, internet: Internet) -> None:
    del internet.records[(f"www.{NAME}", "A")]
    assert issue(world, domain).state == "succeeded"
    assert Certificate.objects.get().names == [NAME]


def test_a_wildcard_waits_for_the_delegation(world: World, domain: Domain, internet: Internet) -> None:
    internet.records[(NAME, "NS")] = ["ns.elsewhere.test."]
    operation = issue(world, domain, wildcard=True)
    assert operation.error is not None and operation.error["code"] == "acme_delegation"


def test_new_domains_get_one_by_themselves_once_they_point_here(
    world: World, domain: Domain, internet: Internet
) -> None:
    internet.records.clear()
    assert issue_due(actor=world.actor) == 0
    auto = auto_of(domain)
    assert (auto.state, auto.failures) == (AutoCertificateState.WAITING, 1)
    internet.records[(NAME, "A")] = [ADDRESS]
    assert issue_due(actor=world.actor) == 0  # not before its next try
    AutoCertificate.objects.update(next_at=timezone.now())
    assert issue_due(actor=world.actor) == 1
    world.work()
    assert shown(world) == Certificate.objects.get().fingerprint
    assert issue_due(actor=world.actor) == 0


def test_what_is_due_is_renewed(world: World, domain: Domain) -> None:
    issue(world, domain)
    first = Certificate.objects.get().fingerprint
    AutoCertificate.objects.update(next_at=timezone.now() - timedelta(minutes=1))
    assert issue_due(actor=world.actor) == 1
    assert issue_due(actor=world.actor) == 0
    world.work()
    assert Certificate.objects.get().fingerprint != first
    assert Operation.objects.filter(kind=OperationKind.ISSUE_CERTIFICATE).count() == 2


def test_what_somebody_uploaded_is_not_replaced(world: World, domain: Domain, internet: Internet) -> None:
    internet.records.clear()
    issue_due(actor=world.actor)
    assert auto_of(domain).state == AutoCertificateState.WAITING
    kept = certificate(domain).fingerprint
    internet.records[(NAME, "A")] = [ADDRESS]
    AutoCertificate.objects.update(next_at=timezone.now())
    assert issue_due(actor=world.actor) == 0
    assert auto_of(domain).state == AutoCertificateState.OFF
    assert Certificate.objects.get().fingerprint == kept


def test_few_are_asked_for_at_a_time(world: World, internet: Internet) -> None:
    names = [f"site{number}.test" for number in range(4)]
    for number, name in enumerate(names):
        internet.records[(name, "A")] = [ADDRESS]
        world.host(name, username=f"user{number}")
    assert issue_due(actor=world.actor) == 2
    assert issue_due(actor=world.actor) == 0
    world.work()
    assert issue_due(actor=world.actor) == 2


def test_nothing_happens_where_no_authority_is_set_up(world: World, domain: Domain, settings: object) -> None:
    settings.NPANEL_ACME_DIRECTORY = ""  # type: ignore[attr-defined]
    assert issue_due(actor=world.actor) == 0 and not AutoCertificate.objects.exists()
    with pytest.raises(HostingError) as refusal:
        issue_certificate(actor=world.actor, domain=domain)
    assert refusal.value.code == "acme_off"


def test_two_wishes_at_once_are_one(world: World, domain: Domain) -> None:
    issue_certificate(actor=world.actor, domain=domain)
    with pytest.raises(HostingError) as refusal:
        issue_certificate(actor=world.actor, domain=domain)
    assert refusal.value.code == "busy"


def test_a_revoked_certificate_is_void_and_gone(world: World, domain: Domain, internet: Internet) -> None:
    issue(world, domain)
    row = Certificate.objects.get()
    serial = x509.load_pem_x509_certificate(row.chain_pem.encode()).serial_number
    assert not internet.authority.is_revoked(serial)
    operation = world.run(revoke_certificate(actor=world.actor, auto=auto_of(domain)))
    assert operation.state == "succeeded", operation.error
    assert internet.authority.is_revoked(serial)
    assert not Certificate.objects.exists() and shown(world) == ""
    assert auto_of(domain).state == AutoCertificateState.OFF
    assert issue_due(actor=world.actor) == 0


@pytest.mark.parametrize("what", ["issue", "revoke"])
def test_what_is_uploaded_while_an_authority_is_asked_stays(
    world: World, domain: Domain, internet: Internet, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    """Its key would be forgotten, and nobody could bring it back."""
    if what == "revoke":
        issue(world, domain)
        operation = revoke_certificate(actor=world.actor, auto=auto_of(domain))
        asked, where = issuing._forget, "_forget"
    else:
        operation = issue_certificate(actor=world.actor, domain=domain)
        asked, where = issuing._keep, "_keep"
    given: list[Certificate] = []

    def uploads_first(*arguments: object) -> None:
        given.append(certificate(Domain.objects.get(pk=domain.pk)))
        asked(*arguments)  # type: ignore[operator]

    monkeypatch.setattr(issuing, where, uploads_first)
    world.run(operation)
    assert Domain.objects.get(pk=domain.pk).certificate == given[0]
    assert proofs(world) == []
    issue_due(actor=world.actor)
    AutoCertificate.objects.exclude(next_at=None).update(next_at=timezone.now())
    assert issue_due(actor=world.actor) == 0 and auto_of(domain).state == AutoCertificateState.OFF


def test_what_was_uploaded_while_it_waited_stays(world: World, domain: Domain) -> None:
    operation = issue_certificate(actor=world.actor, domain=domain)
    given = certificate(domain)
    world.run(operation)
    assert Domain.objects.get(pk=domain.pk).certificate == given


def test_a_budget_is_kept(world: World, domain: Domain, internet: Internet) -> None:
    for _ in range(acme_preflight.SAME_WEEKLY):
        acme_preflight.note_request([f"www.{NAME}", NAME], issued=True)
    operation = issue(world, domain)
    assert operation.state == "failed"
    assert operation.error is not None and operation.error["code"] == "acme_budget"
    assert internet.visits == []


def test_a_certificate_that_could_not_be_installed_is_not_asked_for_twice(
    world: World, domain: Domain, internet: Internet
) -> None:
    reload = world.server.programs["nginx"]
    world.server.programs["nginx"] = lambda words, run: Reply(exit_status=1, stderr=b"nginx: [emerg] no memory\n")
    operation = issue(world, domain)
    assert operation.state in ("rolled_back", "rollback_failed")
    asked, row = len(internet.visits), Certificate.objects.get()
    world.server.programs["nginx"] = reload
    again = world.run(retry_operation(actor=world.actor, operation=operation))
    assert again.state == "succeeded", again.error
    assert len(internet.visits) == asked and shown(world) == row.fingerprint


class _PowerCut(BaseException):
    """What no handler expects."""


@pytest.mark.parametrize("moment", ["_finished", "_without_proofs"])
@pytest.mark.parametrize("wildcard", [False, True])
def test_a_worker_that_dies_meanwhile_leaves_nothing_behind(
    world: World, domain: Domain, monkeypatch: pytest.MonkeyPatch, moment: str, wildcard: bool
) -> None:
    def dies(*_given: object) -> None:
        raise _PowerCut

    operation = issue_certificate(actor=world.actor, domain=domain, wildcard=wildcard)
    with monkeypatch.context() as broken, pytest.raises(_PowerCut):
        broken.setattr(issuing, moment, dies)
        runner.run(operation.pk)
    assert proofs(world)
    kept = Certificate.objects.first()
    operation.refresh_from_db()
    assert operation.state == "running" and release_orphan(operation)
    again = world.run(operation)
    assert again.state == "succeeded", again.error
    row = Certificate.objects.get()
    assert shown(world) == row.fingerprint and kept in (None, row)
    assert proofs(world) == []


def test_no_key_is_kept_readable(world: World, domain: Domain) -> None:
    issue(world, domain)
    kept = json.dumps(
        [*Operation.objects.values(), *JournalEntry.objects.values(), *AcmeAccount.objects.values()], default=str
    )
    assert "PRIVATE KEY" not in kept and "PRIVATE KEY" not in str(Certificate.objects.values())
