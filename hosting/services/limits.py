"""Plan limits, checked under a lock so that two requests at once can't both take the last place."""

from hosting.choices import ServiceState
from hosting.errors import HostingError
from hosting.models import HostingPlan, HostingService
from hosting.texts import N_
from hosting.translated import english, shown


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
            N_("The service %(username)s is %(state)s.", username=row.username, state=shown(row, "state")),
            code="service_gone",
            hint=N_("Create a new one, or roll its deletion back."),
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
        label = english(getattr(field, "verbose_name", name))
        raise HostingError(
            N_(
                "The plan %(name)s allows %(limit)s %(label)s, and %(used)s are in use.",
                name=service.plan.name,
                limit=limit,
                label=label,
                used=used,
            ),
            code="limit_reached",
            hint=N_("Remove one, or ask for a larger limit."),
        )
