"""Names every metric of OPERATIONS §4 and offers the helpers that feed them."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from django.conf import settings
from prometheus_client import Counter, Gauge, Histogram
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.metrics_core import Metric

from observability import exemplars
from observability.logging import get_logger
from observability.multiprocess import mark_process_dead, merge_dead_processes, prepare_multiprocess_dir
from observability.operations import METRICS_SCRAPE

__all__ = ["mark_process_dead", "merge_dead_processes", "prepare_multiprocess_dir"]

_OPERATION_BUCKETS = (0.1, 0.25, 0.5, 1.0, 2.5, 10.0, 60.0, 600.0, float("inf"))
_PROBE_BUCKETS = (0.005, 0.025, 0.1, 0.2, 0.25, 0.5, 1.0, 2.0, 5.0, float("inf"))
_QUERY_BUCKETS = (0.0005, 0.001, 0.005, 0.025, 0.1, 0.5, 2.5, 10.0, float("inf"))

SSH_ERROR_TYPES = ("refused", "timeout", "host_key_changed", "host_key_unknown", "auth", "dropped", "other")
AUDIT_OUTCOMES = ("requested", "succeeded", "failed", "rolled_back", "denied", "cancelled", "expired")

hosting_operations = Counter(
    "npanel_hosting_operations_total", "Finished hosting operations.", ["adapter", "operation", "status"]
)
hosting_operation_duration = Histogram(
    "npanel_hosting_operation_duration_seconds",
    "From the start of a hosting operation to its proof.",
    ["adapter", "operation"],
    buckets=_OPERATION_BUCKETS,
)
hosting_service_health_gauge = Gauge(
    "npanel_hosting_service_health",
    "Health of a hosting daemon on a node: 1 up, 0.5 degraded, 0 down.",
    ["adapter", "node"],
    multiprocess_mode="mostrecent",
)
health_status = Gauge(
    "npanel_health_status",
    "Result of a health check: 1 up, 0.5 degraded, 0 down.",
    ["check", "node"],
    multiprocess_mode="mostrecent",
)
health_duration = Histogram(
    "npanel_health_duration_seconds", "How long a health check took.", ["check"], buckets=_PROBE_BUCKETS
)
disk_used_ratio = Gauge(
    "npanel_disk_used_ratio", "Used part of the fullest file system watched.", multiprocess_mode="mostrecent"
)
memory_used_ratio = Gauge(
    "npanel_memory_used_ratio", "Used part of the panel machine's memory.", multiprocess_mode="mostrecent"
)
db_connections_used_ratio = Gauge(
    "npanel_db_connections_used_ratio", "Used part of the database's connections.", multiprocess_mode="mostrecent"
)
db_query_duration = Histogram(
    "npanel_db_query_duration_seconds", "Time of each database statement.", buckets=_QUERY_BUCKETS
)
db_replication_lag = Gauge(
    "npanel_db_replication_lag_seconds", "How far a replica is behind.", multiprocess_mode="mostrecent"
)
ssh_failures = Counter("npanel_ssh_failures_total", "Failed attempts to reach a node by SSH.", ["error_type"])
dns_failures = Counter("npanel_dns_failures_total", "DNS queries of the health check without a usable answer.")
dns_secondary_behind = Gauge(
    "npanel_dns_secondary_zones_behind",
    "Zones that a secondary name server has not as its primary does, of those that changed last.",
    ["node"],
    multiprocess_mode="mostrecent",
)
audit_events = Counter("npanel_audit_events_total", "Audit events committed.", ["outcome"])

cpu_used_ratio = Gauge(
    "npanel_cpu_used_ratio", "Used part of the panel machine's processors.", multiprocess_mode="mostrecent"
)
certificate_expiry = Gauge(
    "npanel_certificate_expiry_timestamp_seconds",
    "When a certificate runs out; kind says whose, never for which name.",
    ["kind"],
    multiprocess_mode="mostrecent",
)

LOGIN_STATUSES = ("succeeded", "failed", "throttled")
login_attempts = Counter("npanel_auth_login_attempts_total", "Attempts to sign in.", ["status"])
login_duration = Histogram(
    "npanel_auth_login_duration_seconds",
    "How long the sign-in form took, hash included.",
    buckets=_PROBE_BUCKETS,
)

# Migrations are not built yet: nothing has been counted, which is what these say (docs/adr/0016-metrics.md).
MIGRATION_ENDS = ("succeeded", "partial", "failed", "rolled_back", "cancelled")
MIGRATION_ACCOUNT_STATUSES = ("pending", "running", *MIGRATION_ENDS)
MIGRATION_ERROR_TYPES = SSH_ERROR_TYPES
migration_jobs = Counter("npanel_migration_jobs_total", "Migration jobs that were started.", ["source_type"])
migration_jobs_completed = Counter("npanel_migration_jobs_completed_total", "Migration jobs that ended.", ["status"])
migration_job_duration = Histogram(
    "npanel_migration_job_duration_seconds",
    "From the start of a migration job to its end.",
    ["source_type"],
    buckets=(10.0, 60.0, 300.0, 900.0, 3600.0, 14_400.0, 86_400.0, float("inf")),
)
migration_ssh_errors = Counter(
    "npanel_migration_ssh_errors_total", "Failed attempts to reach a migration's source by SSH.", ["error_type"]
)
migration_bytes = Counter("npanel_migration_bytes_total", "Bytes taken over from migrations' sources.")


def initialise_known_labels() -> None:
    """Start the fixed label sets at 0, so that a rate exists before the first failure."""
    for end in MIGRATION_ENDS:
        migration_jobs_completed.labels(status=end)
    for error_type in MIGRATION_ERROR_TYPES:
        migration_ssh_errors.labels(error_type=error_type)
    for error_type in SSH_ERROR_TYPES:
        ssh_failures.labels(error_type=error_type)
    for outcome in AUDIT_OUTCOMES:
        audit_events.labels(outcome=outcome)
    for status in LOGIN_STATUSES:
        login_attempts.labels(status=status)


def login_attempted(status: str) -> None:
    """Count one attempt to sign in; ``status`` is one of :data:`LOGIN_STATUSES`."""
    login_attempts.labels(status=status).inc()


def initialise_hosting_labels(adapters: Iterable[str], operations: Iterable[str], statuses: Iterable[str]) -> None:
    """Start every combination of the hosting counter at 0.

    Not that of the durations: quantiles need no zero, and their buckets would be most of each scrape.
    """
    kinds, ends = list(operations), list(statuses)
    for adapter in adapters:
        for operation in kinds:
            for status in ends:
                hosting_operations.labels(adapter=adapter, operation=operation, status=status)


def operation_finished(*, adapter: str, operation: str, status: str, duration_seconds: float) -> None:
    """Count one finished operation of ``adapter`` and its time in seconds; all labels come from closed lists."""
    hosting_operations.labels(adapter=adapter, operation=operation, status=status).inc()
    exemplars.observe(hosting_operation_duration, duration_seconds, adapter=adapter, operation=operation)


def hosting_service_health(*, adapter: str, node: str, healthy: float) -> None:
    """Record a daemon's health on a node: 1 up, 0.5 degraded, 0 down."""
    hosting_service_health_gauge.labels(adapter=adapter, node=node).set(healthy)


