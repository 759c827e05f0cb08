"""Mail along the whole road: planned, applied to the node, taken back, and no key or password in what is kept of it."""

import json

import pytest

from hosting.desired import service_resources
from hosting.models import DnsRecord, HostingService, JournalEntry, Mailbox, MailDomain, Operation
from hosting.services.mail import change_mail, disable_mail, enable_mail
from hosting.services.mailboxes import create_mailbox, delete_mailbox
from hosting.services.operations import rollback_operation
from hosting.services.sites import apply_service
from tests.unit.services.world import World

pytestmark = pytest.mark.django_db
PASSWORD = "correct horse battery staple"


@pytest.fixture
def service(world: World) -> HostingService:
    """A service with mail on, and a mailbox."""
    service = world.host("example.com", username="alice")
    world.run(enable_mail(actor=world.actor, domain=service.domains.get()))
    world.run(create_mailbox(actor=world.actor, mail=MailDomain.objects.get(), local_part="kim", password=PASSWORD))
    return service


def resources(service: HostingService) -> object:
    return service_resources(HostingService.objects.get(pk=service.pk))


def test_a_second_plan_is_empty(world: World, service: HostingService) -> None:
    operation = world.run(apply_service(actor=world.actor, service=service))
    assert (operation.state, (operation.plan or {}).get("changes")) == ("succeeded", [])


def test_no_key_and_no_password_is_kept_readable(world: World, service: HostingService) -> None:
    kept = json.dumps([*Operation.objects.values(), *JournalEntry.objects.values()], default=str)
    assert "$sealed" in kept and "mailbox" in kept
    for secret in ("PRIVATE KEY", PASSWORD, Mailbox.objects.get().password_hash):
        assert secret not in kept
    for _context, request in world.server.requests:
        assert "PRIVATE KEY" not in str(getattr(request, "argv", ()))


@pytest.mark.parametrize("whole", [True, False])
def test_what_was_removed_comes_back_exactly(world: World, service: HostingService, whole: bool) -> None:
    before = resources(service)
    if whole:
        removal = world.run(disable_mail(actor=world.actor, mail=MailDomain.objects.get()))
    else:
        removal = world.run(delete_mailbox(actor=world.actor, mailbox=Mailbox.objects.get()))
    assert removal.state == "succeeded" and resources(service) != before
    back = world.run(rollback_operation(actor=world.actor, operation=removal))
    assert back.state == "succeeded" and resources(service) == before
    assert not DnsRecord.objects.filter(type="MX").exists()


def test_turning_mail_on_can_be_taken_back(world: World) -> None:
    service = world.host("example.com", username="alice")
    before = resources(service)
    enabled = world.run(enable_mail(actor=world.actor, domain=service.domains.get()))
    back = world.run(rollback_operation(actor=world.actor, operation=enabled))
    assert back.state == "succeeded" and not MailDomain.objects.exists()
    assert resources(service) == before


@pytest.mark.parametrize("remote", [True, False])
def test_where_mail_is_delivered_can_be_taken_back(world: World, service: HostingService, remote: bool) -> None:
    if not remote:
        world.run(change_mail(actor=world.actor, mail=MailDomain.objects.get(), remote=True))
    before = resources(service)
    changed = world.run(change_mail(actor=world.actor, mail=MailDomain.objects.get(), remote=remote))
    assert changed.state == "succeeded" and resources(service) != before
    back = world.run(rollback_operation(actor=world.actor, operation=changed))
    assert back.state == "succeeded" and resources(service) == before
    assert MailDomain.objects.get().remote is not remote
