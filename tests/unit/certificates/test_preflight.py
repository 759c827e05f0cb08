"""Which names an authority is asked for, when the panel's resolver has no answer for one of them."""

from collections.abc import Iterator
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from django.utils import timezone

from hosting.choices import CertificateSource
from hosting.errors import HostingError
from hosting.models import Certificate, Domain
from hosting.operations import acme_preflight
from hosting.operations.acme_preflight import (
    SAME_WEEKLY,
    WEEKLY,
    LookupFailed,
    check_budget,
    names_to_ask_for,
    note_request,
)
from tests.unit.services.world import ADDRESS
from tests.web.rows import certificate

pytestmark = pytest.mark.django_db
WWW = "www.example.com"


@pytest.fixture
def no_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    """The resolver answers for the domain, and not for its www name."""

    def ask(name: str, kind: str) -> Iterator[Any]:
        if name == WWW:
            raise LookupFailed("no answer")
        if kind == "A":
            yield SimpleNamespace(address=ADDRESS)

    monkeypatch.setattr(acme_preflight, "_ask", ask)


def test_a_name_that_visitors_use_is_not_left_out_for_one_look_up(domain: Domain, no_answer: None) -> None:
    certificate(domain)
    with pytest.raises(LookupFailed) as refusal:
        names_to_ask_for(domain, wildcard=False)
    assert refusal.value.code == "acme_dns" and not refusal.value.permanent


def test_without_a_certificate_for_it_the_others_go_ahead(domain: Domain, no_answer: None) -> None:
    assert list(names_to_ask_for(domain, wildcard=False)) == ["example.com"]


def test_near_its_end_the_others_go_ahead(domain: Domain, no_answer: None) -> None:
    certificate(domain)
    Certificate.objects.update(not_after=timezone.now() + timedelta(days=7))
    held = Domain.objects.get(pk=domain.pk)
    assert list(names_to_ask_for(held, wildcard=False)) == ["example.com"]


def test_a_renewal_does_not_wait_for_others_of_its_registered_domain(domain: Domain) -> None:
    for number in range(WEEKLY):
        note_request([f"site{number}.example.com"], issued=True)
    with pytest.raises(HostingError) as refusal:
        check_budget(domain, ["example.com"])
    assert refusal.value.code == "acme_budget"
    certificate(domain)
    with pytest.raises(HostingError):
        check_budget(domain, ["example.com"])
    Certificate.objects.update(source=CertificateSource.ACME)
    held = Domain.objects.get(pk=domain.pk)
    check_budget(held, ["example.com"])
    for _ in range(SAME_WEEKLY):
        note_request(["example.com"], issued=True)
    with pytest.raises(HostingError):
        check_budget(held, ["example.com"])
