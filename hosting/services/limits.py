"""Plan limits, checked under a lock so that two requests at once can't both take the last place."""

from hosting.choices import ServiceState
from hosting.errors import HostingError
from hosting.models import HostingPlan, HostingService


def lock(service: HostingService) -> HostingService:
    """The service's row, locked until the transaction ends, with plan, node and customer.

    Two queries: MariaDB has no ``FOR UPDATE OF``, and a join would lock the node that all its services share.
    """
    HostingService.objects.select_for_update().only("pk").get(pk=service.pk)
    return HostingService.objects.select_related("plan", "node", "customer").get(pk=service.pk)


def locked_service(service: HostingService) -> HostingService:
    """The service's row, locked until the transaction ends, if it can be changed now.

    Raises:
        HostingError: ``service_gone`` when it is being deleted or was.
    """
    row = lock(service)
    if row.state in (ServiceState.SOFT_DELETED, ServiceState.TERMINATED):
        raise HostingError(
            f"The service {row.username} is {row.get_state_display().lower()}.",
            code="service_gone",
            hint="Restore it first." if row.state == ServiceState.SOFT_DELETED else "Create a new one.",
        )
    return row


def check_limit(service: HostingService, name: str, used: int) -> None:
    """Refuse one more of something when the plan has no room for it. Call with the service locked.

    Args:
        name: a limit's field of the plan, e.g. ``databases``.
        used: how many there are.

    Raises:
        HostingError: ``limit_reached``.
    """
    field = HostingPlan._meta.get_field(name)
    limit = getattr(service.plan, name)
    if limit is not None and used >= limit:
        label = str(getattr(field, "verbose_name", name))
        raise HostingError(
            f"The plan {service.plan.name} allows {limit} {label}, and {used} are in use.",
            code="limit_reached",
            hint="Remove one, or ask for a larger limit.",
        )
