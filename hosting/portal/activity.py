"""What was done in an account: by whom, why, and how it ended. Operators are named; where they came from is not."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.http import HttpResponse
from django.urls import reverse
from django.utils.translation import gettext as _

from audit.actor import Actor
from audit.choices import ActorType, Outcome
from audit.models import Event
from hosting import selectors
from hosting.choices import FINAL_STATES
from hosting.models import HostingService, Operation
from hosting.numbers import row_number
from hosting.portal import words
from hosting.portal.access import PortalRequest, portal
from hosting.portal.pages import PAGE_SIZE, page
from hosting.templatetags.console import verb_label

#: Services offered as filters; with more of them the list of services leads here.
_CHIPS = 50


@dataclass(frozen=True, slots=True)
class Told:
    """One thing that happened, as an account's people may know it.

    Args:
        who: an e-mail address, or a part of NPanel. instead_of: for whom an operator acted. url: of the operation.
    """

    id: int
    at: datetime
    what: str
    on: str
    event: Event
    who: str
    instead_of: str
    reason: str
    url: str
    timeline: str = ""


@portal
def activity(request: PortalRequest) -> HttpResponse:
    """The list, newest first, perhaps of one service."""
    services = list(selectors.services(request.actor).prefetch_related("domains").order_by("username")[:_CHIPS])
    chosen = _chosen(request)
    mark = row_number(request.GET.get("before", ""))
    found = selectors.activity(request.actor, service=chosen, before=mark, count=PAGE_SIZE + 1)
    events = found[:PAGE_SIZE]
    context = {
        "activity": told(request.actor, events),
        "services": services,
        "chosen": chosen,
        "older": events[-1].pk if len(found) > PAGE_SIZE else None,
        "first": mark is None,
    }
    return page(request, "portal/activity.html", context, section="activity")


def _chosen(request: PortalRequest) -> HostingService | None:
    asked = row_number(request.GET.get("service", ""))
    return selectors.services(request.actor).filter(pk=asked).first() if asked is not None else None


def told(actor: Actor, events: Sequence[Event]) -> list[Told]:
    """Events in words; of an operation that has ended only its end."""
    ids = {event.operation_id for event in events if event.operation_id}
    rows = selectors.operations(actor).filter(pk__in=ids).select_related("reverts")
    operations = {str(row.pk): row for row in rows}
    return [_told(event, operations.get(event.operation_id)) for event in events if not _superseded(event, operations)]


def _superseded(event: Event, operations: dict[str, Operation]) -> bool:
    """Whether a request is told by its outcome already."""
    operation = operations.get(event.operation_id)
    return event.outcome == Outcome.REQUESTED and operation is not None and operation.state in FINAL_STATES


def _told(event: Event, operation: Operation | None) -> Told:
    of_operation = operation is not None and event.verb == f"operation.{operation.kind}"
    return Told(
        id=event.pk,
        at=event.occurred_at,
        what=words.title(operation) if operation is not None and of_operation else verb_label(event.verb),
        on=event.target_label,
        event=event,
        who=_who(event),
        instead_of=event.actor_login if event.impersonator_login else "",
        reason=event.reason or (operation.reason if operation is not None else ""),
        url=reverse("portal:operation", args=(operation.pk,)) if operation is not None else "",
        timeline=reverse("portal:operation_timeline", args=(operation.pk,)) if operation is not None else "",
    )


def _who(event: Event) -> str:
    if event.impersonator_login:
        return event.impersonator_login
    if event.actor_type == ActorType.SYSTEM and event.actor_interface != "command":
        return _("NPanel")
    return event.actor_login or _("NPanel")
