"""A panel with one server in memory, and a zone on it."""

import pytest

from hosting.models import Domain
from hosting.services.dns import add_record
from tests.unit.services.world import World, domain_of


@pytest.fixture
def zone(world: World) -> Domain:
    """A hosted domain with a few records of its owner's."""
    world.host("example.com")
    domain = domain_of("example.com")
    for name, kind, content in (
        ("@", "MX", "10 mail.example.org."),
        ("@", "TXT", '"v=spf1 mx -all; ok"'),
        ("a", "A", "192.0.2.9"),
    ):
        world.run(add_record(actor=world.actor, domain=domain, name=name, type=kind, content=content))
    return domain
