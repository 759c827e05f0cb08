"""A domain's certificate and its mail: shown to mail programs while both are there, along the whole road."""

import pytest

from hosting.choices import OperationState
from hosting.models import Certificate, Domain, HostingService, MailDomain, Operation
from hosting.services.certificates import remove_certificate
from hosting.services.lifecycle import restore_service
from hosting.services.mail import disable_mail, enable_mail
from hosting.services.sites import apply_service
from tests.certificates import Authority
from tests.unit.certificates.making import pair
from tests.unit.certificates.test_road import resources, upload
from tests.unit.services.world import World

pytestmark = pytest.mark.django_db
NAMES = ("example.com", "www.example.com", "mail.example.com", "ftp.example.com")
PLACE = "/etc/npanel/tls"


def names_on(world: World) -> list[str]:
    """The names that the mail servers have a certificate for."""
    entries = world.server.tree.at(PLACE).children if world.server.exists(PLACE) else {}
    return sorted(name.removesuffix(".pem") for name, entry in entries.items() if entry.type == "link")


def turn_on(world: World, domain: Domain) -> Operation:
    operation = world.run(enable_mail(actor=world.actor, domain=domain))
    assert operation.state == OperationState.SUCCEEDED, operation.error
    return operation


def kinds(operation: Operation) -> set[str]:
    return {change["kind"] for change in (operation.plan or {})["changes"]}


@pytest.mark.parametrize("mail_first", [True, False])
def test_whichever_comes_first_mail_shows_it(
    world: World, domain: Domain, authority: Authority, mail_first: bool
) -> None:
    before = resources(domain.service)
    if mail_first:
        turn_on(world, domain)
    operation = upload(world, domain, *pair(authority, *NAMES))
    if not mail_first:
        assert names_on(world) == []
        operation = turn_on(world, domain)
    assert "mail_certificate" in kinds(operation)
    assert names_on(world) == ["example.com", "mail.example.com"]
    again = world.run(apply_service(actor=world.actor, service=domain.service))
    assert (again.plan or {})["changes"] == [], "a second plan is empty"
    world.run(disable_mail(actor=world.actor, mail=MailDomain.objects.get()))
    assert names_on(world) == []
    world.run(remove_certificate(actor=world.actor, certificate=Certificate.objects.get()))
    assert resources(domain.service) == before


def test_a_new_certificate_is_the_new_one_for_mail_too(world: World, domain: Domain, authority: Authority) -> None:
    turn_on(world, domain)
    upload(world, domain, *pair(authority, *NAMES))
    operation = upload(world, domain, *pair(authority, "example.com", "mx.example.com", "www.example.com"))
    assert kinds(operation) == {"tls_certificate", "mail_certificate"}
    assert names_on(world) == ["example.com", "mx.example.com"]
    world.run(remove_certificate(actor=world.actor, certificate=Certificate.objects.get()))
    assert names_on(world) == []
    assert MailDomain.objects.exists()


def test_it_goes_and_comes_back_with_the_service(world: World, domain: Domain, authority: Authority) -> None:
    turn_on(world, domain)
    upload(world, domain, *pair(authority, *NAMES))
    world.delete(HostingService.objects.get())
    assert names_on(world) == []
    restored = world.run(restore_service(actor=world.actor, service=HostingService.objects.get()))
    assert restored.state == OperationState.SUCCEEDED, restored.error
    assert names_on(world) == ["example.com", "mail.example.com"]
