"""An authority, maybe one that browsers know, and a hosted domain."""

from pathlib import Path
from typing import Any

import pytest

from hosting.models import Domain
from tests.certificates import PEM, Authority
from tests.unit.services.world import World, domain_of


@pytest.fixture(scope="session")
def authority() -> Authority:
    return Authority()


@pytest.fixture
def known(authority: Authority, settings: Any, tmp_path: Path) -> Authority:
    """The authority is one that browsers know."""
    roots = tmp_path / "roots.pem"
    roots.write_bytes(authority.root.public_bytes(PEM))
    settings.NPANEL_TRUSTED_ROOTS = str(roots)
    return authority


@pytest.fixture
def domain(world: World) -> Domain:
    """A hosted domain without a certificate."""
    world.host("example.com")
    return domain_of("example.com")
