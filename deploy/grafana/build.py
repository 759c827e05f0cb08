"""Writes the five Grafana dashboards: ``python deploy/grafana/build.py [--runbook-base URL]``.

What they show is said here in one line a panel; the JSON files beside it are what Grafana reads.
Only the standard library is used.
"""

import argparse
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

TARGET = Path(__file__).resolve().parent / "dashboards"
#: Where docs/runbook can be read: as ``runbook_base`` in deploy/prometheus/prometheus.yml.
RUNBOOK_BASE = "https://git.example/npanel/blob/main"
SCHEMA_VERSION = 39
COLUMNS = 24
SOURCE = {"type": "prometheus", "uid": "${datasource}"}

RATIO, SECONDS, REQUESTS, EVENTS, COUNT, BYTES, DAYS = "percentunit", "s", "reqps", "cps", "short", "Bps", "d"
#: Probes and scrapes are no work of people.
WORK = 'view!~"observability:.*"'
RESPONSES = "django_http_responses_total_by_status_view_method_total"
LATENCY = "django_http_requests_latency_seconds_by_view_method"
UNWELL = 'status=~"failed|rolled_back|rollback_failed"'
#: 1 is up, 0.5 degraded, 0 down.
STATES = (("0", "down", "red"), ("0.5", "degraded", "orange"), ("1", "up", "green"))


@dataclass(frozen=True, slots=True)
class Panel:
    """One panel.

    Args:
        kind: stat, timeseries, state-timeline or table. queries: pairs of an expression and its legend.
        runbook: a page of docs/runbook without its end. limits: where a value turns orange and red.
        exemplars: whether dots lead to traces. states: whether values are those of health checks.
    """

    title: str
    says: str
    queries: tuple[tuple[str, str], ...]
    unit: str = COUNT
    kind: str = "timeseries"
    width: int = 8
    runbook: str = ""
    limits: tuple[float, float] | None = None
    exemplars: bool = False
    states: bool = False


def one(title: str, says: str, expression: str, unit: str = COUNT, **more: Any) -> Panel:
    """A panel with one number."""
    return Panel(title, says, ((expression, ""),), unit, "stat", more.pop("width", 4), **more)


def lines(title: str, says: str, *queries: tuple[str, str], unit: str = COUNT, **more: Any) -> Panel:
    """A panel with lines over time."""
    return Panel(title, says, queries, unit, **more)


def share(part: str, whole: str) -> str:
    """A share that is 0 where there was none of the part, and absent where there was nothing at all."""
    return f"({part} or vector(0)) / ({whole} > 0)"


def p(quantile: float, metric: str, by: str = "", where: str = "") -> str:
    """A quantile of a histogram."""
    labels = f"le, {by}" if by else "le"
    chosen = f"{{{where}}}" if where else ""
    return f"histogram_quantile({quantile}, sum by ({labels}) (rate({metric}_bucket{chosen}[$__rate_interval])))"


def rate(metric: str, by: str = "", where: str = "") -> str:
    """How often a second."""
    chosen = f"{{{where}}}" if where else ""
    return f"sum{f' by ({by}) ' if by else ''}(rate({metric}{chosen}[$__rate_interval]))"


OBSERVED = rate(RESPONSES, where=WORK)
ERRORS = rate(RESPONSES, where=f'status=~"5..",{WORK}')
REQUEST_RATE = lines("Requests", "Requests a second of people and programs, without probes.", (OBSERVED, "requests"),
                     unit=REQUESTS, runbook="system-down")  # fmt: skip
ERROR_SHARE = lines("Errors", "Share of requests that were answered with an error of the panel. Alert above 5 %.",
                    (share(ERRORS, OBSERVED), "errors"), unit=RATIO, limits=(0.01, 0.05),
                    runbook="system-down")  # fmt: skip
LATENCIES = lines(
    "Time of a request", "Half, 95 and 99 of 100 requests were faster. Alert when p95 is above 1 s.",
    *((p(q, LATENCY, where=WORK), f"p{int(q * 100)}") for q in (0.5, 0.95, 0.99)),
    unit=SECONDS, exemplars=True, runbook="high-cpu",
)  # fmt: skip
QUEUE = lines("Waiting operations", "Operations that no worker has taken yet.",
              ("max(npanel_operations_pending)", "waiting"), runbook="queue-stalled")  # fmt: skip
