"""Which names an authority is asked for, when the panel's resolver has no answer for one of them."""

from collections.abc import Iterator
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from django.utils import timezone

from hosting.models import Certificate, Domain
from hosting.operations import acme_preflight
from hosting.operations.acme_preflight import LookupFailed, names_to_ask_for
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
