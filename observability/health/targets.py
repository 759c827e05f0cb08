"""The places where other apps say what there is to probe, since this leaf must not import them."""

import datetime
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from django.conf import settings
from django.utils import timezone


@dataclass(frozen=True, slots=True)
class Target:
    """Something to probe: its name is the metric label ``node``; ``extra`` is for the probe alone."""

    name: str
    address: str
    port: int
    extra: Mapping[str, Any] = field(default_factory=dict)


TargetProvider = Callable[[], Iterable[Target]]
SshProbe = Callable[[Target, float], None]


@dataclass(frozen=True, slots=True)
class Heartbeat:
    """The last sign of life of one worker (``at`` is aware)."""

    name: str
    at: datetime.datetime
    details: Mapping[str, Any] = field(default_factory=dict)


HeartbeatProvider = Callable[[], Iterable[Heartbeat]]


@dataclass(frozen=True, slots=True)
class Backlog:
    """What could be worked on and is not: how many operations, and for how many seconds the oldest has waited."""

    waiting: int
    oldest_seconds: float


@dataclass(frozen=True, slots=True)
class Daemon:
    """A hosting daemon on a node: the adapter that knows it, its unit, and whether it runs."""

    adapter: str
    unit: str
    running: bool


@dataclass(frozen=True, slots=True)
class Endings:
    """When certificates of sites end: the first of all, how many have, and how many will within 14 days."""

    first: datetime.datetime | None
    ended: int
    soon: int


BacklogProvider = Callable[[], Backlog]
EndingsProvider = Callable[[], Endings]
DaemonProbe = Callable[[Target, float], Iterable[Daemon]]
#: Open differences by node.
DriftProvider = Callable[[], Mapping[str, int]]
#: Waiting messages by node.
MailProvider = Callable[[], Mapping[str, int]]

_targets: dict[str, list[TargetProvider]] = {}
_ssh_probes: list[SshProbe] = []
_heartbeats: list[HeartbeatProvider] = []
_backlogs: list[BacklogProvider] = []
_daemon_probes: list[DaemonProbe] = []
_drifts: list[DriftProvider] = []
_endings: list[EndingsProvider] = []
_mail: list[MailProvider] = []


def register_targets(kind: str, provider: TargetProvider) -> None:
    """Have ``provider`` name the targets of ``kind``: ``node`` (SSH) or ``dns`` (``extra={"zone": …}``)."""
    providers = _targets.setdefault(kind, [])
    if provider not in providers:
        providers.append(provider)


def targets_of(kinds: Iterable[str]) -> list[Target]:
    """All targets of the given kinds; raises what a provider raises (a database error, say)."""
    return [target for kind in kinds for provider in _targets.get(kind, ()) for target in provider()]


def register_ssh_probe(probe: SshProbe) -> None:
    """Set how a node is reached over SSH: ``probe(target, timeout_seconds)`` returns when it answers.

    It raises otherwise; an attribute ``error_type`` on the exception (refused, timeout, host_key_changed,
    host_key_unknown, auth, dropped) becomes the metric's label.
    """
    _ssh_probes[:] = [probe]


def ssh_probe() -> SshProbe | None:
    """The registered SSH probe, if any."""
    return _ssh_probes[0] if _ssh_probes else None


def register_heartbeat_provider(provider: HeartbeatProvider) -> None:
    """Have ``provider`` tell the workers' last signs of life."""
    if provider not in _heartbeats:
        _heartbeats.append(provider)


def register_backlog_provider(provider: BacklogProvider) -> None:
    """Set who tells how long the oldest operation has waited that could be carried out."""
    _backlogs[:] = [provider]


def backlog() -> Backlog:
    """What waits; nothing where nobody knows of a queue."""
    return _backlogs[0]() if _backlogs else Backlog(0, 0.0)


def register_daemon_probe(probe: DaemonProbe) -> None:
    """Set how a node's hosting daemons are looked at: ``probe(target, timeout_seconds)``; raises as the SSH probe."""
    _daemon_probes[:] = [probe]


def daemons_on(node: Target, timeout: float) -> list[Daemon]:
    """The hosting daemons of a node."""
    return list(_daemon_probes[0](node, timeout)) if _daemon_probes else []


def register_drift_provider(provider: DriftProvider) -> None:
    """Set who counts the open differences of each node."""
    _drifts[:] = [provider]


def open_drift() -> Mapping[str, int]:
    """Open differences by node, where there are any."""
    return _drifts[0]() if _drifts else {}


def register_endings_provider(provider: EndingsProvider) -> None:
    """Set who tells when certificates of sites end."""
    _endings[:] = [provider]


def site_certificates() -> Endings:
    """When certificates of sites end; nothing where nobody knows of sites."""
    return _endings[0]() if _endings else Endings(None, 0, 0)


def register_mail_provider(provider: MailProvider) -> None:
    """Set who counts the messages that wait on each node."""
    _mail[:] = [provider]


def waiting_mail() -> Mapping[str, int]:
    """Waiting messages by node, for each that takes mail."""
    return _mail[0]() if _mail else {}


def alive_workers() -> list[Heartbeat]:
    """Workers whose last sign of life is recent."""
    since = timezone.now() - datetime.timedelta(seconds=_degraded_after())
    return [beat for beat in _beats() if beat.at > since]


def _beats() -> list[Heartbeat]:
    """All signs of life, without those of a time to come: a clock that was put back must not keep the dead alive."""
    latest = timezone.now() + datetime.timedelta(seconds=_degraded_after())
    return [beat for provider in _heartbeats for beat in provider() if beat.at <= latest]


def _degraded_after() -> float:
    return float(getattr(settings, "NPANEL_HEARTBEAT_DEGRADED_SECONDS", 30))


@dataclass(frozen=True, slots=True)
class HeartbeatAge:
    """How old the youngest heartbeat is, in seconds, and what that means."""

    name: str
    seconds: float
    details: Mapping[str, Any]

    @property
    def is_degraded(self) -> bool:
        """Older than NPANEL_HEARTBEAT_DEGRADED_SECONDS."""
        return self.seconds >= _degraded_after()

    @property
    def is_down(self) -> bool:
        """Older than NPANEL_HEARTBEAT_DOWN_SECONDS."""
        return self.seconds >= float(getattr(settings, "NPANEL_HEARTBEAT_DOWN_SECONDS", 90))


def heartbeat_age() -> HeartbeatAge | None:
    """The youngest heartbeat of all workers, or None when none has ever reported."""
    beats = _beats()
    if not beats:
        return None
    youngest = max(beats, key=lambda beat: beat.at)
    seconds = max(0.0, (timezone.now() - youngest.at).total_seconds())
    return HeartbeatAge(youngest.name, seconds, youngest.details)
