"""Plan limits, checked under a lock so that two requests at once can't both take the last place."""

from collections.abc import Callable

from django.db.models import QuerySet, Sum

from accounts.models import Reseller
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
            hint=N_("Restore it first.") if row.state == ServiceState.SOFT_DELETED else N_("Create a new one."),
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


def check_reseller_limit(reseller: Reseller, name: str, used: Callable[[Reseller], int], more: int = 1) -> None:
    """Refuse more of something when a reseller's terms have no room for it. Call in the transaction that adds it.

    Args:
        name: a limit's field of the reseller, e.g. ``max_customers``.
        used: counts how much there is, once the reseller's row is locked.
        more: how much is to be added.

    Raises:
        HostingError: ``limit_reached``.
    """
    row = Reseller.objects.select_for_update().get(pk=reseller.pk)
    limit = getattr(row, name)
    if limit is None or used(row) + more <= limit:
        return
    label = english(getattr(Reseller._meta.get_field(name), "verbose_name", name))
    raise HostingError(
        N_("%(name)s may have %(limit)s %(label)s, and this would be more.", name=row.name, limit=limit, label=label),
        code="limit_reached",
        hint=N_("Remove one, or ask the operator for a larger limit."),
    )


def check_reseller_room(service: HostingService) -> None:
    """Refuse a new service, or a larger plan for one, that a reseller's terms have no room for.

    Raises:
        HostingError: ``limit_reached``, ``foreign_plan`` (a plan that this reseller may not sell).
    """
    reseller, plan = service.customer.reseller, service.plan
    if plan.reseller_id is not None and plan.reseller_id != service.customer.reseller_id:
        raise _foreign_plan(plan)
    if reseller is None:
        return
    if plan.reseller_id is None and not plan.for_resellers:
        raise _foreign_plan(plan)
    others = HostingService.objects.filter(customer__reseller=reseller).exclude(state=ServiceState.TERMINATED)
    others = others.exclude(pk=service.pk)
    check_reseller_limit(reseller, "max_services", lambda row: others.count())
    if reseller.max_disk_mb is not None:
        _check_sold_disk(reseller, plan, others)


def check_larger_plan(plan: HostingPlan) -> None:
    """Refuse more disk space for a reseller's plan than the reseller's terms have room for. Call once it is saved.

    Raises:
        HostingError: ``limit_reached``.
    """
    if plan.reseller_id is None:
        return
    reseller = Reseller.objects.select_for_update().get(pk=plan.reseller_id)
    sold = HostingService.objects.filter(customer__reseller=reseller).exclude(state=ServiceState.TERMINATED)
    if reseller.max_disk_mb is not None and sold.filter(plan=plan).exists():
        _check_sold_disk(reseller, plan, sold.exclude(plan=plan), sold.filter(plan=plan).count())


def _check_sold_disk(reseller: Reseller, plan: HostingPlan, others: QuerySet[HostingService], more: int = 1) -> None:
    """Whether there is room for so many services under the plan; the plan is read again under the reseller's lock."""
    each = HostingPlan.objects.values_list("disk_mb", flat=True).get(pk=plan.pk)
    if each is None:
        raise HostingError(
            N_(
                "The plan %(name)s has unlimited disk space, and %(reseller)s may sell only so much.",
                name=plan.name,
                reseller=reseller.name,
            ),
            code="limit_reached",
            hint=N_("Choose a plan with a limit on disk space."),
            field="plan",
        )
    sold = others.aggregate(sold=Sum("plan__disk_mb"))["sold"] or 0
    check_reseller_limit(reseller, "max_disk_mb", lambda row: sold, each * more)


def _foreign_plan(plan: HostingPlan) -> HostingError:
    return HostingError(
        N_("The plan %(name)s is not for this customer.", name=plan.name),
        code="foreign_plan",
        hint=N_("Choose a plan of the customer's own provider."),
        field="plan",
    )
