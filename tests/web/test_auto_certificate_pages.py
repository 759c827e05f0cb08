"""The portal's page of a domain's automatic certificate: states in words, and buttons that do it."""

import re
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from django.utils.html import strip_tags

from accounts.choices import MemberAccess
from hosting.choices import CertificateSource
from hosting.errors import HostingError
from hosting.models import AutoCertificate, Certificate, Operation
from hosting.operations.journal import error_json
from hosting.texts import N_
from tests.web.portal import Account, account, signed_in

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("customer_interface")]


@pytest.fixture
def house() -> Account:
    return account()


@pytest.fixture(autouse=True)
def authority(settings: Any) -> None:
    """An authority is set up; nobody asks it here."""
    settings.NPANEL_ACME_DIRECTORY = "https://acme.example.test/dir"


def words(client: Client, url: str) -> str:
    answer = client.get(url)
    assert answer.status_code == 200
    return re.sub(r"\s+", " ", strip_tags(answer.content.decode()))


def url_of(house: Account) -> str:
    return reverse("portal:auto_certificate", args=(house.domain.pk,))


def with_certificate(house: Account) -> AutoCertificate:
    now = timezone.now()
    house.domain.certificate = Certificate.objects.create(
        service=house.service, name=house.domain.name, names=[house.domain.name], source=CertificateSource.ACME,
        chain_pem="x", private_key_sealed="x", key_type="EC P-256", issuer="Test authority", fingerprint="0a" * 32,
        not_before=now, not_after=now + timedelta(days=90),
    )  # fmt: skip
    house.domain.save()
    return AutoCertificate.objects.create(
        domain=house.domain, state="issued", next_at=now + timedelta(days=60)
    )  # fmt: skip


def test_the_owner_asks_for_one(house: Account) -> None:
    client = signed_in(house.person())
    assert "Get a certificate" in words(client, url_of(house))
    answer = client.post(url_of(house), {})
    operation = Operation.objects.get(kind="certificate_issue")
    assert answer.headers["Location"] == reverse("portal:operation", args=(operation.pk,))
    assert AutoCertificate.objects.get().state == "running"
    assert "waits or runs" in client.post(url_of(house), {}).content.decode()


def test_what_it_waits_for_is_said_and_what_to_do(house: Account) -> None:
    error = HostingError(N_("It points elsewhere."), code="acme_dns", hint=N_("Point it here."), permanent=False)
    AutoCertificate.objects.create(domain=house.domain, error=error_json(error), next_at=timezone.now())
    page = words(signed_in(house.person()), url_of(house))
    assert all(text in page for text in ("It points elsewhere.", "Point it here.", "Next try:", "Waits"))


def test_it_is_renewed_and_revoked_on_pages_of_their_own(house: Account) -> None:
    auto = with_certificate(house)
    client = signed_in(house.person())
    page = words(client, url_of(house))
    assert "Test authority" in page and "Renew now" in page and "Revoke" in page
    for act, kind in (("revoke", "certificate_revoke"), ("renew", "certificate_issue")):
        url = reverse(f"portal:auto_certificate_{act}", args=(auto.pk,))
        assert client.get(url).status_code == 200
        assert not Operation.objects.filter(kind=kind).exists()
        assert client.post(url, {"approval": "plan"}).status_code == 302
        Operation.objects.filter(kind=kind).update(state="succeeded")
        assert Operation.objects.filter(kind=kind).count() == 1


def test_a_viewer_sees_it_and_has_no_button(house: Account) -> None:
    with_certificate(house)
    client = signed_in(house.person(MemberAccess.VIEWER))
    page = words(client, url_of(house))
    assert "Test authority" in page and "Renew now" not in page and "Get another one" not in page
    assert client.post(url_of(house), {}).status_code == 403


def test_where_no_authority_is_set_up_the_page_says_so(house: Account, settings: Any) -> None:
    settings.NPANEL_ACME_DIRECTORY = ""
    page = words(signed_in(house.person()), url_of(house))
    assert "not set up here" in page and "Get a certificate" not in page