QUEUE_AGE = lines("Age of the queue", "How long the oldest operation has waited. Alert above 5 min.",
                  ("max(npanel_operation_queue_age_seconds)", "oldest"), unit=SECONDS, limits=(60, 300),
                  runbook="queue-stalled")  # fmt: skip
DISK = lines(
    "Fullest disk", "Used part of the fullest file system, and in three days at this pace. Alert at 80 and 90 %.",
    ("max(npanel_disk_used_ratio)", "used"),
    ("clamp(max(predict_linear(npanel_disk_used_ratio[6h], 3 * 86400)), 0, 2)", "in three days"),
    unit=RATIO, limits=(0.8, 0.9), runbook="disk-full",
)  # fmt: skip
MEMORY = lines("Memory", "Used part of the panel machine's memory. Alert at 80 and 85 %.",
               ("max(npanel_memory_used_ratio)", "used"), unit=RATIO, limits=(0.8, 0.85),
               runbook="high-memory")  # fmt: skip
CPU = lines("Processors", "Used part of the panel machine's processors.", ("max(npanel_cpu_used_ratio)", "used"),
            unit=RATIO, limits=(0.85, 0.97), runbook="high-cpu")  # fmt: skip
CONNECTIONS = lines("Database connections", "Used part of the database's connections. Alert at 90 %.",
                    ("max(npanel_db_connections_used_ratio)", "used"), unit=RATIO, limits=(0.75, 0.9),
                    runbook="database-connection-failure")  # fmt: skip
SSH = lines("SSH failures", "Failed attempts to reach a node, by reason.",
            (rate("npanel_ssh_failures_total", "error_type"), "{{error_type}}"), unit=EVENTS,
            runbook="node-down")  # fmt: skip
DNS = lines("DNS failures", "Queries of the health check without a usable answer.",
            (rate("npanel_dns_failures_total"), "failures"), unit=EVENTS, runbook="dns-failure")  # fmt: skip
SECONDARIES = lines("Secondaries", "Zones that a secondary name server has not as its primary does.",
                    ("max by (node) (npanel_dns_secondary_zones_behind)", "{{node}}"),
                    runbook="dns-failure")  # fmt: skip
DAEMONS = Panel("Daemons", "The hosting daemons of each node.",
                (("min by (node, adapter) (npanel_hosting_service_health)", "{{node}} {{adapter}}"),),
                kind="state-timeline", width=12, states=True, runbook="hosting-daemon-down")  # fmt: skip

OVERVIEW = (
    one("Panel", "Whether Prometheus reads the panel.", 'min(up{job="npanel"})', states=True, runbook="system-down"),
    one("Alerts", "Alerts that fire now.", 'count(ALERTS{alertstate="firing"}) or vector(0)', limits=(1, 5),
        runbook="README"),
    one("Checks down", "Health checks that say down.", "count(npanel_health_status == 0) or vector(0)", limits=(1, 3),
        runbook="README"),
    one("Workers", "Workers that gave a sign of life lately.", "min(npanel_workers_alive)", runbook="queue-stalled"),
    one("Open drift", "Resources on nodes that are not as wanted.", "sum(npanel_drift_resources) or vector(0)",
        limits=(1, 20), runbook="drift"),
    one("Acting as others", "Operators who act as somebody else now.", "max(npanel_auth_impersonation_active)"),
    REQUEST_RATE, ERROR_SHARE, LATENCIES,
    lines("Operations", "Finished operations a second, by how they ended.",
          (rate("npanel_hosting_operations_total", "status"), "{{status}}"), unit=EVENTS,
          runbook="hosting-operation-timeouts"),
    QUEUE, QUEUE_AGE, DISK, MEMORY, CPU,
    lines("Sign-ins", "Attempts to sign in, by result.",
          (rate("npanel_auth_login_attempts_total", "status"), "{{status}}"), unit=EVENTS, runbook="slow-sign-in"),
    lines("Audit events", "Committed audit events, by outcome.",
          (rate("npanel_audit_events_total", "outcome"), "{{outcome}}"), unit=EVENTS, runbook="audit-broken"),
    Panel("Version", "Which version runs.", (("npanel_build_info", "{{version}}"),), kind="table"),
)  # fmt: skip

