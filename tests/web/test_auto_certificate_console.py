"""Automatic certificates on a domain's page of the console."""

from typing import Any

import pytest
from django.test import Client

from hosting.models import AutoCertificate, Operation
from tests.web.portal import account
from tests.web.test_auto_certificate_pages import with_certificate

pytestmark = pytest.mark.django_db


def test_the_console_has_it_on_the_domains_page(admin_client: Client, settings: Any) -> None:
    settings.NPANEL_ACME_DIRECTORY = "https://acme.example.test/dir"
    house = account()
    with_certificate(house)
    page = f"/admin/hosting/domain/{house.domain.pk}/"
    AutoCertificate.objects.update(error={"code": "acme_dns", "detail": "It points elsewhere.", "hint": ""})
    shown = admin_client.get(f"{page}change/").content.decode()
    for act in ("issue-certificate", "renew-certificate", "revoke-certificate"):
        assert f"{page}{act}/" in shown and admin_client.get(f"{page}{act}/").status_code == 200
    assert "It points elsewhere." in shown
    answer = admin_client.post(f"{page}renew-certificate/", {"reason": "key moved"})
    assert answer.status_code == 302 and Operation.objects.get(kind="certificate_issue").reason == "key moved"
    settings.NPANEL_ACME_DIRECTORY = ""
    assert "issue-certificate" not in admin_client.get(f"{page}change/").content.decode()
