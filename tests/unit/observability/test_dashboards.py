"""The shipped dashboards and rules: well made, and about metrics and views that a running panel really has."""

import importlib.util
import itertools
import json
import os
import re
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
import yaml

from tests.drills.monitoring import Monitoring
from tests.unit.observability.promql import ROOT, RULES, metrics_in, rules, view_names, views_in
from tests.unit.observability.running_panel import PATIENCE_S, RunningPanel

GRAFANA = ROOT / "deploy" / "grafana"
NAMES = ("health", "hosting", "migration", "overview", "performance")
#: What nobody feeds yet, and so has no sample: migrations and backups are built later.
NOT_YET = frozenset(
    """
    npanel_migration_jobs_total npanel_migration_job_duration_seconds_bucket
    npanel_backup_last_success_timestamp_seconds npanel_backup_restore_verified_timestamp_seconds
    """.split()
)
#: Made by Prometheus itself.
ITS_OWN = frozenset({"up", "ALERTS"})
#: What needs a database server, a replica, a certificate or a node: set by the product's own functions.
FEED = """
import time
from django.utils import timezone
from hosting.models import DriftItem, MailQueue
from observability import metrics
from tests.factories import make_node
node = make_node(name="web1", address="127.0.0.1", ssh_port=9, public_addresses=["127.0.0.1"])
now = timezone.now()
DriftItem.objects.create(node=node, adapter="nginx", kind="vhost", key="a.test", open_key="a", change={},
                         first_seen_at=now, last_seen_at=now)
MailQueue.objects.create(node=node, total=3, oldest_at=now, seen_at=now, listed_at=now)
metrics.dns_secondary_behind.labels(node="web1/ns2.example.net").set(0)
for status in ("succeeded", "failed", "succeeded"):
    metrics.operation_finished(adapter="nginx", operation="service_apply", status=status, duration_seconds=0.4)
    time.sleep(1.5)  # a rate needs a scrape before a count and one after it
metrics.hosting_service_health(adapter="nginx", node="web1", healthy=1)
metrics.ssh_failed("timeout")
metrics.db_connections_used_ratio.set(0.1)
metrics.db_replication_lag.set(0.5)
metrics.certificate_expiry.labels(kind="panel").set(4_000_000_000)
"""


