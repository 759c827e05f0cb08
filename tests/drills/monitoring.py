"""Prometheus and Alertmanager with the files that are shipped; only addresses differ."""

import os
import subprocess
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import requests
import yaml

#: The shipped files. Another folder is for those who work on the rules.
DEPLOY = Path(os.environ.get("NPANEL_DRILL_DEPLOY") or Path(__file__).resolve().parents[2] / "deploy")
PROMETHEUS, ALERTMANAGER = "/usr/bin/prometheus", "/usr/bin/prometheus-alertmanager"


@dataclass(frozen=True)
class Alert:
    """An alert that people would have been told of."""

    name: str
    severity: str
    runbook: str
    labels: dict[str, str] = field(hash=False, compare=False)


class Monitoring:
    """Where both listen, and what they say.

    Args:
        folder: for their files and data. ports: of Prometheus and of Alertmanager. panel: ``host:port`` of the console.
    """

    def __init__(self, folder: Path, ports: tuple[int, int], panel: str) -> None:
        self.folder, self.panel = folder, panel
        self.prometheus, self.alertmanager = (f"127.0.0.1:{port}" for port in ports)

    def prometheus_argv(self) -> list[str]:
        """Write the configuration, and give the command."""
        file = self.folder / "prometheus.yml"
        file.write_text(yaml.safe_dump(self._prometheus_file()))
        data = self.folder / "prometheus"
        return [PROMETHEUS, f"--config.file={file}", f"--storage.tsdb.path={data}",
                f"--web.listen-address={self.prometheus}"]  # fmt: skip

    def _prometheus_file(self) -> dict[str, Any]:
        shipped: dict[str, Any] = yaml.safe_load((DEPLOY / "prometheus" / "prometheus.yml").read_text())
        place = DEPLOY / "prometheus"
        shipped["rule_files"] = [str(place / Path(name).relative_to("/etc/prometheus")) if name.startswith("/")
                                 else str(place / name) for name in shipped["rule_files"]]  # fmt: skip
        shipped["alerting"] = {"alertmanagers": [{"static_configs": [{"targets": [self.alertmanager]}]}]}
        own = {"prometheus": self.prometheus, "alertmanager": self.alertmanager}
        shipped["scrape_configs"] = [
            self._job(job, own.get(job["job_name"], self.panel)) for job in shipped["scrape_configs"]
            if "node" not in job["job_name"]
        ]  # fmt: skip
        return shipped

    @staticmethod
    def _job(job: dict[str, Any], target: str) -> dict[str, Any]:
        """The job with another target; what belongs to a file of secrets or to TLS goes with the old address."""
        kept = {key: value for key, value in job.items() if key not in ("tls_config", "authorization", "scheme")}
        configs = [{**config, "targets": [target]} for config in job.get("static_configs", [{}])[:1]]
        return {**kept, "static_configs": configs}

    def alertmanager_argv(self, token: str) -> list[str]:
        """Write the configuration, and give the command."""
        file = self.folder / "alertmanager.yml"
        file.write_text(yaml.safe_dump(self._alertmanager_file(token)))
        return [ALERTMANAGER, f"--config.file={file}", f"--storage.path={self.folder / 'alertmanager'}",
                f"--web.listen-address={self.alertmanager}", "--cluster.listen-address="]  # fmt: skip

    def _alertmanager_file(self, token: str) -> dict[str, Any]:
        shipped: dict[str, Any] = yaml.safe_load((DEPLOY / "alertmanager" / "alertmanager.yml").read_text())
        secret = self.folder / "webhook.token"
        secret.write_text(token)
        for receiver in shipped["receivers"]:
            receiver.pop("email_configs", None)
            for hook in receiver.get("webhook_configs", []):
                path = urlsplit(hook.get("url", "")).path
                hook["url"] = f"http://{self.panel}{path}"
                if "http_config" in hook:
                    authorization = {"type": "Bearer", "credentials_file": str(secret)}
                    hook["http_config"] = {"authorization": authorization}
        return shipped

    # What they say

    def alerts(self) -> list[Alert]:
        """What is active and neither silenced nor inhibited."""
        query = "active=true&silenced=false&inhibited=false&unprocessed=true"
        return [_alert(row) for row in _get(f"http://{self.alertmanager}/api/v2/alerts?{query}")]

    def firing(self) -> list[str]:
        """Names of all that Prometheus sees firing, inhibited or not."""
        rows = _get(f"http://{self.prometheus}/api/v1/alerts")["data"]["alerts"]
        return sorted({row["labels"]["alertname"] for row in rows if row["state"] == "firing"})

    def query_argv(self, expression: str) -> list[str]:
        """The command that asks Prometheus as a person would."""
        return ["promtool", "query", "instant", f"http://{self.prometheus}", " ".join(expression.split())]

    def scraped(self, job: str) -> bool:
        """Whether a job's target has been read."""
        rows = _get(f"http://{self.prometheus}/api/v1/query?query=up")["data"]["result"]
        return any(row["metric"]["job"] == job and row["value"][1] == "1" for row in rows)


def _alert(row: dict[str, Any]) -> Alert:
    labels = row["labels"]
    return Alert(labels["alertname"], labels.get("severity", ""), row["annotations"].get("runbook_url", ""), labels)


def _get(url: str) -> Any:
    """The JSON behind an address; one that is starting, or busy, is asked again for a while."""
    for pause in (0.5, 1, 2, 4, 8, 0):
        try:
            answer = requests.get(url, timeout=10, proxies={"http": ""})
            answer.raise_for_status()
            return answer.json()
        except requests.RequestException:
            if not pause:
                raise
            time.sleep(pause)
    return None


def check_files(monitoring: Monitoring) -> str:
    """What promtool and amtool say of the files as they are used here."""
    said = []
    for argv in (["promtool", "check", "config", str(monitoring.folder / "prometheus.yml")],
                 ["amtool", "check-config", str(monitoring.folder / "alertmanager.yml")]):  # fmt: skip
        done = subprocess.run(argv, capture_output=True, text=True, check=False)
        said.append(done.stdout + done.stderr)
        assert done.returncode == 0, said[-1]
    return "\n".join(said)
