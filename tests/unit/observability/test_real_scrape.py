"""A running panel is scraped: two gunicorn processes, a worker and commands add up, also after some of them died."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
from prometheus_client.openmetrics.parser import text_string_to_metric_families as openmetrics_families
from prometheus_client.parser import text_string_to_metric_families

from tests.metric_names import NAMES

pytestmark = pytest.mark.slow
ROOT = Path(__file__).resolve().parents[3]
PATIENCE_S = 60.0
REQUESTS = ("django_http_requests_before_middlewares_total", ())
CPU_LOOKS = ("npanel_health_duration_seconds_count", (("check", "cpu"),))


class RunningPanel:
    """Its processes share a var folder with a fresh database."""

    def __init__(self, folder: Path) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.bind = f"127.0.0.1:{probe.getsockname()[1]}"
        self.environment = os.environ | {
            "NPANEL_VAR_DIR": str(folder), "NPANEL_DATABASE_URL": f"sqlite:///{folder}/panel.sqlite3",
            "PROMETHEUS_MULTIPROC_DIR": "", "NPANEL_HEALTH_RESOLVERS": "127.0.0.1#9", "NPANEL_WORKERS": "1",
        }  # fmt: skip
        for name in ("PROMETHEUS_MULTIPROC_DIR", "DJANGO_SETTINGS_MODULE", "NPANEL_METRICS_DIR"):
            self.environment.pop(name, None)
        self.running: list[subprocess.Popen[bytes]] = []
        self.session = requests.Session()
        self.session.trust_env = False

    def manage(self, *words: str) -> int:
        argv = [sys.executable, "manage.py", *words]
        done = subprocess.run(argv, cwd=ROOT, env=self.environment, capture_output=True, timeout=300, check=False)
        return done.returncode

    def start(self, *argv: str, **names: str) -> subprocess.Popen[bytes]:
        process = subprocess.Popen(
            [sys.executable, *argv], cwd=ROOT, env=self.environment | names,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True,
        )  # fmt: skip
        self.running.append(process)
        return process

    def get(self, path: str, **headers: str) -> requests.Response:
        return self.session.get(f"http://{self.bind}{path}", headers=headers, timeout=PATIENCE_S)

    def scrape(self) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
        """All samples by name and sorted labels."""
        families = text_string_to_metric_families(self.get("/metrics").text)
        return {
            (sample.name, tuple(sorted(sample.labels.items()))): sample.value
            for family in families
            for sample in family.samples
        }

    def wait(self, condition: Callable[[], Any], what: str) -> None:
        until = time.monotonic() + PATIENCE_S
        while True:
            with contextlib.suppress(requests.ConnectionError):
                if condition():
                    return
            assert time.monotonic() < until, f"{what} did not happen"
            time.sleep(0.3)

    def stop(self) -> None:
        for process in self.running:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait(PATIENCE_S)


@pytest.fixture(scope="module")
def panel(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningPanel]:
    """A panel with its two web processes."""
    found = RunningPanel(tmp_path_factory.mktemp("panel"))
    try:
        assert found.manage("migrate", "--verbosity=0") == 0
        found.manage("worker_key", "--init")
        found.start(
            "-m", "gunicorn", "--config", "gunicorn.conf.py",
            NPANEL_INTERFACE="admin", NPANEL_BIND=found.bind, NPANEL_WEB_PROCESSES="2",
        )  # fmt: skip
        found.wait(lambda: found.get("/healthz").ok, "the web process")
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
