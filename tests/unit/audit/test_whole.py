"""The sealer verifies the whole record by itself, and health says when nobody did for long."""

import datetime
import threading
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.utils import timezone

from audit import keys, looks
from audit.management.commands.audit_seal import Command
from audit.models import Event, Verification, now_ms
from audit.sealing import seal_pending
from audit.verifying import verify
from audit.watch import audit_health, prove_here, prove_whole
from observability.health.base import Status
from observability.models import RetentionRun

from .trail import intruder, own_keys

pytestmark = pytest.mark.django_db(transaction=True)
DAY = datetime.timedelta(days=1)


@pytest.fixture(autouse=True)
def trail(settings: Any, tmp_path: Path) -> None:
    own_keys(settings, tmp_path)


@pytest.fixture
def sealed(happen: Callable[..., Event]) -> Event:
    event = happen()
    happen()
    seal_pending()
    return event


def full() -> list[bool]:
    return list(Verification.objects.filter(kind="full").order_by("pk").values_list("ok", flat=True))


def age(days: int) -> None:
    """Have the sealer have signed its proofs so many days ago."""
    for look in Verification.objects.filter(kind="full"):
        look.at = now_ms() - days * DAY
        key_id, signature = keys.sign(partial(looks._payload, look))
        Verification.objects.filter(pk=look.pk).update(at=look.at, key_id=key_id, signature=signature)


def test_an_old_event_that_was_changed_is_found_within_the_week(sealed: Event, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("audit.verifying.RECENT", 0)
    prove_whole()
    with intruder() as cursor:
        cursor.execute("UPDATE audit_event SET reason = 'x' WHERE id = %s", [sealed.pk])
    verify(incremental=True)
    age(6)
    prove_whole()
    assert (full(), audit_health().status) == ([True], Status.UP)

    age(7)
    prove_whole()

    assert full() == [True, False]
    assert audit_health().status is Status.DOWN
    prove_whole()
    assert full() == [True, False]


def test_the_worker_does_it_only_where_it_seals(sealed: Event, settings: Any) -> None:
    settings.NPANEL_AUDIT_SEALER = "process"
    prove_here()
    assert full() == []
    settings.NPANEL_AUDIT_SEALER = "worker"
    prove_here()
    assert full() == [True]


def test_a_sealer_of_its_own_proves_and_keeps(sealed: Event, settings: Any) -> None:
    settings.NPANEL_AUDIT_SEALER = "process"
    settings.NPANEL_RETENTION_LOCK = settings.VAR_DIR / "lock"
    at_once = threading.Event()
    at_once.set()

    Command()._slow_chores(at_once)

    assert full() == [True]
    assert [run.state for run in RetentionRun.objects.filter(kind="audit")] == ["succeeded"]


def test_never_by_itself_when_told_so(sealed: Event, settings: Any) -> None:
    settings.NPANEL_AUDIT_FULL_VERIFY_DAYS = 0
    prove_whole()
    assert full() == []
    call_command("audit_verify")
    age(400)
    assert audit_health().status is Status.UP


@pytest.mark.parametrize(("days", "status"), [(13, Status.UP), (14, Status.DEGRADED)])
def test_health_is_degraded_when_the_last_proof_is_old(sealed: Event, days: int, status: Status) -> None:
    prove_whole()
    age(days)
    assert audit_health().status is status


def test_without_any_proof_the_oldest_seal_counts(happen: Callable[..., Event]) -> None:
    happen()
    seal_pending(now=timezone.now() - 15 * DAY)
    assert audit_health().status is Status.DEGRADED
    prove_whole()
    assert audit_health().status is Status.UP
