"""Which automatic certificates the worker asks for by itself."""

from typing import Any

import pytest
from django.utils import timezone

from audit.actor import Actor
from hosting.acme import ChallengeKind
from hosting.choices import AutoCertificateState, CertificateSource, NodeState, OperationState
from hosting.models import AutoCertificate, Domain
from hosting.operations import issuing
from hosting.services import auto_certificates
from hosting.services.auto_certificates import issue_due
from tests.web import rows

pytestmark = pytest.mark.django_db


def asked(domain: Domain, _wildcard: bool) -> dict[str, ChallengeKind]:
    return {domain.name: ChallengeKind.HTTP}


def test_a_paused_node_keeps_nobody_else_waiting(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.NPANEL_ACME_DIRECTORY = "https://acme.test/directory"
    monkeypatch.setattr(auto_certificates, "names_to_ask_for", asked)
    node = rows.node("web-1")
    for number in range(auto_certificates._RUNNING):
        waiting = rows.service(f"anna{number}", f"anna{number}.test", node=node)
        operation = rows.operation(waiting, state=OperationState.PENDING)
        AutoCertificate.objects.create(
            domain=waiting.domains.get(), state=AutoCertificateState.RUNNING, operation=operation.pk
        )
    other = rows.service("bert", "bert.test", node=rows.node("web-2")).domains.get()
    AutoCertificate.objects.create(domain=other, next_at=timezone.now())
    assert issue_due(actor=Actor.system("worker")) == 0, "they take a worker's time"
    node.state = NodeState.PAUSED
    node.save()
    assert issue_due(actor=Actor.system("worker")) == 1


@pytest.mark.parametrize("wildcard", [False, True])
def test_one_that_waits_to_be_installed_is_used_for_the_names_that_were_asked_for(wildcard: bool) -> None:
    service = rows.service("anna", "anna.test")
    domain = service.domains.get()
    row = rows.certificate(domain)
    row.source, row.names = CertificateSource.ACME, ["anna.test", "*.anna.test"] if wildcard else ["anna.test"]
    row.save()
    service.mark_unsynced({"tls_certificate:anna.test"})
    service.save()
    operation = rows.operation(service, state=OperationState.RUNNING)
    assert issuing._has_it_already(operation, domain, wildcard=wildcard)
    assert not issuing._has_it_already(operation, domain, wildcard=not wildcard)
