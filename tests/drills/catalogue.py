"""All drills, by name. Those that load the machine come last."""

from tests.drills import faults
from tests.drills.faults import Drill, Held, kill_unit, on_node, start_unit, stop_unit

#: What the rules call it when a check is down, whatever the check.
_CHECKS = ("HealthCheckDown", "HealthCheckDegraded")
_held = Held()

DRILLS: tuple[Drill, ...] = (
    Drill("routine", "maintenance", (), lambda stack: None),
    Drill("panel-down", "system-down", ("PanelDown",), stop_unit("npanel-admin"), start_unit("npanel-admin")),
    Drill(
        "database-down", "database-connection-failure", ("DatabaseDown",), stop_unit("mariadb"), start_unit("mariadb"),
        also=("ErrorRateHigh", "QueueStalled", *_CHECKS),
    ),
    Drill(
        "database-crowded", "database-connection-failure", ("DatabaseConnectionsExhausted",), _held.crowd, _held.let_go
    ),
    Drill("disk-full", "disk-full", ("DiskFull",), faults.fill_disk, faults.empty_disk),
    Drill("high-memory", "high-memory", ("MemoryHigh",), faults.eat_memory, faults.restart_worker),
    Drill("worker-killed", "queue-stalled", ("QueueStalled",), kill_unit("npanel-worker"), start_unit("npanel-worker")),
    Drill(
        "nginx-down", "hosting-daemon-down", ("HostingDaemonDown",), on_node("systemctl", "stop", "nginx"),
        on_node("systemctl", "start", "nginx"),
    ),
    Drill(
        "node-mariadb-down", "hosting-daemon-down", ("HostingDaemonDown",), on_node("systemctl", "stop", "mariadb"),
        on_node("systemctl", "start", "mariadb"),
    ),
    Drill(
        "dns-down", "dns-failure", ("DnsFailure",), on_node("systemctl", "stop", "pdns"),
        on_node("systemctl", "start", "pdns"),
    ),
    Drill("resolver-down", "dns-failure", ("DnsFailure",), stop_unit("unbound"), start_unit("unbound")),
    Drill("ssh-hang", "hosting-operation-timeouts", ("NodeDown",), faults.hang_ssh, faults.free_ssh),
    Drill(
        "node-down", "node-down", ("NodeDown",), faults.cut_power, faults.power_on, between=faults.power_on
    ),
    Drill(
        "certificate-expired", "certificate-expiring", ("CertificateExpiring",), faults.expire_certificate,
        faults.renew_certificate,
    ),
    Drill("broken-vhost", "broken-vhost", (), faults.break_vhost, faults.mend_service),
    Drill("drift", "drift", ("Drift",), faults.comment_vhost, faults.mend_service, hard=False),
    Drill(
        "audit-trigger-dropped", "audit-broken", ("AuditBroken",), faults.drop_trigger, faults.repair_triggers,
        hard=False,
    ),
    Drill("missing-logs", "missing-logs-after-a-deletion", (), faults.delete_gone),
    Drill("slow-sign-in", "slow-sign-in", ("SignInSlow",), _held.lock_people, _held.let_go, hard=False, busy=True),
    Drill("high-cpu", "high-cpu", ("CpuHigh",), faults.burn_cpu, faults.restart_worker, hard=False, busy=True),
)  # fmt: skip


def find(name: str) -> Drill:
    """The drill of this name.

    Raises:
        LookupError: there is none; the message has all names.
    """
    for drill in DRILLS:
        if drill.name == name:
            return drill
    raise LookupError(f"There is no drill called {name!r}; there are: {', '.join(one.name for one in DRILLS)}.")
