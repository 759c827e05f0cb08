"""Certificates on pages, in the portal and in the console: upload, facts, switches, removal; no key on any page."""

from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse

from accounts.choices import MemberAccess
from hosting.certificate_reader import MAX_TEXT
from hosting.choices import OperationState
from hosting.models import Certificate, Domain
from tests import factories, people
from tests.certificates import DAY, Authority
from tests.unit.certificates.conftest import authority, domain, known
from tests.unit.certificates.making import pair
from tests.unit.services.world import World
from tests.unit.zones.test_doors import newest
from tests.web.pages import words
from tests.web.portal import signed_in

__all__ = ["authority", "domain", "known"]

pytestmark = pytest.mark.django_db
SITE = ("example.com", "www.example.com")


@pytest.fixture
def person(customer_interface: None, domain: Domain) -> Client:
    return signed_in(people.member(domain.service.customer))


def files(chain: str, key: str) -> dict[str, Any]:
    return {
        "file": SimpleUploadedFile("fullchain.pem", chain.encode()),
        "key_file": SimpleUploadedFile("privkey.pem", key.encode()),
        "approval": "at_once",
    }


def url(name: str, domain: Domain) -> str:
    return reverse(f"portal:{name}", args=(domain.pk,))


def test_the_portal_uploads_shows_switches_and_removes(
    world: World, domain: Domain, person: Client, known: Authority
) -> None:
    assert "no certificate yet" in words(person.get(url("domain_certificate", domain)))
    answer = person.post(url("certificate_upload", domain), files(*pair(known, *SITE)), follow=True)
    assert "Install a certificate for example.com" in words(answer)
    world.work()
    assert newest().state == OperationState.SUCCEEDED
    page = person.get(url("domain_certificate", domain))
    said = words(page)
    assert "Valid" in said and "example.com, www.example.com" in said and "EC P-256" in said
    assert "Browsers warn" not in said and "89" in said
    assert "https://example.com/" in person.get(url("domain", domain)).content.decode()
    person.post(url("domain_https", domain), {"redirect": "on", "hsts": "on", "approval": "at_once"})
    world.work()
    domain.refresh_from_db()
    assert (domain.https_redirect, domain.hsts) == (True, True)
    assert "Even if browsers insist" in words(person.get(url("certificate_remove", domain)))
    refused = person.post(url("certificate_remove", domain), {"approval": "plan"})
    assert "Browsers were told to insist on HTTPS for example.com." in words(refused)
    person.post(url("certificate_remove", domain), {"although_hsts": "on", "approval": "plan"})
    assert newest().needs_approval and not Certificate.objects.exists()


def test_what_browsers_say_is_said_before(world: World, domain: Domain, person: Client, authority: Authority) -> None:
    person.post(url("certificate_upload", domain), files(*pair(authority, "example.com", ends=10 * DAY)))
    world.work()
    said = words(person.get(url("domain_certificate", domain)))
    assert "Browsers warn about this certificate" in said and "answers for www.example.com too" in said
    assert "Ends soon" in said and "Ends soon" in words(person.get(reverse("portal:certificates")))
    for data, told in (
        ({"redirect": "on"}, "the certificate is not for it"),
        ({"hsts": "on"}, "HSTS needs the redirect"),
    ):
        assert told in words(person.post(url("domain_https", domain), {**data, "approval": "at_once"}))


def test_what_is_wrong_is_said_at_its_field_and_the_key_is_not_shown(
    domain: Domain, person: Client, authority: Authority
) -> None:
    chain, key = pair(authority, "other.test")
    address = url("certificate_upload", domain)
    for data, field in (
        ({"chain": chain, "private_key": key}, "chain"),
        ({"chain": "x", "private_key": key}, "chain"),
        ({"chain": chain, "private_key": "x"}, "private_key"),
        ({"chain": "", "private_key": key}, "file"),
        ({"chain": chain + "x" * MAX_TEXT, "private_key": key}, "chain"),
        ({"file": SimpleUploadedFile("c.pem", b"x" * (MAX_TEXT + 1)), "private_key": key}, "file"),
        ({"chain": chain, "key_file": SimpleUploadedFile("k.pem", b"\xff\xfe")}, "private_key"),
    ):
        page = person.post(address, {**data, "approval": "plan"})
        assert field in page.context["form"].errors, (field, page.context["form"].errors)
        assert key.splitlines()[1] not in page.content.decode()
        assert page["Cache-Control"] == "no-store"
    assert not Certificate.objects.exists()


def test_strangers_and_viewers(world: World, domain: Domain, person: Client, authority: Authority) -> None:
    person.post(url("certificate_upload", domain), files(*pair(authority, *SITE)))
    world.work()
    stranger = signed_in(people.member(factories.make_customer(name="Else")))
    viewer = signed_in(people.member(domain.service.customer, MemberAccess.VIEWER))
    for name in ("domain_certificate", "certificate_upload", "certificate_remove", "domain_https"):
        assert stranger.get(url(name, domain)).status_code == stranger.post(url(name, domain)).status_code == 404
        assert viewer.get(url(name, domain)).status_code == (200 if name == "domain_certificate" else 403)
    assert "Replace" not in words(viewer.get(url("domain_certificate", domain)))
    assert Certificate.objects.count() == 1


def console(domain: Domain, name: str) -> str:
    return reverse(f"admin:hosting_domain_{name}", args=(domain.pk,))


def test_the_console_uploads_lists_switches_and_removes(world: World, domain: Domain, known: Authority) -> None:
    client = signed_in(people.admin())
    chain, key = pair(known, *SITE, ends=20 * DAY)
    page = client.post(console(domain, "upload-certificate"), {"chain": chain, "private_key": "x", "approval": "plan"})
    assert "private_key" in page.context["form"].errors
    client.post(console(domain, "upload-certificate"), {**files(chain, key), "reason": "sent by letter"})
    world.work()
    assert (newest().state, newest().reason) == (OperationState.SUCCEEDED, "sent by letter")
    listed = client.get(reverse("admin:hosting_certificate_changelist"))
    assert "example.com +1" in words(listed) and "19" in words(listed) and "Valid" in words(listed)
    for ends, shown in (("7", False), ("30", True), ("ended", False)):
        page = client.get(reverse("admin:hosting_certificate_changelist"), {"ends": ends})
        assert ("example.com +1" in words(page)) == shown
    row = Certificate.objects.get()
    page = client.get(reverse("admin:hosting_certificate_change", args=(row.pk,)))
    assert row.fingerprint in words(page) and "Not trusted" not in words(page)
    for shown in (page, client.get(console(domain, "change"))):
        assert "PRIVATE KEY" not in shown.content.decode() and row.private_key_sealed not in shown.content.decode()
    client.post(console(domain, "https"), {"redirect": "on", "approval": "at_once"})
    world.work()
    assert client.get(console(domain, "https")).context["form"]["redirect"].value() is True
    client.post(reverse("admin:hosting_certificate_remove", args=(row.pk,)), {"approval": "at_once"})
    world.work()
    domain.refresh_from_db()
    assert (domain.certificate, domain.https_redirect) == (None, False)
    support = signed_in(people.support())
    assert support.get(reverse("admin:hosting_certificate_changelist")).status_code == 200
    assert support.get(console(domain, "upload-certificate")).status_code == 403
