"""Processors, certificates, daemons, drift and waiting operations: what each answer takes."""

import datetime
from typing import Any

import pytest
from django.utils import timezone
from prometheus_client import REGISTRY

from hosting.choices import DriftState
from observability.certificates import ensure_self_signed
from observability.health import certificates, cpu, daemons, drift, queue, retention, targets
from observability.health.base import Result, Status
from observability.health.runner import run_checks
from observability.health.targets import Backlog, Daemon, Target
from observability.models import RetentionRun
from tests.web import rows

pytestmark = [pytest.mark.usefixtures("clean_registries"), pytest.mark.django_db(transaction=True)]


@pytest.mark.parametrize(("ratio", "status"), [(0.1, "up"), (0.899, "up"), (0.9, "degraded"), (1.0, "degraded")])
def test_processors(ratio: float, status: str) -> None:
    assert cpu.judge(ratio, 1.0).status == status
    assert REGISTRY.get_sample_value("npanel_cpu_used_ratio") == ratio


@pytest.mark.parametrize(("days", "status"), [(90, "up"), (20, "degraded"), (2, "down"), (-1, "down")])
def test_days_left(days: int, status: str) -> None:
    left = datetime.timedelta(days=days)
    assert certificates.judge(left, timezone.now() + left).status == status


def test_the_panels_certificate(settings: Any, tmp_path: Any) -> None:
    settings.NPANEL_PANEL_CERTIFICATE = tmp_path / "panel.crt"
    settings.NPANEL_ENVIRONMENT = "development"
    assert certificates.check_certificates().status == "up"
    settings.NPANEL_ENVIRONMENT = "production"
    assert certificates.check_certificates().status == "down", "there is none"
    ensure_self_signed(tmp_path / "panel.crt", tmp_path / "panel.key")
    assert "self-signed" in certificates.check_certificates().summary
    settings.NPANEL_ENVIRONMENT = "development"
    assert certificates.check_certificates().status == "up"
    expiry = REGISTRY.get_sample_value("npanel_certificate_expiry_timestamp_seconds", {"kind": "panel"})
    assert expiry is not None
    assert expiry > timezone.now().timestamp()


def test_a_stopped_daemon_is_down_and_named() -> None:
    found = [Daemon("nginx", "nginx.service", True), Daemon("powerdns", "pdns.service", False)]
    targets.register_daemon_probe(lambda target, timeout: found)
    result = daemons.check_daemons(Target("web-1", "192.0.2.1", 22))
    assert (result.status, "pdns.service" in result.summary) == (Status.DOWN, True)
    values = {
        name: REGISTRY.get_sample_value("npanel_hosting_service_health", {"adapter": name, "node": "web-1"})
        for name in ("nginx", "powerdns")
    }
    assert values == {"nginx": 1, "powerdns": 0}


def test_drift_is_degraded_and_counted() -> None:
    assert drift.check_drift().status == "up"
    node = rows.node("web-1")
    for key in "ab":
        rows.drift(node=node, open_key=key)
    rows.drift(node=rows.node("web-2"), open_key=None, state=DriftState.REPAIRED)
    result = drift.check_drift()
    assert (result.status, result.summary) == ("degraded", "2 open differences: web-1 (2)")


@pytest.mark.parametrize(("seconds", "status"), [(0, "up"), (59, "up"), (60, "degraded"), (300, "down")])
def test_waiting_operations(seconds: float, status: str) -> None:
    assert queue.judge(Backlog(3, seconds), Result.up("fine")).status == status


def test_the_real_processors_answer() -> None:
    (report,) = run_checks(["cpu"]).reports
    assert 0 <= report.result.details["used_ratio"] <= 1


def test_retention_that_does_not_succeed_is_told() -> None:
    """Whether it fails each day, refuses to run, or has just begun to fail."""
    now = timezone.now()

    def ran(days: float, state: str, error: str = "") -> None:
        RetentionRun.objects.create(
            kind="app", started_at=now - datetime.timedelta(days=days), state=state, error=error
        )

    assert retention.check_retention().status == "up", "a new panel"
    ran(5, "succeeded"), ran(1, "succeeded"), ran(0, "failed", "no room")
    assert retention.check_retention().status == "up"
    RetentionRun.objects.filter(started_at__gte=now - datetime.timedelta(days=2)).delete()
    assert "app: no run has succeeded since" in retention.check_retention().summary, "the clock is not believed, say"
    RetentionRun.objects.all().delete()
    ran(4, "failed", "first"), ran(0, "failed", "no room")
    found = retention.check_retention()
    assert (found.status, "no room" in found.summary) == ("degraded", True)
