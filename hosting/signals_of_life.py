"""Tells observability what there is to watch: nodes, zones, heartbeats and gauges."""

import time
from collections.abc import Iterable, Iterator
from datetime import timedelta

from django.db.models import Count, Exists, Min, OuterRef, Q
from django.db.models.functions import Coalesce
from django.utils import timezone

from hosting.adapters.base import Scope, adapters
from hosting.choices import (
    FINAL_STATES,
    CertificateSource,
    ConnectionKind,
    DriftState,
    NodeState,
    OperationKind,
    OperationState,
    ServiceState,
)
from hosting.connections.base import Run, perform
from hosting.desired import dns_address, node_facts, setup_resources
from hosting.errors import (
    AuthenticationRefused,
    ConnectionRefused,
    ConnectionTimedOut,
    HostingError,
    HostKeyChanged,
    OutcomeUnknown,
    UnknownHostKey,
)
from hosting.models import (
    AutoCertificate,
    Certificate,
    Domain,
    DriftItem,
    MailQueue,
    Node,
    Operation,
    Secondary,
    WorkerHeartbeat,
)
from hosting.models.certificate import SOON
from hosting.state import DaemonUnit
from observability.health.secondaries import MOST
from observability.health.targets import (
    Backlog,
    Daemon,
    Endings,
    Heartbeat,
    Target,
    alive_workers,
    heartbeat_age,
    register_backlog_provider,
    register_daemon_probe,
    register_drift_provider,
    register_endings_provider,
    register_heartbeat_provider,
    register_mail_provider,
    register_ssh_probe,
    register_targets,
)
from observability.metrics import GaugeSample, initialise_hosting_labels, register_gauge_provider

#: States in which a service's zones are certainly published.
_SERVED = (ServiceState.ACTIVE, ServiceState.SUSPENDED)
#: What was seen of a mail queue counts for so long.
_QUEUE_KNOWN_FOR = timedelta(minutes=10)
_A_DAY = timedelta(days=1)
_ERROR_TYPES: dict[type[HostingError], str] = {
    ConnectionRefused: "refused",
    ConnectionTimedOut: "timeout",
    HostKeyChanged: "host_key_changed",
    UnknownHostKey: "host_key_unknown",
    AuthenticationRefused: "auth",
    OutcomeUnknown: "dropped",
}


class NodeUnreachable(Exception):
    """A node did not answer; ``error_type`` is the metric's label."""

    def __init__(self, error: HostingError) -> None:
        super().__init__(error.detail)
        self.error_type = _ERROR_TYPES.get(type(error), "other")


def register() -> None:
    """Hand all providers to observability."""
    register_targets("node", _nodes)
    register_targets("ready_node", _ready_nodes)
    register_targets("dns", _name_servers)
    register_targets("secondary", _secondaries)
    register_ssh_probe(probe_node)
    register_daemon_probe(probe_daemons)
    register_heartbeat_provider(_heartbeats)
    register_backlog_provider(backlog)
    register_drift_provider(_drift_by_node)
    register_endings_provider(endings)
    register_mail_provider(_mail_by_node)
    register_gauge_provider(_gauges)
    initialise_hosting_labels(adapters(), OperationKind.values, FINAL_STATES)


def _nodes() -> Iterator[Target]:
    for node in Node.objects.exclude(state=NodeState.NEW):
        yield Target(
            node.name, node.address, node.ssh_port, {"node_id": node.pk, "ready": node.state == NodeState.READY}
        )


def _ready_nodes() -> Iterator[Target]:
    return (target for target in _nodes() if target.extra["ready"])


def _name_servers() -> Iterator[Target]:
    for node in Node.objects.filter(state=NodeState.READY):
        served = Domain.objects.filter(service__node=node, service__state__in=_SERVED, service__out_of_sync=False)
        zone = served.filter(has_zone=True).exclude(name_key=None).first()
        if zone is not None:
            local = node.connection == ConnectionKind.LOCAL and not node.public_addresses
            address = "127.0.0.1" if local else (node.public_addresses or [node.address])[0]
            yield Target(node.name, address, 53, {"zone": zone.name})


def _secondaries() -> Iterator[Target]:
    for row in Secondary.objects.filter(node__state=NodeState.READY).select_related("node"):
        if row.key_name in row.node.transfer_keys:
            yield secondary_target(row)


def secondary_target(row: Secondary) -> Target:
    """A secondary, with the zones of its node that changed last."""
    done = Operation.objects.filter(node=row.node, state=OperationState.SUCCEEDED, service__isnull=False)
    latest = list(done.order_by("-created_at").values_list("service_id", flat=True)[: 2 * MOST])
    served = Domain.objects.filter(service__state__in=_SERVED, service__out_of_sync=False, has_zone=True)
    found = served.filter(service__in=latest, service__node=row.node).exclude(name_key=None).order_by("-pk")
    zones = list(found.values_list("name", flat=True)[:MOST])
    return Target(f"{row.node.name}/{row.name}", row.address, 53, {"primary": dns_address(row.node), "zones": zones})


def probe_node(target: Target, timeout: float) -> None:
    """Run a command on a node over its kept connection.

    Raises:
        NodeUnreachable: with the metric's error type.
    """
    from hosting.operations.nodes import connect

    try:
        answers = connect(Node.objects.get(pk=target.extra["node_id"])).batch([Run(("true",), timeout=timeout)])
    except HostingError as error:
        raise NodeUnreachable(error) from error
    if isinstance(answers[0], HostingError):
        raise NodeUnreachable(answers[0])


def _heartbeats() -> Iterable[Heartbeat]:
    return [Heartbeat(row.name, row.at, row.details) for row in WorkerHeartbeat.objects.all()]


