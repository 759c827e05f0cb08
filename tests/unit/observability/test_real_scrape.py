"""A running panel is scraped: two gunicorn processes, a worker and commands add up, also after some of them died."""

import os
import signal
from collections.abc import Iterator

import pytest
import requests
from prometheus_client.openmetrics.parser import text_string_to_metric_families as openmetrics_families
from prometheus_client.parser import text_string_to_metric_families

from tests.metric_names import NAMES
from tests.unit.observability.running_panel import PATIENCE_S, RunningPanel

pytestmark = pytest.mark.slow
REQUESTS = ("django_http_requests_before_middlewares_total", ())
CPU_LOOKS = ("npanel_health_duration_seconds_count", (("check", "cpu"),))


@pytest.fixture(scope="module")
def panel(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningPanel]:
    """A panel with its two web processes."""
    found = RunningPanel(tmp_path_factory.mktemp("panel"))
    try:
        found.begin()
        yield found
    finally:
        found.stop()


def test_every_promised_name_is_served_with_its_labels(panel: RunningPanel) -> None:
    panel.manage("health", "cpu", "disk", "memory")
    families = {family.name: family for family in text_string_to_metric_families(panel.get("/metrics").text)}
    for name, labels in NAMES.items():
        family = families[name.removesuffix("_total")]
        assert family.documentation, name
        assert family.type != "untyped", name
        for sample in family.samples:
            assert sorted(set(sample.labels) - {"le"}) == labels, name
    invented = ("npanel_backup_last_success_timestamp_seconds", "npanel_migration_jobs")
    assert not [name for name in invented if families[name].samples]
    assert {sample.value for sample in families["npanel_migration_accounts"].samples} == {0}


def test_processes_add_up_and_no_death_takes_anything_back(panel: RunningPanel) -> None:
    before = panel.scrape()
    for _ in range(20):
        with requests.get(f"http://{panel.bind}/healthz", timeout=PATIENCE_S) as answer:
            assert answer.ok
    after = panel.scrape()
    assert after[REQUESTS] - before[REQUESTS] == 21, "twenty, and the scrape before"
    panel.manage("health", "cpu")
    worker = panel.start("manage.py", "worker", NPANEL_INTERFACE="worker")
    panel.wait(lambda: panel.scrape()[CPU_LOOKS] >= before.get(CPU_LOOKS, 0) + 2, "a look by the worker")
    seen = panel.scrape()
    assert seen[("npanel_workers_alive", ())] == 1
    assert seen[("npanel_health_status", (("check", "queue"), ("node", "")))] in (0, 0.5, 1)
    os.killpg(worker.pid, signal.SIGKILL)
    worker.wait(PATIENCE_S)
    panel.start("manage.py", "worker", NPANEL_INTERFACE="worker")
    panel.wait(lambda: panel.scrape()[CPU_LOOKS] > seen[CPU_LOOKS], "a look by the next worker")
    last = panel.scrape()
    back = {
        key for key, value in seen.items() if key[0].endswith(("_total", "_count", "_bucket")) and last[key] < value
    }
    assert not back


def test_exemplars_name_the_trace_of_a_request(panel: RunningPanel) -> None:
    trace = "5a" * 16
    for _ in range(8):
        panel.get("/readyz", traceparent=f"00-{trace}-{'6b' * 8}-01")
    answer = panel.get("/metrics", Accept="application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5")
    assert answer.headers["Content-Type"].startswith("application/openmetrics-text")
    found = {
        sample.exemplar.labels["trace_id"]
        for family in openmetrics_families(answer.text)
        for sample in family.samples
        if sample.exemplar and sample.labels.get("view") == "observability:readyz"
    }
    assert trace in found
    assert "trace_id" not in panel.get("/metrics", Accept="text/plain").text