def ssh_failed(error_type: str) -> None:
    """Count a failed SSH attempt; an unknown ``error_type`` counts as ``other``."""
    ssh_failures.labels(error_type=error_type if error_type in SSH_ERROR_TYPES else "other").inc()


def dns_failed() -> None:
    """Count a DNS query without a usable answer."""
    dns_failures.inc()


# --- gauges that are computed when somebody looks ------------------------------------------------------------

_LIVE_GAUGES: dict[str, tuple[str, tuple[str, ...]]] = {
    "npanel_certificate_renewals_failing": ("Automatic certificates whose last renewal failed.", ()),
    "npanel_operations_pending": ("Operations that wait for a worker.", ()),
    "npanel_operation_queue_age_seconds": ("Age of the oldest waiting operation.", ()),
    "npanel_auth_impersonation_active": ("Operators who act as somebody else now.", ()),
    "npanel_drift_resources": ("Resources that differ from what was wanted.", ("node", "adapter")),
    "npanel_mail_address_listed": ("Blocklists that have an address of a node that sends mail.", ("node",)),
    "npanel_mail_queue_messages": ("Messages that wait in a node's mail queue.", ("node",)),
    "npanel_mail_queue_oldest_seconds": ("How long the oldest message of a node's mail queue has waited.", ("node",)),
    "npanel_audit_unsealed_age_seconds": ("Age of the oldest audit event that is not sealed yet.", ()),
    "npanel_audit_verify_ok": ("Whether the latest verification of the audit log found nothing wrong: 1 or 0.", ()),
    "npanel_backup_last_success_timestamp_seconds": ("When the latest backup succeeded.", ()),
    "npanel_backup_restore_verified_timestamp_seconds": ("When a restored backup was last verified.", ()),
    "npanel_migration_accounts": ("Accounts in migration jobs, by state.", ("status",)),
    "npanel_workers_alive": ("Workers that gave a sign of life lately.", ()),
    "npanel_worker_heartbeat_age_seconds": ("Age of the youngest sign of life of any worker.", ()),
}
#: Live gauges with one closed label start at 0 as well.
_LIVE_LABELS: dict[str, tuple[str, ...]] = {"npanel_migration_accounts": MIGRATION_ACCOUNT_STATUSES}
#: Gauges about something that may go away: a value that nobody renews is no value (see observability.exposition).
PERISHABLE = frozenset({"npanel_health_status", "npanel_hosting_service_health", "npanel_dns_secondary_zones_behind"})
#: Longer than two periods of the worker's health checks with their time limits.
PERISHED_SECONDS = 120.0


