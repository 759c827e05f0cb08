"""Takes back what an operation wished for: the facts come to say again what they said before it."""

from audit.actor import Actor
from hosting.choices import OperationKind, ServiceState
from hosting.errors import HostingError
from hosting.models import HostingService, Operation
from hosting.operations.purging import KINDS as PURGING
from hosting.operations.requests import request_operation
from hosting.services.limits import lock
from hosting.state import Ref
from hosting.texts import N_


def take_back_wish(actor: Actor, operation: Operation) -> None:
    """The facts said what was wanted; make them say again what the node has."""
    wishless = (OperationKind.APPLY, OperationKind.REPAIR, OperationKind.ADOPT, *PURGING)
    if operation.service is None or operation.kind in wishless:
        return
    service = lock(operation.service)
    if operation.kind == OperationKind.CREATE:
        _give_up_names(service)
    elif operation.refs is None or operation.kind == OperationKind.ROLLBACK:
        restore_state(service, operation)
    elif service.is_live:
        adopt_what_is_there(actor, service, operation)


def restore_state(service: HostingService, operation: Operation) -> None:
    """Put the service's state back to what it was before an operation was asked for, unless a later wish changed it."""
    before, wanted = operation.result.get("state_before"), operation.result.get("state_wanted")
    reached = (wanted, ServiceState.TERMINATED) if wanted == ServiceState.SOFT_DELETED else (wanted,)
    if before is None or service.state not in reached:
        return
    if before == ServiceState.TERMINATED:
        _give_up_names(service)
        return
    service.state = before
    _take_names_back(service)
    service.save(update_fields=["state", "username_key"])


def _give_up_names(service: HostingService) -> None:
    service.state, service.username_key = ServiceState.TERMINATED, None
    service.save(update_fields=["state", "username_key"])
    for domain in service.domains.all():
        domain.release()
        domain.save(update_fields=["name_key", "reversed_key"])


def _take_names_back(service: HostingService) -> None:
    if service.username_key is not None:
        return
    taken = HostingService.objects.filter(username_key=service.username).exists()
    if taken or not service.domains.exists():
        raise HostingError(
            N_(
                "The service %(username)s can't be brought back: its names were given to another one.",
                username=service.username,
            ),
            code="forgotten",
        )
    service.username_key = service.username
    for domain in service.domains.all():
        domain.claim()
        domain.save(update_fields=["name_key", "reversed_key"])


def adopt_what_is_there(actor: Actor, service: HostingService, operation: Operation) -> Operation:
    return request_operation(
        actor=actor, kind=OperationKind.ADOPT, node=service.node, service=service, refs=refs_of(operation)
    )


def refs_of(operation: Operation) -> list[Ref] | None:
    return None if operation.refs is None else [Ref(*text.split(":", 1)) for text in operation.refs]