PERFORMANCE = (
    REQUEST_RATE, ERROR_SHARE, LATENCIES,
    lines("Busiest pages", "The ten views with most requests.",
          (f"topk(10, {rate(f'{LATENCY}_count', 'view', WORK)})", "{{view}}"), unit=REQUESTS, width=12),
    lines("Slowest pages", "p95 of the ten slowest views.", (f"topk(10, {p(0.95, LATENCY, 'view', WORK)})", "{{view}}"),
          unit=SECONDS, width=12, exemplars=True, runbook="high-cpu"),
    lines("Answers", "Answers a second, by status.", (rate(RESPONSES, "status", WORK), "{{status}}"), unit=REQUESTS),
    lines("Objectives", "Share of events slower than their objective. The budget of each is 5 %.",
          ("max by (objective) (npanel:slow:ratio_rate5m)", "{{objective}}"), unit=RATIO, limits=(0.05, 0.3),
          runbook="high-cpu"),
    lines("Time to sign in", "The form, hash included. The objective is 200 ms for 95 of 100.",
          *((p(q, "npanel_auth_login_duration_seconds"), f"p{int(q * 100)}") for q in (0.5, 0.95)), unit=SECONDS,
          exemplars=True, runbook="slow-sign-in"),
    lines("Time of a statement", "Half and 95 of 100 database statements were faster.",
          *((p(q, "npanel_db_query_duration_seconds"), f"p{int(q * 100)}") for q in (0.5, 0.95)), unit=SECONDS,
          runbook="database-connection-failure"),
    lines("Statements", "Database statements a second.", (rate("npanel_db_query_duration_seconds_count"), "statements"),
          unit=EVENTS, runbook="database-connection-failure"),
    CONNECTIONS, CPU, MEMORY,
    lines("Replica", "How far a replica of the database is behind.",
          ("max(npanel_db_replication_lag_seconds)", "behind"), unit=SECONDS, limits=(10, 60),
          runbook="database-connection-failure"),
)  # fmt: skip

MIGRATION = (
    one("Accounts waiting", "Accounts whose migration has not begun. Alert above 1,000.",
        'sum(npanel_migration_accounts{status="pending"})', limits=(500, 1000), runbook="migration-job-failures"),
    one("Accounts running", "Accounts that are taken over now.", 'sum(npanel_migration_accounts{status="running"})'),
    one("Accounts partial", "Accounts of which something is missing.",
        'sum(npanel_migration_accounts{status="partial"})', limits=(1, 10), runbook="partial-migration"),
    one("Accounts failed", "Accounts that could not be taken over.",
        'sum(npanel_migration_accounts{status="failed"})', limits=(1, 10), runbook="migration-job-failures"),
    one("Jobs in an hour", "Jobs that ended in the last hour.",
        "sum(increase(npanel_migration_jobs_completed_total[1h]))"),
    one("Taken over in an hour", "What was copied from sources in the last hour.",
        "sum(increase(npanel_migration_bytes_total[1h]))", "bytes"),
    lines("Jobs started", "Jobs a second, by kind of source.",
          (rate("npanel_migration_jobs_total", "source_type"), "{{source_type}}"), unit=EVENTS),
    lines("Jobs ended", "Jobs a second, by how they ended.",
          (rate("npanel_migration_jobs_completed_total", "status"), "{{status}}"), unit=EVENTS,
          runbook="migration-job-failures"),
    lines("Time of a job", "95 of 100 jobs were faster, by kind of source.",
          (p(0.95, "npanel_migration_job_duration_seconds", "source_type"), "{{source_type}}"), unit=SECONDS),
    lines("Accounts", "Accounts in migration jobs, by state.",
          ("sum by (status) (npanel_migration_accounts)", "{{status}}"), runbook="partial-migration"),
    lines("Copied", "Bytes a second from all sources.", (rate("npanel_migration_bytes_total"), "copied"), unit=BYTES),
    lines("SSH failures of sources", "Failed attempts to reach a source, by reason.",
          (rate("npanel_migration_ssh_errors_total", "error_type"), "{{error_type}}"), unit=EVENTS,
          runbook="migration-job-failures"),
)  # fmt: skip

