"""The world of these tests."""

from collections.abc import Iterator

import pytest

from hosting.operations import nodes
from tests.unit.services.world import World, new_world


@pytest.fixture
def world(db: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    """A panel with one bootstrapped server in memory."""
    monkeypatch.setattr(nodes, "opener", nodes.opener)  # new_world() sets it; this puts it back
    yield new_world()
