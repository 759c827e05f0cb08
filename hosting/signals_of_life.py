"""Tells observability what there is to watch: nodes, zones, heartbeats and gauges."""

import time
from collections.abc import Iterable, Iterator

from django.db.models import Count, Min
from django.utils import timezone

from hosting.adapters.base import adapters
from hosting.choices import ConnectionKind, DriftState, NodeState, OperationKind, OperationState, ServiceState
from hosting.connections.base import Run
from hosting.errors import (
    AuthenticationRefused,
    ConnectionRefused,
    ConnectionTimedOut,
    HostingError,
    HostKeyChanged,
    OutcomeUnknown,
    UnknownHostKey,
)
from hosting.models import Domain, DriftItem, Node, Operation, WorkerHeartbeat
from observability.health.targets import (
    Heartbeat,
    Target,
    register_heartbeat_provider,
    register_ssh_probe,
    register_targets,
)
from observability.metrics import GaugeSample, initialise_hosting_labels, register_gauge_provider

#: States in which a service's zones are certainly published.
_SERVED = (ServiceState.ACTIVE, ServiceState.SUSPENDED)
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
    register_targets("dns", _name_servers)
    register_ssh_probe(probe_node)
    register_heartbeat_provider(_heartbeats)
    register_gauge_provider(_gauges)
    initialise_hosting_labels(adapters(), OperationKind.values, OperationState.values)


def _nodes() -> Iterator[Target]:
    for node in Node.objects.exclude(state=NodeState.NEW):
        yield Target(node.name, node.address, node.ssh_port, {"node_id": node.pk})


def _name_servers() -> Iterator[Target]:
    for node in Node.objects.filter(state=NodeState.READY):
        served = Domain.objects.filter(service__node=node, service__state__in=_SERVED, service__out_of_sync=False)
        zone = served.filter(has_zone=True).exclude(name_key=None).first()
        if zone is not None:
            local = node.connection == ConnectionKind.LOCAL and not node.public_addresses
            address = "127.0.0.1" if local else (node.public_addresses or [node.address])[0]
            yield Target(node.name, address, 53, {"zone": zone.name})


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


def _gauges() -> Iterator[GaugeSample]:
    pending = Operation.objects.filter(state=OperationState.PENDING).aggregate(n=Count("pk"), oldest=Min("created_at"))
    age = (timezone.now() - pending["oldest"]).total_seconds() if pending["oldest"] else 0.0
    yield GaugeSample("npanel_operations_pending", float(pending["n"]))
    yield GaugeSample("npanel_operation_queue_age_seconds", age)
    drift = DriftItem.objects.filter(state=DriftState.OPEN).values("node__name", "adapter").annotate(n=Count("pk"))
    for row in drift:
        yield GaugeSample(
            "npanel_drift_resources", float(row["n"]), {"node": row["node__name"], "adapter": row["adapter"]}
        )


def beat(name: str) -> None:
    """Write a worker's sign of life."""
    WorkerHeartbeat.objects.update_or_create(
        name=name, defaults={"at": timezone.now(), "details": {"monotonic": round(time.monotonic(), 1)}}
    )
