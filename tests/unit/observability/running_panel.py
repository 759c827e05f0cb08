"""A running panel for tests of what it serves: gunicorn, a worker and commands, with a database of its own."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import requests
from prometheus_client.parser import text_string_to_metric_families

ROOT = Path(__file__).resolve().parents[3]
PATIENCE_S = 60.0


class RunningPanel:
    """Its processes share a var folder with a fresh database."""

    def __init__(self, folder: Path) -> None:
        self.bind = f"127.0.0.1:{self.free_port()}"
        self.environment = os.environ | {
            "NPANEL_VAR_DIR": str(folder), "NPANEL_DATABASE_URL": f"sqlite:///{folder}/panel.sqlite3",
            "PROMETHEUS_MULTIPROC_DIR": "", "NPANEL_HEALTH_RESOLVERS": "127.0.0.1#9", "NPANEL_WORKERS": "1",
        }  # fmt: skip
        for name in ("PROMETHEUS_MULTIPROC_DIR", "DJANGO_SETTINGS_MODULE", "NPANEL_METRICS_DIR"):
            self.environment.pop(name, None)
        self.running: list[subprocess.Popen[bytes]] = []
        self.session = requests.Session()
        self.session.trust_env = False

    @staticmethod
    def free_port() -> int:
        """A port that nobody listens on."""
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            return int(probe.getsockname()[1])

    def begin(self) -> None:
        """Make the database and start the console with two processes."""
        assert self.manage("migrate", "--verbosity=0") == 0
        self.manage("worker_key", "--init")
        self.start(
            "-m", "gunicorn", "--config", "gunicorn.conf.py",
            NPANEL_INTERFACE="admin", NPANEL_BIND=self.bind, NPANEL_WEB_PROCESSES="2",
        )  # fmt: skip
        self.wait(lambda: self.get("/healthz").ok, "the web process")

    def run(self, program: str) -> None:
        """Run Python in a process that shares its database and metrics."""
        done = subprocess.run(
            [sys.executable, "manage.py", "shell", "-c", program], cwd=ROOT, env=self.environment,
            capture_output=True, text=True, timeout=300, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr

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
