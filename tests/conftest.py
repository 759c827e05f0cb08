"""What every test shares: triggers that let a flush pass, keys of its own, no connection kept from another test."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from django.core.cache import caches

from audit.testing import enable_test_flush
from npanel.interfaces import interface_settings
from tests.every_line import looked_at

if TYPE_CHECKING:
    from tests.unit.services.world import World

enable_test_flush()


@pytest.fixture(autouse=True)
def keys(settings: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Worker keys, queue key and doorbell below a directory of the test run's own."""
    from hosting.sealing import ensure_worker_key

    folder = tmp_path_factory.getbasetemp() / "keys"
    settings.NPANEL_WORKER_PUBLIC_KEYS = folder / "worker.pub"
    settings.NPANEL_WORKER_PRIVATE_KEYS = folder / "worker.key"
    settings.NPANEL_QUEUE_KEY_FILE = folder / "queue.key"
    settings.NPANEL_DOORBELL = folder / "doorbell.sock"
    ensure_worker_key()
    if not settings.NPANEL_QUEUE_KEY_FILE.exists():
        settings.NPANEL_QUEUE_KEY_FILE.write_text("a queue key for tests only")
    return folder


@pytest.fixture
def customer_interface(settings: Any) -> None:
    """This process serves the customers' interface: its URLs, cookies and sign-in."""
    settings.NPANEL_INTERFACE = "customer"
    for name, value in interface_settings("customer").items():
        setattr(settings, name, value)


@pytest.fixture
def world(db: None, monkeypatch: pytest.MonkeyPatch) -> "World":
    """A panel with one bootstrapped server in memory."""
    from hosting.operations import nodes
    from tests.unit.services.world import new_world

    monkeypatch.setattr(nodes, "opener", nodes.opener)  # new_world() sets it; this puts it back
    return new_world()


@pytest.fixture(autouse=True)
def every_line() -> Iterator[None]:
    """Each line that is written while any test runs has its fields, and an operation that somebody registered."""
    with looked_at():
        yield


@pytest.fixture(autouse=True)
def no_budget_used() -> None:
    """What one test did often is no other's: budgets that are kept in memory begin anew."""
    for cache in caches.all(initialized_only=True):
        cache.clear()


@pytest.fixture(autouse=True)
def no_kept_connections() -> Iterator[None]:
    """Connections are kept per process and node; node ids start over in each test."""
    from hosting.operations import nodes

    yield
    nodes.disconnect_all()