HOSTING = (
    lines("Operations by adapter", "Finished operations a second.",
          (rate("npanel_hosting_operations_total", "adapter"), "{{adapter}}"), unit=EVENTS, width=12,
          runbook="hosting-operation-timeouts"),
    lines("Not succeeded", "Operations that failed or were rolled back, by adapter.",
          (rate("npanel_hosting_operations_total", "adapter, status", UNWELL), "{{adapter}} {{status}}"), unit=EVENTS,
          width=12, runbook="hosting-operation-timeouts"),
    lines("Time of an operation", "95 of 100 were faster, by adapter: from its start to its proof.",
          (p(0.95, "npanel_hosting_operation_duration_seconds", "adapter"), "{{adapter}}"), unit=SECONDS,
          exemplars=True, runbook="hosting-operation-timeouts"),
    QUEUE, QUEUE_AGE, DAEMONS,
    lines("Drift", "Resources that are not as wanted, by node and adapter.",
          ("sum by (node, adapter) (npanel_drift_resources)", "{{node}} {{adapter}}"), width=12, runbook="drift"),
    SSH, DNS,
    lines("Workers", "Workers that gave a sign of life lately.", ("min(npanel_workers_alive)", "workers"),
          runbook="queue-stalled"),
)  # fmt: skip

HEALTH = (
    Panel("Checks", "What each health check says of each target.",
          (("min by (check, node) (npanel_health_status)", "{{check}} {{node}}"),), kind="state-timeline", width=12,
          states=True, runbook="README"),
    DAEMONS,
    lines("Time of a check", "95 of 100 looks were faster, by check.",
          (p(0.95, "npanel_health_duration_seconds", "check"), "{{check}}"), unit=SECONDS, width=12),
    lines("Sign of life", "Age of the youngest sign of life of any worker. Alert above 30 s.",
          ("max(npanel_worker_heartbeat_age_seconds)", "age"), unit=SECONDS, limits=(15, 30), width=12,
          runbook="queue-stalled"),
    DISK, MEMORY, CONNECTIONS,
    one("Certificate", "Days until the first of the panel's certificates ends.",
        "(min(npanel_certificate_expiry_timestamp_seconds) - time()) / 86400", DAYS, runbook="certificate-expiring"),
    one("Audit", "Whether the latest verification of the audit log found nothing wrong.", "min(npanel_audit_verify_ok)",
        states=True, runbook="audit-broken"),
    one("Unsealed", "Age of the oldest audit event that is not sealed. Alert above 2 min.",
        "max(npanel_audit_unsealed_age_seconds)", SECONDS, limits=(60, 120), runbook="audit-broken"),
    one("Backup", "Age of the latest good backup. Alert above 26 h.",
        "time() - max(npanel_backup_last_success_timestamp_seconds)", SECONDS, limits=(86400, 93600),
        runbook="backup-stale"),
    one("Restore proved", "Since a restored backup was last verified. Alert above 8 d.",
        "time() - max(npanel_backup_restore_verified_timestamp_seconds)", SECONDS, limits=(604800, 691200),
        runbook="backup-stale"),
    one("Replica", "How far a replica of the database is behind.", "max(npanel_db_replication_lag_seconds)", SECONDS,
        limits=(10, 60), runbook="database-connection-failure"),
    SSH, DNS, SECONDARIES, CPU,
)  # fmt: skip

DASHBOARDS: dict[str, tuple[str, str, tuple[Panel, ...]]] = {
    "overview": ("Overview", "Whether all is well, at a glance.", OVERVIEW),
    "performance": ("Performance", "How fast pages, sign-in and database are.", PERFORMANCE),
    "migration": ("Migration", "Accounts that come from elsewhere. Empty until there are migrations.", MIGRATION),
    "hosting": ("Hosting", "Operations, queue, daemons and drift of nodes.", HOSTING),
    "health": ("Health", "Checks, capacity, and what must be true to be trusted.", HEALTH),
}


def dashboard(name: str, runbook_base: str = RUNBOOK_BASE) -> dict[str, Any]:
    """One dashboard as Grafana reads it."""
    title, says, panels = DASHBOARDS[name]
    return {
        "uid": f"npanel-{name}", "title": f"NPanel {title.lower()}", "description": says, "tags": ["npanel"],
        "schemaVersion": SCHEMA_VERSION, "version": 1, "editable": False, "graphTooltip": 1, "refresh": "30s",
        "time": {"from": "now-6h", "to": "now"}, "timezone": "browser", "annotations": {"list": [_firing()]},
        "links": [_link("Runbook", f"{runbook_base}/docs/runbook/README.md"), _siblings()],
        "templating": {"list": [_datasource()]},
        "panels": [
            _panel(number, panel, place, runbook_base)
            for number, (panel, place) in enumerate(zip(panels, _places(panels), strict=True), 1)
        ],
    }  # fmt: skip


