"""What a family of Resources tells the others: how rows become Resources, and how a difference is adopted."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from hosting.errors import HostingError
from hosting.models import HostingService
from hosting.state import Change, Resource
from hosting.texts import N_, Text


@dataclass(frozen=True, slots=True)
class Family:
    """One part of what services have on a node.

    Args:
        resources: everything of this family that is wanted for a live service.
        prefetch: what ``resources`` reads of a service, for reading many services at once.
        adopters: by Resource kind, makes the wanted facts say what the node has; in the order of their needs.
    """

    resources: Callable[[HostingService], Iterable[Resource]]
    prefetch: tuple[str, ...] = ()
    adopters: Mapping[str, Callable[[HostingService, Change], None]] = field(default_factory=dict)


def not_adoptable(found: Change, reason: Text) -> HostingError:
    return HostingError(
        N_("%(ref)s can't be adopted: %(reason)s.", ref=found.ref, reason=reason),
        code="not_adoptable",
        hint=N_("Repair it, or change the facts first."),
    )