def declared() -> list[Metric]:
    """Name, type and help of everything this module names, without values."""
    own = [value for value in globals().values() if isinstance(value, Counter | Gauge | Histogram)]
    return [family for metric in own for family in metric.describe()]


@dataclass(frozen=True, slots=True)
class GaugeSample:
    """One value of a live gauge; ``name`` is one of the names declared in this module."""

    name: str
    value: float
    labels: Mapping[str, str] = field(default_factory=dict)


GaugeProvider = Callable[[], Iterable[GaugeSample]]
_providers: list[GaugeProvider] = []


def register_gauge_provider(provider: GaugeProvider) -> None:
    """Have ``provider`` called at each scrape for the current values of live gauges."""
    if provider not in _providers:
        _providers.append(provider)


class LiveCollector:
    """Yields the gauges that only the database knows, and the build, at the moment of a scrape."""

    def collect(self) -> Iterator[Metric]:
        families = {name: GaugeMetricFamily(name, text, labels=labels) for name, (text, labels) in _LIVE_GAUGES.items()}
        for sample in _samples():
            _, labels = _LIVE_GAUGES[sample.name]
            families[sample.name].add_metric([sample.labels[label] for label in labels], sample.value)
        for name, values in _LIVE_LABELS.items():
            told = {value for sample in families[name].samples for value in sample.labels.values()}
            for value in values:
                if value not in told:
                    families[name].add_metric([value], 0)
        yield from families.values()
        build = GaugeMetricFamily("npanel_build_info", "The running version.", labels=("version",))
        build.add_metric([str(getattr(settings, "NPANEL_VERSION", "0"))], 1)
        yield build


def _samples() -> Iterator[GaugeSample]:
    for provider in _providers:
        try:
            yield from list(provider())
        except Exception as error:  # noqa: BLE001 - a broken provider must not take the other metrics with it
            get_logger(METRICS_SCRAPE).error(
                "gauge provider failed", provider=getattr(provider, "__qualname__", ""), exc_info=error, status="failed"
            )
