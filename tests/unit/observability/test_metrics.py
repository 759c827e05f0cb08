"""/metrics adds up all processes, survives their deaths, asks providers, and refuses strangers."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from django.http import HttpResponse
from django.test import Client
from prometheus_client.parser import text_string_to_metric_families

from observability import metrics
from observability.metrics import GaugeSample, register_gauge_provider
from tests.metric_names import NAMES

pytestmark = [pytest.mark.urls("tests.unit.observability.urls"), pytest.mark.django_db]

COUNT = """
import sys, time, django
django.setup()
from observability import metrics
for _ in range({times}):
    metrics.operation_finished(adapter="nginx", operation="apply", status="succeeded", duration_seconds=0.2)
metrics.health_status.labels(check="disk", node="").set({gauge})
print("ready", flush=True)
sys.stdin.read()
{end}
"""
SCRAPE = """
import django
django.setup()
from observability.exposition import exposition
print(exposition()[0].decode())
"""


def samples(text: str) -> dict[tuple[str, ...], float]:
    """All samples of a scrape: (name, label values in the order of their names) -> value."""
    return {
        (sample.name, *(value for _, value in sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


@pytest.fixture
def processes(tmp_path: Path) -> Iterator[Callable[..., Any]]:
    """Run Python programs that share one PROMETHEUS_MULTIPROC_DIR."""
    directory = metrics.prepare_multiprocess_dir(tmp_path / "multiproc")
    environment = {**os.environ, "PROMETHEUS_MULTIPROC_DIR": str(directory)}
    running: list[subprocess.Popen[str]] = []

    def start(program: str) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, "-c", program], env=environment, text=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        running.append(process)
        return process

    yield start
    for process in running:
        process.kill()
        process.communicate(timeout=60)


def counting(start: Callable[[str], Any], times: int, gauge: float, end: str = "") -> Any:
    """A process that has counted and waits for the end of its input."""
    process = start(COUNT.format(times=times, gauge=gauge, end=end))
    assert process.stdout.readline().strip() == "ready"
    return process


def scrape(start: Callable[[str], Any]) -> dict[tuple[str, ...], float]:
    """What a third process answers to a scrape."""
    out, _ = start(SCRAPE).communicate(timeout=120)
    return samples(out)


DONE = ("npanel_hosting_operations_total", "nginx", "apply", "succeeded")
TOOK = ("npanel_hosting_operation_duration_seconds_count", "nginx", "apply")
DISK = ("npanel_health_status", "disk", "")


def test_processes_add_up_and_their_deaths_change_nothing(processes: Callable[..., Any], tmp_path: Path) -> None:
    web, worker = counting(processes, 3, 1.0), counting(processes, 4, 0.5)
    seen = scrape(processes)
    assert (seen[DONE], seen[TOOK], seen[DISK]) == (7, 7, 0.5)
    web.communicate("", timeout=60)  # a clean exit
    worker.kill()
    worker.communicate(timeout=60)
    assert (scrape(processes)[DONE], scrape(processes)[TOOK], scrape(processes)[DISK]) == (7, 7, 0.5)
    counting(processes, 1, 0.0)
    seen = scrape(processes)
    assert (seen[DONE], seen[TOOK], seen[DISK]) == (8, 8, 0.0)
    pids = {path.stem.rsplit("_", 1)[1] for path in (tmp_path / "multiproc").glob("*.db")}
    assert len(pids) <= 2, "only the archive and the living process have files"
    assert seen[("npanel_hosting_operation_duration_seconds_bucket", "nginx", "0.25", "apply")] == 8


def test_scrapes_while_processes_come_and_go(processes: Callable[..., Any]) -> None:
    total = 0
    for round_number in range(4):
        finished = [counting(processes, 2, 1.0), counting(processes, 2, 1.0)]
        total += 4
        scrapers = [processes(SCRAPE) for _ in range(3)]
        for process in finished:
            process.kill()
        for scraper in scrapers:
            out, _ = scraper.communicate(timeout=120)
            assert scraper.returncode == 0, round_number
            assert samples(out)[DONE] == total


@pytest.mark.parametrize("content", [b"\xff" * 300, b"\x10\x00\x00\x00" + b"x" * 40, b"\x01"])
def test_a_file_that_a_dead_process_left_in_pieces_is_left_out(
    processes: Callable[..., Any], tmp_path: Path, content: bytes
) -> None:
    """A disk that was full, a power cut: what can be read is told, rather than nothing for ever."""
    counting(processes, 3, 1.0)
    dead = processes("")
    dead.communicate(timeout=60)
    broken = tmp_path / "multiproc" / f"counter_{dead.pid}.db"
    broken.write_bytes(content)
    (tmp_path / "multiproc" / f"{dead.pid}.exemplars").write_bytes(content)
    assert scrape(processes)[DONE] == 3
    assert not broken.exists()


def test_a_start_begins_at_zero(processes: Callable[..., Any], tmp_path: Path) -> None:
    counting(processes, 3, 1.0).communicate("", timeout=60)
    metrics.prepare_multiprocess_dir(tmp_path / "multiproc")
    assert DONE not in scrape(processes)


def test_names_and_labels_are_those_of_the_contract(client: Client) -> None:
    metrics.operation_finished(adapter="nginx", operation="apply", status="succeeded", duration_seconds=0.1)
    metrics.hosting_service_health(adapter="nginx", node="n1", healthy=1)
    metrics.health_status.labels(check="disk", node="").set(1)
    metrics.health_duration.labels(check="disk").observe(0.1)
    page = client.get("/metrics").content.decode()
    families = {family.name: family for family in text_string_to_metric_families(page)}
    for name, labels in NAMES.items():
        family = families[name.removesuffix("_total")]
        assert family.documentation
        for sample in family.samples:
            assert sorted(set(sample.labels) - {"le"}) == labels, name
    ours = [name for name in families if name.startswith("npanel_")]
    assert {name.removesuffix("_total") for name in NAMES} == {name for name in ours if not name.endswith("_created")}


def test_fixed_label_sets_start_at_zero(client: Client) -> None:
    metrics.initialise_hosting_labels(["php_fpm"], ["delete"], ["failed"])
    seen = samples(client.get("/metrics").content.decode())
    assert seen[("npanel_hosting_operations_total", "php_fpm", "delete", "failed")] == 0
    assert ("npanel_ssh_failures_total", "host_key_changed") in seen
    assert ("npanel_audit_events_total", "denied") in seen
    assert ("npanel_auth_login_attempts_total", "throttled") in seen


def test_an_unknown_ssh_error_counts_as_other(client: Client) -> None:
    before = samples(client.get("/metrics").content.decode())[("npanel_ssh_failures_total", "other")]
    metrics.ssh_failed("user-7-made-this-up")
    assert samples(client.get("/metrics").content.decode())[("npanel_ssh_failures_total", "other")] == before + 1


def test_live_gauges_are_asked_at_each_scrape(client: Client, clean_registries: None) -> None:
    waiting = [3.0, 5.0]
    register_gauge_provider(lambda: [GaugeSample("npanel_operations_pending", waiting.pop())])
    labels = {"adapter": "nginx", "node": "n1"}
    register_gauge_provider(lambda: [GaugeSample("npanel_drift_resources", 2, labels)])
    seen = samples(client.get("/metrics").content.decode())
    assert (seen[("npanel_operations_pending",)], seen[("npanel_drift_resources", "nginx", "n1")]) == (5, 2)
    assert samples(client.get("/metrics").content.decode())[("npanel_operations_pending",)] == 3


def test_a_broken_provider_takes_nothing_with_it(
    client: Client, clean_registries: None, log_lines: Callable[[], list[dict[str, Any]]]
) -> None:
    def broken() -> list[GaugeSample]:
        raise RuntimeError("no database")

    register_gauge_provider(broken)
    register_gauge_provider(lambda: [GaugeSample("npanel_operations_pending", 1)])
    assert samples(client.get("/metrics").content.decode())[("npanel_operations_pending",)] == 1
    assert [line for line in log_lines() if line["operation"] == "metrics_scrape" and line["level"] == "error"]


def get(client: Client, path: str, **meta: Any) -> HttpResponse:
    return client.get(path, **meta)  # type: ignore[return-value]


@pytest.mark.parametrize("path", ["/metrics", "/health"])
def test_strangers_are_refused(client: Client, settings: Any, path: str, clean_registries: None) -> None:
    settings.NPANEL_METRICS_TOKEN = token = "a-long-random-token"
    settings.NPANEL_HEALTH_RESOLVERS = []
    assert get(client, path).status_code in (200, 503)
    assert get(client, path, REMOTE_ADDR="192.0.2.1").status_code == 403
    assert get(client, path, REMOTE_ADDR="").status_code == 403
    assert get(client, path, HTTP_X_FORWARDED_FOR="127.0.0.1").status_code == 403, "an unknown proxy"
    assert get(client, path, HTTP_X_REAL_IP="127.0.0.1").status_code == 403
    for wrong in ("", "Bearer", "Bearer x", f"Basic {token}", f"Bearer {token}x", "Bearer ü"):
        assert get(client, path, REMOTE_ADDR="192.0.2.1", HTTP_AUTHORIZATION=wrong).status_code == 403, wrong
    allowed = get(client, path, REMOTE_ADDR="192.0.2.1", HTTP_AUTHORIZATION=f"Bearer {token}")
    assert allowed.status_code in (200, 503)
    settings.NPANEL_TRUSTED_PROXIES = ["127.0.0.1"]
    assert get(client, path, HTTP_X_FORWARDED_FOR="192.0.2.1").status_code == 403
    settings.NPANEL_METRICS_ALLOW = ["192.0.2.0/24"]
    assert get(client, path, HTTP_X_FORWARDED_FOR="192.0.2.1").status_code in (200, 503)
    settings.NPANEL_METRICS_TOKEN = ""
    assert get(client, path, REMOTE_ADDR="198.51.100.1", HTTP_AUTHORIZATION="Bearer ").status_code == 403
    assert client.post(path).status_code == 405


def test_statements_are_timed(client: Client) -> None:
    name = ("npanel_db_query_duration_seconds_count",)
    before = samples(client.get("/metrics").content.decode())[name]
    client.get("/readyz")
    assert samples(client.get("/metrics").content.decode())[name] > before


def test_the_scrape_is_prometheus_text(client: Client) -> None:
    response = client.get("/metrics")
    assert response["Content-Type"].startswith("text/plain")
    assert samples(response.content.decode())[("npanel_build_info", _version())] == 1


def _version() -> str:
    from django.conf import settings

    return str(settings.NPANEL_VERSION)
