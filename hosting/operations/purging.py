"""What a purge concerns: the folders where a deleted service's data is kept, and its final archive."""

from django.conf import settings

from hosting.adapters.base import NodeFacts, Scope
from hosting.choices import OperationKind, OperationState, ServiceState
from hosting.errors import HostingError
from hosting.models import HostingService, Operation
from hosting.state import FinalArchive, KeptData, Ref, Resource
from hosting.texts import N_

#: Kinds that work on what is left of a service, not on the service.
KINDS = (OperationKind.PURGE, OperationKind.REMOVE_ARCHIVE)


def removal_of(service: HostingService) -> Operation | None:
    """The operation that took a deleted service off its node: what a restore takes back."""
    done = service.operations.filter(state=OperationState.SUCCEEDED).order_by("-created_at")
    return next((operation for operation in done.iterator(chunk_size=50) if removes_service(operation)), None)


def removes_service(operation: Operation) -> bool:
    """Whether an operation takes the whole of its service away: a deletion, or a rollback that comes to the same."""
    if operation.kind == OperationKind.DELETE:
        return True
    wanted = operation.result.get("state_wanted")
    return operation.kind == OperationKind.ROLLBACK and wanted == ServiceState.SOFT_DELETED


def root_of(operation: Operation) -> Operation:
    """The operation whose folder holds what was removed; rollbacks share the folder of what they take back."""
    first = operation
    while first.reverts is not None:
        first = first.reverts
    return first


def purge_refs(service: HostingService) -> list[Ref]:
    """Everything that any operation kept aside of a service, and (unless none is wanted) its final archive."""
    roots = service.operations.filter(reverts=None, journal__isnull=False).distinct()
    refs = [Ref(KeptData.kind, str(pk)) for pk in roots.values_list("pk", flat=True)]
    archive = archive_ref(service)
    return [*refs, archive] if archive is not None and settings.NPANEL_FINAL_ARCHIVE_DAYS > 0 else refs


def archive_ref(service: HostingService) -> Ref | None:
    """The final archive of what a service's removal kept."""
    removal = removal_of(service)
    return None if removal is None else FinalArchive(service.username, str(root_of(removal).pk)).ref


def goal_facts(operation: Operation, facts: NodeFacts, refs: frozenset[Ref]) -> tuple[dict[Ref, Resource], Scope]:
    """What is wanted of what is left, and the scope to compare it in.

    Raises:
        HostingError: ``wrong_state``: the service is not deleted (any more).
    """
    service = operation.service
    if service is None or service.is_live:
        raise HostingError(
            N_("%(target_label)s is not deleted.", target_label=operation.target_label),
            code="wrong_state",
            hint=N_("It was restored; nothing was purged."),
        )
    archives = [
        FinalArchive(service.username, ref.key.partition("-")[2]) for ref in refs if ref.kind == FinalArchive.kind
    ]
    wanted: dict[Ref, Resource] = {}
    if operation.kind == OperationKind.PURGE:
        wanted = {archive.ref: archive for archive in archives}
    return wanted, Scope(facts, owner=service.username, refs=refs)