def build() -> Any:
    """The program that writes the dashboards."""
    spec = importlib.util.spec_from_file_location("grafana_build", GRAFANA / "build.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def dashboards() -> dict[str, dict[str, Any]]:
    """The files, by name."""
    return {path.stem: json.loads(path.read_text()) for path in (GRAFANA / "dashboards").glob("*.json")}


def panels() -> list[tuple[str, dict[str, Any]]]:
    """Every panel with the name of its dashboard."""
    return [(name, panel) for name, board in sorted(dashboards().items()) for panel in board["panels"]]


def expressions() -> dict[str, str]:
    """Every query by where it is, with an interval that Grafana would put in."""
    return {
        f"{name}: {panel['title']} {target['refId']}": target["expr"].replace("$__rate_interval", "1m")
        for name, panel in panels()
        for target in panel["targets"]
    }


# Without a panel


def test_the_files_are_what_the_program_writes() -> None:
    module = build()
    assert sorted(dashboards()) == sorted(module.DASHBOARDS) == sorted(NAMES)
    for name in NAMES:
        assert (GRAFANA / "dashboards" / f"{name}.json").read_text() == module.text_of(name)


def test_another_runbook_reaches_every_link() -> None:
    board = json.dumps(build().dashboard("overview", "https://wiki.test/x"))
    assert "https://wiki.test/x/docs/runbook/disk-full.md" in board
    assert "git.example" not in board


@pytest.mark.parametrize("name", NAMES)
def test_a_dashboard_has_what_grafana_asks_for(name: str) -> None:
    board = dashboards()[name]
    assert board["uid"] == f"npanel-{name}" and board["title"].startswith("NPanel ")
    assert board["schemaVersion"] >= 36 and board["editable"] is False
    assert {"from", "to"} == set(board["time"])
    assert [one["type"] for one in board["templating"]["list"]] == ["datasource"]
    ids = [panel["id"] for panel in board["panels"]]
    assert len(ids) == len(set(ids)) >= 8
    titles = [panel["title"] for panel in board["panels"]]
    assert len(set(titles)) == len(titles), "two panels with one title"


def test_every_panel_says_what_it_shows() -> None:
    for name, panel in panels():
        place = f"{name}: {panel['title']}"
        assert re.fullmatch(r"[A-Z][A-Za-z -]{2,30}", panel["title"]), place
        assert panel["description"].endswith("."), place
        assert panel["fieldConfig"]["defaults"]["unit"], place
        assert panel["datasource"]["uid"] == "${datasource}", place
        for target in panel["targets"]:
            assert target["datasource"] == panel["datasource"] and target["expr"] and target["legendFormat"], place
        assert len({target["refId"] for target in panel["targets"]}) == len(panel["targets"]) > 0, place


def test_no_panel_lies_over_another() -> None:
    for board in dashboards().values():
        taken: set[tuple[int, int]] = set()
        for panel in board["panels"]:
            place = panel["gridPos"]
            assert place["x"] + place["w"] <= 24
            cells = set(itertools.product(range(place["x"], place["x"] + place["w"]),
                                          range(place["y"], place["y"] + place["h"])))  # fmt: skip
            assert not cells & taken, panel["title"]
            taken |= cells


def test_links_lead_to_pages_of_the_runbook() -> None:
    found = [link["url"] for _, panel in panels() for link in panel["links"]]
    found += [link["url"] for board in dashboards().values() for link in board["links"] if "url" in link]
    assert len(found) > 40
    for url in found:
        assert (ROOT / "docs" / "runbook" / url.rpartition("/docs/runbook/")[2]).is_file(), url


def test_the_provisioning_files_name_folder_and_source() -> None:
    provisioning = GRAFANA / "provisioning"
    (source,) = yaml.safe_load((provisioning / "datasources" / "npanel.yaml").read_text())["datasources"]
    assert source["type"] == "prometheus" and source["url"].startswith("http://127.0.0.1:9090")
    shipped = yaml.safe_load((ROOT / "deploy" / "prometheus" / "prometheus.yml").read_text())
    assert source["jsonData"]["timeInterval"] == shipped["global"]["scrape_interval"]
    (provider,) = yaml.safe_load((provisioning / "dashboards" / "npanel.yaml").read_text())["providers"]
    assert provider["type"] == "file" and provider["options"]["path"]


def test_every_query_is_promql(tmp_path: Path) -> None:
    made = [{"record": f"q{number}", "expr": query} for number, query in enumerate(expressions().values())]
    file = tmp_path / "rules.yml"
    file.write_text(yaml.safe_dump({"groups": [{"name": "dashboards", "rules": made}]}))
    done = subprocess.run(["promtool", "check", "rules", str(file)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert f"{len(made)} rules found" in done.stdout


def test_every_view_that_a_query_names_exists() -> None:
    """Of objectives, alerts and dashboards: a renamed view would make them silent."""
    queries = [*expressions().values(), *(rule["expr"] for rule in rules())]
    patterns = set().union(*map(views_in, queries))
    assert {"portal:services", "portal:record_.*", "account_login"} <= patterns
    names = view_names()
    assert [one for one in sorted(patterns) if not any(re.fullmatch(one, name) for name in names)] == []


# With a panel and a Prometheus that reads it


class Prometheus(Monitoring):
    """The shipped configuration and rules, read and evaluated every second."""

    def prometheus_argv(self) -> list[str]:
        argv = super().prometheus_argv()
        file, folder = self.folder / "prometheus.yml", self.folder / "rules"
        shipped = yaml.safe_load(file.read_text())
        shipped["global"] |= {"scrape_interval": "1s", "scrape_timeout": "1s", "evaluation_interval": "1s"}
        shipped["rule_files"] = [f"{folder}/*.yml"]
        folder.mkdir()
        for path in RULES.glob("*.yml"):
            (folder / path.name).write_text(re.sub(r"interval: \w+", "interval: 1s", path.read_text()))
        file.write_text(yaml.safe_dump(shipped))
        return [*argv, "--enable-feature=exemplar-storage"]

    def knows(self, expression: str) -> bool:
        """Whether it has a number for it."""
        answer = requests.post(f"http://{self.prometheus}/api/v1/query", data={"query": expression}, timeout=10,
                               proxies={"http": ""}).json()  # fmt: skip
        assert answer["status"] == "success", (expression, answer)
        return any(row["value"][1] != "NaN" for row in answer["data"]["result"])

    def exemplars(self, query: str) -> list[dict[str, Any]]:
        """The exemplars that it keeps for the series of a query, of the last ten minutes."""
        asked = {"query": query, "start": time.time() - 600, "end": time.time() + 60}
        answer = requests.get(f"http://{self.prometheus}/api/v1/query_exemplars", params=asked, timeout=10,
                              proxies={"http": ""}).json()  # fmt: skip
        assert answer["status"] == "success", answer
        return [exemplar for series in answer["data"] for exemplar in series["exemplars"]]


Watched = tuple[RunningPanel, Prometheus]


@pytest.fixture(scope="module")
def watched(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Watched]:
    """A panel with traffic, and a Prometheus that has read it for a while."""
    panel = RunningPanel(tmp_path_factory.mktemp("panel"))
    port = RunningPanel.free_port()
    found = Prometheus(tmp_path_factory.mktemp("prometheus"), (port, 9), panel.bind)
    process = None
    try:
        panel.begin()
        panel.start("manage.py", "worker", NPANEL_INTERFACE="worker")
        log = (found.folder / "log").open("wb")
        process = subprocess.Popen(found.prometheus_argv(), stdout=log, stderr=log, start_new_session=True)
        panel.wait(lambda: found.scraped("npanel"), "the first scrape")
        panel.run(FEED)
        panel.wait(lambda: _visit(panel, found), "the first record of an objective")
        yield panel, found
    finally:
        if process is not None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait(PATIENCE_S)
        panel.stop()


def _visit(panel: RunningPanel, prometheus: Prometheus) -> bool:
    """Sign in wrongly and look at health; whether a record of the objectives and the worker are there."""
    address = f"http://{panel.bind}/admin/account/login/"
    (csrf,) = re.findall(r'name="csrfmiddlewaretoken" value="([^"]+)"', panel.session.get(address).text)[:1]
    data = {"csrfmiddlewaretoken": csrf, "login": "nobody@panel.test", "password": "wrong"}
    panel.session.post(address, data=data, timeout=PATIENCE_S)
    panel.get("/health")
    return prometheus.knows("npanel:slow:ratio_rate5m") and prometheus.knows("npanel_workers_alive > 0")


@pytest.mark.slow
@pytest.mark.django_db
def test_every_query_returns_data(watched: Watched) -> None:
    """But those about what is not there yet, which return none."""
    panel, prometheus = watched
    waiting = {place: query for place, query in expressions().items() if not metrics_in(query) & NOT_YET}
    assert len(waiting) > 60
    until = time.monotonic() + PATIENCE_S
    while waiting and time.monotonic() < until:
        waiting = {place: query for place, query in waiting.items() if not prometheus.knows(query)}
        _visit(panel, prometheus)
    assert waiting == {}
    not_yet = [query for query in expressions().values() if metrics_in(query) & NOT_YET]
    assert [query for query in not_yet if prometheus.knows(query)] == []


@pytest.mark.slow
@pytest.mark.django_db
def test_every_metric_that_a_query_or_rule_names_is_scraped(watched: Watched) -> None:
    _, prometheus = watched
    recorded = {rule["record"] for rule in rules() if "record" in rule}
    named = set().union(*(metrics_in(query) for query in [*expressions().values(), *(one["expr"] for one in rules())]))
    assert {"npanel_disk_used_ratio", "npanel:events:increase1d", "up"} <= named
    scraped = {name for name in named if prometheus.knows(f'{{__name__="{name}"}}')}
    assert named - scraped - recorded - ITS_OWN == NOT_YET


@pytest.mark.slow
@pytest.mark.django_db
def test_prometheus_keeps_the_trace_ids_of_durations(watched: Watched) -> None:
    """A point of a duration's graph leads to its trace: here that of a request whose caller had chosen it."""
    panel, prometheus = watched
    trace, metric = "7c" * 16, "django_http_requests_latency_seconds_by_view_method_bucket"

    def kept() -> bool:
        panel.get("/readyz", traceparent=f"00-{trace}-{'6b' * 8}-01")
        found = prometheus.exemplars(f'{metric}{{view="observability:readyz"}}')
        return any(exemplar["labels"] == {"trace_id": trace} for exemplar in found)

    panel.wait(kept, "the exemplar of a request")
    others = prometheus.exemplars("npanel_hosting_operation_duration_seconds_bucket")
    others += prometheus.exemplars("npanel_health_duration_seconds_bucket")
    assert others and all(re.fullmatch("[0-9a-f]{32}", one["labels"]["trace_id"]) for one in others)
