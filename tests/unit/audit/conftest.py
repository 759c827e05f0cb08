"""What every audit test needs: an event, a verb, a spool of its own, and a flush that the triggers let pass."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from django.db import OperationalError, connection

from audit.actor import Actor
from audit.choices import ActorType, Outcome
from audit.models import Event
from audit.record import Target, record
from audit.testing import enable_test_flush
from audit.verbs import register_verb

enable_test_flush()

TESTED = register_verb("audit_test.happened", "A test happened")
ALICE = Actor(type=ActorType.USER, id="7", login="alice", role="ADMIN", interface="admin", ip="192.0.2.7")
SITE = Target("hosting.service", "42", "example.test")


@pytest.fixture(autouse=True)
def spool_dir(settings: Any, tmp_path: Path) -> Path:
    """A spool directory for this test alone."""
    settings.NPANEL_AUDIT_SPOOL_DIR = tmp_path / "spool"
    return tmp_path / "spool"


@pytest.fixture(autouse=True)
def nobody_looked_yet(monkeypatch: pytest.MonkeyPatch) -> None:
    """A process looks once a minute by its own clock; each test is a process of its own."""
    monkeypatch.setattr("audit.watch._looked", {})


@pytest.fixture
def happen(db: None) -> Callable[..., Event]:
    """Record an event, with any field changed."""

    def _happen(**changes: Any) -> Event:
        fields = {"verb": TESTED, "actor": ALICE, "target": SITE, "outcome": Outcome.SUCCEEDED, **changes}
        return record(**fields)

    return _happen


@pytest.fixture
def broken_audit_table() -> Callable[[], Any]:
    """A context in which the database refuses each INSERT into the audit table, as a full disk would."""

    @contextmanager
    def _broken() -> Iterator[None]:
        with connection.execute_wrapper(_refuse_audit_inserts):
            yield

    return _broken


def _refuse_audit_inserts(execute: Callable[..., Any], sql: str, params: Any, many: bool, context: Any) -> Any:
    if sql.startswith("INSERT INTO") and "audit_event" in sql:
        raise OperationalError("disk full")
    return execute(sql, params, many, context)
