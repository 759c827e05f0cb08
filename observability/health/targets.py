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

_targets: dict[str, list[TargetProvider]] = {}
_ssh_probes: list[SshProbe] = []
_heartbeats: list[HeartbeatProvider] = []


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


@dataclass(frozen=True, slots=True)
class HeartbeatAge:
    """How old the youngest heartbeat is, in seconds, and what that means."""

    name: str
    seconds: float
    details: Mapping[str, Any]

    @property
    def is_degraded(self) -> bool:
        """Older than NPANEL_HEARTBEAT_DEGRADED_SECONDS."""
        return self.seconds >= float(getattr(settings, "NPANEL_HEARTBEAT_DEGRADED_SECONDS", 30))

    @property
    def is_down(self) -> bool:
        """Older than NPANEL_HEARTBEAT_DOWN_SECONDS."""
        return self.seconds >= float(getattr(settings, "NPANEL_HEARTBEAT_DOWN_SECONDS", 90))


def heartbeat_age() -> HeartbeatAge | None:
    """The youngest heartbeat of all workers, or None when none has ever reported."""
    beats = [beat for provider in _heartbeats for beat in provider()]
    if not beats:
        return None
    youngest = max(beats, key=lambda beat: beat.at)
    seconds = max(0.0, (timezone.now() - youngest.at).total_seconds())
    return HeartbeatAge(youngest.name, seconds, youngest.details)
