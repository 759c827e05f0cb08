"""The end of a hosting service after its deletion: restored within the grace period, or purged for good."""

from datetime import timedelta

from django.utils import timezone

from audit.actor import Actor
from audit.choices import Outcome
from audit.record import record
from hosting.choices import FINAL_STATES, NodeState, OperationKind, ServiceState
from hosting.errors import HostingError
from hosting.models import HostingService, Operation
from hosting.operations.intents import confirm_beforehand
from hosting.operations.purging import archive_ref, purge_refs, removal_of
from hosting.operations.requests import request_operation
from hosting.services.limits import lock
from hosting.services.operations import rollback_operation
from hosting.services.zones import check_zones_above
from hosting.texts import N_
from hosting.transactions import retried
from hosting.translated import shown
from hosting.verbs import SERVICE_RESTORE
from observability.logging import get_logger

#: When an automatic purge failed, the next one is tried after this.
_AGAIN_AFTER = timedelta(days=1)
_AT_ONCE = 20

log = get_logger("service_lifecycle")


@retried
def restore_service(
    *, actor: Actor, service: HostingService, reason: str = "", wait_for_approval: bool = False
) -> Operation:
    """Bring a deleted service back exactly as it was, with its data.

    Raises:
        HostingError: ``wrong_state`` (it is not deleted, or purged already), ``busy``, ``zone_missing``.
    """
    row = lock(service)
    removal = removal_of(row)
    if row.state != ServiceState.SOFT_DELETED or row.purge_at is None or removal is None:
        raise _not_deleted(row, "restored")
    operation = rollback_operation(actor=actor, operation=removal, reason=reason, wait_for_approval=wait_for_approval)
    check_zones_above(lock(row))
    record(
        verb=SERVICE_RESTORE,
        actor=actor,
        target=row,
        outcome=Outcome.REQUESTED,
        reason=reason,
        operation_id=str(operation.pk),
        node=row.node.name,
    )
    return operation


@retried
def purge_service(*, actor: Actor, service: HostingService, reason: str = "") -> Operation:
    """Prepare to remove for good what a deleted service left, before its grace period ends. It has to be confirmed.

    Raises:
        HostingError: ``wrong_state``, ``busy``.
    """
    return _purge(actor, service, reason)


def _purge(actor: Actor, service: HostingService, reason: str) -> Operation:
    row = lock(service)
    if row.state != ServiceState.SOFT_DELETED or row.purge_at is None:
        raise _not_deleted(row, "purged")
    waiting = row.operations.exclude(state__in=FINAL_STATES).first()
    if waiting is not None:
        raise HostingError(
            N_("“%(waiting)s” waits or runs.", waiting=waiting), code="busy", hint=N_("Wait for it, or cancel it.")
        )
    return request_operation(
        actor=actor,
        kind=OperationKind.PURGE,
        node=row.node,
        service=row,
        refs=purge_refs(row),
        reason=reason,
        wanted={"username": row.username, "domains": list(row.domains.values_list("name", flat=True))},
    )


def purge_due(*, actor: Actor) -> int:
    """Purge the services whose grace period is over, and remove final archives whose time is. The worker's chore.

    Returns:
        How many operations were asked for.
    """
    now = timezone.now()
    services = HostingService.objects.exclude(node__state=NodeState.PAUSED).select_related("node")
    over = services.filter(state=ServiceState.SOFT_DELETED, purge_at__lte=now).order_by("purge_at")
    stale = services.filter(state=ServiceState.TERMINATED, archive_until__lte=now).order_by("archive_until")
    asked = [_purge_now(actor, service) for service in over[:_AT_ONCE]]
    asked += [_remove_archive(actor, service) for service in stale[:_AT_ONCE]]
    return sum(asked)


@retried
def _purge_now(actor: Actor, service: HostingService) -> bool:
    """What the confirmed deletion announced, so nobody is asked again."""
    due = HostingService.objects.filter(pk=service.pk, state=ServiceState.SOFT_DELETED, purge_at=service.purge_at)
    if not due.update(purge_at=timezone.now() + _AGAIN_AFTER):
        return False
    try:
        operation = _purge(actor, service, "the grace period is over")
    except HostingError as error:  # an operation on it waits: it is looked at again later
        log.warning("purge put off", service=service.username, error_code=error.code, status="retrying")
        return False
    confirm_beforehand(operation, actor, "the grace period is over")
    return True


@retried
def _remove_archive(actor: Actor, service: HostingService) -> bool:
    due = HostingService.objects.filter(pk=service.pk, archive_until=service.archive_until)
    archive = archive_ref(service)
    if not due.update(archive_until=timezone.now() + _AGAIN_AFTER) or archive is None:
        return False
    reason = "the time of the final archive is over"
    operation = request_operation(
        actor=actor,
        kind=OperationKind.REMOVE_ARCHIVE,
        node=service.node,
        service=service,
        refs=[archive],
        reason=reason,
    )
    confirm_beforehand(operation, actor, reason)
    return True


def _not_deleted(service: HostingService, wish: str) -> HostingError:
    if service.state == ServiceState.SOFT_DELETED:
        detail = N_(
            "The deletion of %(username)s has not happened yet, so it can't be %(wish)s.",
            username=service.username,
            wish=wish,
        )
        return HostingError(detail, code="wrong_state", hint=N_("Confirm the deletion, or cancel it."))
    return HostingError(
        N_(
            "The service %(username)s is %(state)s and can't be %(wish)s.",
            username=service.username,
            state=shown(service, "state"),
            wish=wish,
        ),
        code="wrong_state",
        hint=N_("Only a deleted service in its grace period can be."),
    )