def probe_daemons(target: Target, timeout: float) -> list[Daemon]:
    """Ask systemd on a node about the units that its bootstrap set up, in one round trip.

    Raises:
        NodeUnreachable: with the metric's error type.
    """
    from hosting.operations.nodes import connect

    node = Node.objects.get(pk=target.extra["node_id"])
    facts = node_facts(node)
    units = tuple(unit for unit in setup_resources(facts).values() if isinstance(unit, DaemonUnit))
    if not units:
        return []
    scope = Scope(facts, owner="", setup=units)
    try:
        found = perform(connect(node), adapters()["node_setup"].observe(scope))
    except HostingError as error:
        raise NodeUnreachable(error) from error
    running = {unit.name for unit in found if isinstance(unit, DaemonUnit) and unit.running}
    return [Daemon(unit.daemon, unit.name, unit.name in running) for unit in units if unit.running]


def backlog() -> Backlog:
    """What a free worker could take now: not what waits for a node's next try, a paused node or another operation."""
    _pending, found = _waiting()
    return found


def _waiting() -> tuple[int, Backlog]:
    """How many operations wait for whatever reason, and those of them that a free worker could take now."""
    busy = Operation.objects.filter(target_key=OuterRef("target_key"), state=OperationState.RUNNING)
    free = Q(Q(not_before=None) | Q(not_before__lte=timezone.now()), ~Q(node__state=NodeState.PAUSED), ~Exists(busy))
    found = Operation.objects.filter(state=OperationState.PENDING).aggregate(
        pending=Count("pk"),
        waiting=Count("pk", filter=free),
        oldest=Min(Coalesce("not_before", "created_at"), filter=free),
    )
    age = (timezone.now() - found["oldest"]).total_seconds() if found["oldest"] else 0.0
    return found["pending"], Backlog(found["waiting"], max(0.0, age))


def endings() -> Endings:
    """When the certificates end that active services' sites are served with."""
    now = timezone.now()
    served = Domain.objects.filter(service__state=ServiceState.ACTIVE, name_key__isnull=False)
    used = Certificate.objects.filter(pk__in=served.exclude(certificate=None).values("certificate"))
    found = used.aggregate(
        first=Min("not_after"),
        ended=Count("pk", filter=Q(not_after__lte=now)),
        soon=Count("pk", filter=Q(not_after__gt=now, not_after__lte=now + SOON)),
    )
    return Endings(**found)


def _drift_by_node() -> dict[str, int]:
    by_node: dict[str, int] = {}
    for (node, _adapter), count in _open_drift().items():
        by_node[node] = by_node.get(node, 0) + count
    return by_node


def _open_drift() -> dict[tuple[str, str], int]:
    """Open differences by node and adapter, where there are any."""
    rows = DriftItem.objects.filter(state=DriftState.OPEN).values_list("node__name", "adapter")
    return {(node, adapter): count for node, adapter, count in rows.annotate(n=Count("pk"))}


def _gauges() -> Iterator[GaugeSample]:
    pending, free = _waiting()
    yield GaugeSample("npanel_operations_pending", float(pending))
    yield GaugeSample("npanel_operation_queue_age_seconds", free.oldest_seconds)
    yield GaugeSample("npanel_workers_alive", float(len(alive_workers())))
    if (age := heartbeat_age()) is not None:
        yield GaugeSample("npanel_worker_heartbeat_age_seconds", age.seconds)
    yield from _drift_gauges()
    yield GaugeSample("npanel_certificate_renewals_failing", float(_late_renewals()))
    yield from _mail_gauges()


def _late_renewals() -> int:
    """Automatic certificates of services that are there which failed to be renewed, or for whatever reason were not."""
    failed_or_late = Q(failures__gt=0) | Q(domain__certificate__not_after__lte=timezone.now() + SOON / 2)
    served = AutoCertificate.objects.filter(failed_or_late, domain__service__state__in=_SERVED)
    return served.filter(domain__certificate__source=CertificateSource.ACME).count()


def _drift_gauges() -> Iterator[GaugeSample]:
    """Every ready node has a number for every adapter, so that an alert sees a difference come and go."""
    nodes = Node.objects.filter(state=NodeState.READY).values_list("name", flat=True)
    nothing = {(name, adapter): 0 for name in nodes for adapter in adapters()}
    for (name, adapter), count in (nothing | _open_drift()).items():
        yield GaugeSample("npanel_drift_resources", float(count), {"node": name, "adapter": adapter})


def _mail_by_node() -> dict[str, int]:
    return {queue.node.name: queue.total for queue in _queues()}


def _queues() -> Iterable[MailQueue]:
    """Queues that were looked at lately: an old number is none."""
    ready = MailQueue.objects.filter(node__state=NodeState.READY, seen_at__gte=timezone.now() - _QUEUE_KNOWN_FOR)
    return ready.select_related("node")


def _mail_gauges() -> Iterator[GaugeSample]:
    for queue in _queues():
        labels = {"node": queue.node.name}
        waited = (timezone.now() - queue.oldest_at).total_seconds() if queue.oldest_at else 0.0
        yield GaugeSample("npanel_mail_queue_messages", float(queue.total), labels)
        yield GaugeSample("npanel_mail_queue_oldest_seconds", max(0.0, waited), labels)
        if queue.listed_at is not None:
            yield GaugeSample("npanel_mail_address_listed", float(len(queue.listed_on)), labels)


def beat(name: str) -> None:
    """Write a worker's sign of life."""
    WorkerHeartbeat.objects.update_or_create(
        name=name, defaults={"at": timezone.now(), "details": {"monotonic": round(time.monotonic(), 1)}}
    )
