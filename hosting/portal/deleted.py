"""Services that were deleted and can be restored for a while: what their people are told, and the way back."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from hosting.choices import ServiceState
from hosting.models import HostingService
from hosting.policies import Policy
from hosting.portal.access import PortalRequest


@dataclass(frozen=True, slots=True)
class Deleted:
    """A deleted service, as a page tells of it.

    Args:
        until: when what is kept of it goes; None while the deletion waits or runs.
        may_restore: whether this person may restore it.
    """

    service: HostingService
    until: datetime | None
    may_restore: bool


def is_restorable(service: HostingService) -> bool:
    """Whether it was deleted, and everything of it is still kept."""
    return service.state == ServiceState.SOFT_DELETED and service.purge_at is not None


def deleted_among(request: PortalRequest, services: Iterable[HostingService]) -> list[Deleted]:
    """Those of some services that were deleted."""
    gone = [service for service in services if service.state == ServiceState.SOFT_DELETED]
    policy = Policy(request.actor)
    return [
        Deleted(service, service.purge_at, is_restorable(service) and policy.may("service.restore", service))
        for service in gone
    ]
