"""Automatic certificates over the API: asked for by their owner, told how it goes, and a stranger's not there."""

from typing import Any

import pytest

from hosting.errors import HostingError
from hosting.models import AutoCertificate, Operation
from hosting.operations.journal import error_json
from hosting.texts import N_
from tests.unit.api.caller import code
from tests.unit.api.conftest import Tenant


@pytest.fixture(autouse=True)
def authority(settings: Any) -> None:
    """An authority is set up; nobody asks it here."""
    settings.NPANEL_ACME_DIRECTORY = "https://acme.example.test/dir"


def test_the_owner_asks_for_one_and_sees_how_it_goes(ours: Tenant) -> None:
    caller = ours.caller()
    answer = caller.post("auto-certificates", {"domain": ours.domain.pk, "wildcard": True})
    assert answer.status_code == 202
    operation = Operation.objects.get(pk=answer.json()["id"])
    assert operation.kind == "certificate_issue"
    assert set(operation.refs or ()) == {
        f"tls_certificate:{ours.domain.name}", f"virtual_host:{ours.domain.name}", f"dns_zone:{ours.domain.name}"
    }  # fmt: skip
    row = AutoCertificate.objects.get()
    shown = caller.get(f"auto-certificates/{row.pk}").json()
    assert (shown["state"], shown["wildcard"], shown["operation"]) == ("running", True, str(operation.pk))
    assert code(caller.post("auto-certificates", {"domain": ours.domain.pk})) == (409, "busy")
    assert code(caller.post(f"auto-certificates/{row.pk}/renew", {})) == (409, "busy")


def test_what_it_waits_for_is_said(ours: Tenant) -> None:
    error = HostingError(N_("It points elsewhere."), code="acme_dns", hint=N_("Point it here."), permanent=False)
    row = AutoCertificate.objects.create(domain=ours.domain, state="waiting", error=error_json(error), failures=2)
    shown = ours.caller().get(f"auto-certificates/{row.pk}").json()
    assert shown["error"] == {
        "code": "acme_dns", "detail": "It points elsewhere.", "hint": "Point it here.", "permanent": False
    }  # fmt: skip
    assert code(ours.caller().post(f"auto-certificates/{row.pk}/revoke", {})) == (409, "acme_none")


def test_a_strangers_is_not_there(ours: Tenant, theirs: Tenant) -> None:
    row = AutoCertificate.objects.create(domain=theirs.domain)
    caller = ours.caller()
    assert caller.ids("auto-certificates") == []
    for act in ("renew", "revoke"):
        assert code(caller.post(f"auto-certificates/{row.pk}/{act}", {})) == (404, "not_found")
    assert code(caller.post("auto-certificates", {"domain": theirs.domain.pk})) == (422, "invalid")
    assert not Operation.objects.filter(kind="certificate_issue").exists()


def test_without_an_authority_it_is_refused(ours: Tenant, settings: Any) -> None:
    settings.NPANEL_ACME_DIRECTORY = ""
    assert code(ours.caller().post("auto-certificates", {"domain": ours.domain.pk})) == (409, "acme_off")
    assert not AutoCertificate.objects.exists()
