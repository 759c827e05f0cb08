"""All drills, by name. Those that load the machine come last."""

from tests.drills import faults
from tests.drills.faults import Drill, Held, kill_unit, node_drill, start_unit, stop_unit
from tests.drills.half_upgraded import HalfUpgraded
from tests.drills.in_flight import InFlight
from tests.drills.intruder import Intruder

_held = Held()
_flight = InFlight()
_intruder = Intruder()
_half = HalfUpgraded()

DRILLS: tuple[Drill, ...] = (
    Drill("routine", "maintenance", (), lambda stack: None),
    Drill("panel-down", "system-down", ("PanelDown",), stop_unit("npanel-admin"), start_unit("npanel-admin")),
    Drill("half-upgraded", "system-down", ("ErrorRateHigh",), _half.inject, _half.undo, after=_half.look),
    Drill(
        "database-down", "database-connection-failure", ("DatabaseDown",), stop_unit("mariadb"), start_unit("mariadb"),
        also=("ErrorRateHigh", "QueueStalled"),
    ),
    Drill(
        "database-crowded", "database-connection-failure", ("DatabaseConnectionsExhausted", "DatabaseDown"),
        _held.crowd, _held.let_go, also=("DatabaseSlow",),
    ),
    Drill("disk-full", "disk-full", ("DiskFull",), faults.fill_disk, faults.empty_disk, also=("DiskFilling",)),
    Drill(
        "high-memory", "high-memory", ("MemoryHigh",), faults.eat_memory, faults.restart_worker, also=("MemoryRising",)
    ),
    Drill("worker-killed", "queue-stalled", ("QueueStalled",), kill_unit("npanel-worker"), start_unit("npanel-worker")),
    node_drill("nginx-down", "HostingDaemonDown"),
    node_drill("node-mariadb-down", "HostingDaemonDown"),
    node_drill("dns-down", "DnsFailure", also=("HostingDaemonDown",)),
    Drill("resolver-down", "dns-failure", ("DnsFailure",), stop_unit("unbound"), start_unit("unbound")),
    Drill(
        "ssh-hang", "hosting-operation-timeouts", ("NodeDown",), _flight.hang, _flight.land, after=_flight.look,
    ),
    node_drill("mail-queue-grows", "MailQueueGrowing", hard=False),
    node_drill("node-down", "NodeDown", between=faults.power_on, also=("HostingDaemonDown", "DnsFailure")),
    Drill(
        "certificate-expired", "certificate-expiring", ("CertificateExpiring",), faults.expire_certificate,
        faults.renew_certificate,
    ),
    node_drill("broken-vhost", "Drift", hard=False),
    node_drill("drift", "Drift", hard=False),
    Drill(
        "audit-trigger-dropped", "audit-broken", ("AuditBroken",), faults.drop_trigger, faults.repair_triggers,
        hard=False,
    ),
    Drill(
        "audit-row-changed", "audit-broken", ("AuditBroken",), _intruder.change, _intruder.undo, hard=False,
    ),
    Drill(
        "audit-unsealed", "audit-broken", ("AuditUnsealed",), faults.stop_sealing, start_unit("npanel-sealer"),
        hard=False,
    ),
    Drill("missing-logs", "missing-logs-after-a-deletion", (), faults.delete_gone),
    Drill(
        "slow-sign-in", "slow-sign-in", ("SignInSlow",), _held.lock_people, _held.let_go, after=_held.sign_in_once,
        also=("ErrorRateHigh", "LatencyHigh"), hard=False, busy=True,
    ),
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
