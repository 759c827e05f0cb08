"""The certificate of a domain is shown to its people's mail programs too, wherever it is for that name."""

import pytest

from hosting.choices import OperationState
from hosting.desired import service_resources
from hosting.models import Certificate, Domain, DriftItem, HostingService, MailDomain
from hosting.services.certificates import remove_certificate
from hosting.services.drift import scan_node
from hosting.services.mail import disable_mail, enable_mail
from hosting.services.operations import rollback_operation
from hosting.services.sites import add_domain, apply_service, remove_domain
from tests.certificates import Authority
from tests.unit.certificates.making import pair
from tests.unit.certificates.test_road import digest, upload
from tests.unit.services.world import World, domain_of

pytestmark = pytest.mark.django_db
NAMES = ("example.com", "www.example.com", "mail.example.com")


@pytest.fixture
def mail(world: World, domain: Domain) -> Domain:
    """A domain with mail."""
    assert world.run(enable_mail(actor=world.actor, domain=domain)).state == OperationState.SUCCEEDED
    return Domain.objects.get(pk=domain.pk)


def shown(world: World) -> dict[str, str]:
    """What mail programs see for the names that they may ask for."""
    hosts = ("example.com", "www.example.com", "mail.example.com")
    return {host: found for host in hosts if (found := world.server.mail.certificate_of(host))}


def resources(domain: Domain) -> object:
    return service_resources(HostingService.objects.get(pk=domain.service_id))


def test_mail_programs_are_shown_it_by_name(world: World, mail: Domain, authority: Authority) -> None:
    chain, key = pair(authority, *NAMES)
    operation = upload(world, mail, chain, key)
    assert shown(world) == {"example.com": digest(chain), "mail.example.com": digest(chain)}
    assert world.server.mail.reloads == 1
    probed = [probe["answer"] for probe in operation.result["probes"] if "mail_certificate" in probe["ref"]]
    assert len(probed) == 2 and all(answer.startswith("shown by name") for answer in probed)
    again = world.run(apply_service(actor=world.actor, service=mail.service))
    assert (again.plan or {})["changes"] == []
    renewed, key = pair(authority, "example.com", "www.example.com")
    upload(world, mail, renewed, key)
    assert shown(world) == {"example.com": digest(renewed)}, "the new one is not for the other name"


def test_it_comes_and_goes_with_mail_and_with_the_certificate(world: World, mail: Domain, authority: Authority) -> None:
    upload(world, mail, *pair(authority, *NAMES))
    off = world.run(disable_mail(actor=world.actor, mail=MailDomain.objects.get()))
    assert off.state == OperationState.SUCCEEDED and shown(world) == {}
    back = world.run(rollback_operation(actor=world.actor, operation=off))
    assert back.state == OperationState.SUCCEEDED, back.error
    assert len(shown(world)) == 2 and not HostingService.objects.get().out_of_sync
    before = resources(mail)
    gone = world.run(remove_certificate(actor=world.actor, certificate=Certificate.objects.get()))
    assert gone.state == OperationState.SUCCEEDED and shown(world) == {}
    assert not any(world.server.exists(f"/etc/npanel/tls/{name}") for name in ("dovecot", "example.com.pem"))
    back = world.run(rollback_operation(actor=world.actor, operation=gone))
    assert back.state == OperationState.SUCCEEDED, back.error
    assert len(shown(world)) == 2 and resources(mail) == before
    assert not HostingService.objects.get().out_of_sync


def test_turning_mail_on_for_a_domain_with_a_certificate(world: World, domain: Domain, authority: Authority) -> None:
    upload(world, domain, *pair(authority, *NAMES))
    assert shown(world) == {}
    world.run(enable_mail(actor=world.actor, domain=domain))
    assert len(shown(world)) == 2


def test_a_removed_domain_takes_it_along_and_brings_it_back(world: World, domain: Domain, authority: Authority) -> None:
    world.run(add_domain(actor=world.actor, service=domain.service, name="second.test"))
    second = domain_of("second.test")
    world.run(enable_mail(actor=world.actor, domain=second))
    second = domain_of("second.test")
    upload(world, second, *pair(authority, "second.test"))
    before = resources(second)
    removal = world.run(remove_domain(actor=world.actor, domain=domain_of("second.test")))
    assert removal.state == OperationState.SUCCEEDED and not world.server.mail.certificate_of("second.test")
    back = world.run(rollback_operation(actor=world.actor, operation=removal))
    assert back.state == OperationState.SUCCEEDED, back.error
    assert world.server.mail.certificate_of("second.test") and resources(second) == before


def test_a_mail_host_that_is_a_domain_has_its_own(world: World, mail: Domain, authority: Authority) -> None:
    world.run(add_domain(actor=world.actor, service=mail.service, name="mail.example.com", www=False))
    chain, key = pair(authority, "example.com", "*.example.com")
    upload(world, mail, chain, key, all_domains=True)
    assert shown(world) == {"example.com": digest(chain)}, "that domain has no mail of its own"
    world.run(enable_mail(actor=world.actor, domain=domain_of("mail.example.com")))
    assert len(shown(world)) == 2


@pytest.mark.parametrize("file", ["example.com.pem", "dovecot/example.example.com.conf"])
def test_what_was_edited_by_hand_is_drift_and_is_put_right(
    world: World, mail: Domain, authority: Authority, file: str
) -> None:
    chain, key = pair(authority, *NAMES)
    upload(world, mail, chain, key)
    file = f"/etc/npanel/tls/{file}"
    world.server.tree.at(file).data += b"# mine\n"
    scan_node(actor=world.actor, node=world.node)
    assert "PRIVATE KEY" not in str(DriftItem.objects.get(kind="mail_certificate").diff)
    applied = world.run(apply_service(actor=world.actor, service=mail.service))
    assert applied.state == OperationState.SUCCEEDED, applied.error
    assert not world.server.content(file).endswith(b"# mine\n")
    back = world.run(rollback_operation(actor=world.actor, operation=applied))
    assert back.state == OperationState.SUCCEEDED, back.error
    assert world.server.content(file).endswith(b"# mine\n")