def _places(panels: Sequence[Panel]) -> list[dict[str, int]]:
    """From left to right; a row is as high as its highest panel."""
    places, x, y, height = [], 0, 0, 0
    for panel in panels:
        if x + panel.width > COLUMNS:
            x, y, height = 0, y + height, 0
        own = 4 if panel.kind == "stat" else 8
        places.append({"x": x, "y": y, "w": panel.width, "h": own})
        x, height = x + panel.width, max(height, own)
    return places


def _panel(number: int, panel: Panel, place: dict[str, int], runbook_base: str) -> dict[str, Any]:
    links = [_link("Runbook", f"{runbook_base}/docs/runbook/{panel.runbook}.md")] if panel.runbook else []
    return {
        "id": number, "type": panel.kind, "title": panel.title, "description": panel.says, "gridPos": place,
        "datasource": SOURCE, "links": links, "options": _options(panel), "targets": _targets(panel),
        "fieldConfig": {"defaults": _defaults(panel), "overrides": []},
    }  # fmt: skip


def _targets(panel: Panel) -> list[dict[str, Any]]:
    now = panel.kind in ("stat", "table")
    return [
        {
            "refId": chr(65 + number), "expr": expression, "legendFormat": legend or "__auto", "datasource": SOURCE,
            "instant": now, "range": not now, "format": "table" if panel.kind == "table" else "time_series",
            "exemplar": panel.exemplars,
        }
        for number, (expression, legend) in enumerate(panel.queries)
    ]  # fmt: skip


def _options(panel: Panel) -> dict[str, Any]:
    if panel.kind == "stat":
        return {"reduceOptions": {"calcs": ["lastNotNull"], "fields": "", "values": False}, "colorMode": "value"}
    if panel.kind == "timeseries":
        return {"legend": {"displayMode": "list", "placement": "bottom"}, "tooltip": {"mode": "multi"}}
    return {"showValue": "never", "mergeValues": True} if panel.kind == "state-timeline" else {"showHeader": True}


def _defaults(panel: Panel) -> dict[str, Any]:
    steps: list[dict[str, Any]] = [{"color": "green", "value": None}]
    steps += [{"color": c, "value": v} for c, v in zip(("orange", "red"), panel.limits or (), strict=False)]
    found: dict[str, Any] = {"unit": panel.unit, "noValue": "no data", "min": 0,
                             "thresholds": {"mode": "absolute", "steps": steps}}  # fmt: skip
    if panel.states:
        words = {value: {"text": text, "color": color, "index": n} for n, (value, text, color) in enumerate(STATES)}
        found["mappings"] = [{"type": "value", "options": words}]
    return found


def _link(title: str, url: str) -> dict[str, Any]:
    return {"title": title, "url": url, "type": "link", "icon": "doc", "targetBlank": True}


def _siblings() -> dict[str, Any]:
    return {"title": "NPanel", "type": "dashboards", "tags": ["npanel"], "asDropdown": True, "keepTime": True}


def _firing() -> dict[str, Any]:
    return {"name": "Alerts", "enable": True, "iconColor": "red", "datasource": SOURCE,
            "expr": 'ALERTS{alertstate="firing",severity=~"page|critical"}',
            "titleFormat": "{{alertname}}"}  # fmt: skip


def _datasource() -> dict[str, Any]:
    return {"name": "datasource", "label": "Prometheus", "type": "datasource", "query": "prometheus", "hide": 0}


def text_of(name: str, runbook_base: str = RUNBOOK_BASE) -> str:
    """The file's text."""
    return json.dumps(dashboard(name, runbook_base), indent=2, ensure_ascii=False) + "\n"


def main() -> None:
    """Write the files."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runbook-base", default=RUNBOOK_BASE, help="where docs/runbook can be read")
    base = parser.parse_args().runbook_base.rstrip("/")
    for name in DASHBOARDS:
        (TARGET / f"{name}.json").write_text(text_of(name, base), encoding="utf-8")


if __name__ == "__main__":
    main()
