"""A panel with one server in memory and a service with mail."""

import pytest

from hosting.models import HostingService, MailDomain
from hosting.services.mail import enable_mail
from hosting.services.mailboxes import create_mailbox
from tests.unit.services.world import World

PASSWORD = "correct horse battery staple"


@pytest.fixture
def service(world: World) -> HostingService:
    """A service with mail on, and a mailbox."""
    service = world.host("example.com", username="alice")
    world.run(enable_mail(actor=world.actor, domain=service.domains.get()))
    world.run(create_mailbox(actor=world.actor, mail=MailDomain.objects.get(), local_part="kim", password=PASSWORD))
    return service
