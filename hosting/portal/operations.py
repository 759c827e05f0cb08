"""The page where a plan is seen, applied, watched and undone."""

import hashlib
from collections.abc import Callable
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from hosting import selectors
from hosting.choices import OperationState
from hosting.errors import HostingError
from hosting.models import Operation
from hosting.operations.present import plan_view, possible, progress
from hosting.policies import Policy, perform
from hosting.portal import words
from hosting.portal.access import PortalRequest, find, portal
from hosting.portal.pages import page

#: Use case and, for those that need more than the operation, its further arguments.
_BUTTONS = ("approve", "cancel", "retry", "discard", "rollback")


@require_safe
@portal
def operation(request: PortalRequest, pk: UUID) -> HttpResponse:
    """The plan in words while it waits, its progress while it runs, its outcome at the end."""
    row = find(_rows(request), pk)
    return page(request, "portal/operation.html", shown(request, row))


@require_safe
@portal
def live(request: PortalRequest, pk: UUID) -> HttpResponse:
    """The part of the page that changes, or 204 when it has not since ``?version=``."""
    row = find(_rows(request), pk)
    if request.GET.get("version") == version_of(row):
        return HttpResponse(status=204)
    return page(request, "portal/operation_live.html", {**shown(request, row), "swapped": True})


def shown(request: PortalRequest, row: Operation) -> dict[str, Any]:
    """What the page says of an operation."""
    url, label = words.place(row)
    return {
        "object": row,
        "title": words.title(row),
        "summary": words.summary(row),
        "lines": words.lines(row),
        "ending": words.ending(row),
        "trouble": words.trouble(row) if not row.is_final else "",
        "plan": plan_view(row),
        "progress": progress(row),
        "possible": _possible(request, row),
        "version": version_of(row),
        "place": {"url": url, "label": label},
        "following": row.reverted_by.order_by("-created_at").first(),
        "quiet": row.is_final or row.state == OperationState.PLANNED,
    }


def _rows(request: PortalRequest) -> Any:
    return selectors.operations(request.actor).select_related("node", "service", "reverts")


def _possible(request: PortalRequest, row: Operation) -> dict[str, bool]:
    """Which buttons there are: what makes sense now, and what this person may do."""
    policy, now = Policy(request.actor), possible(row)
    return {name: getattr(now, name.replace("rollback", "roll_back")) and policy.may(f"operation.{name}", row)
            for name in _BUTTONS}  # fmt: skip


def _button(name: str) -> Callable[..., HttpResponse]:
    @require_POST
    @portal
    def press(request: PortalRequest, pk: UUID) -> HttpResponse:
        row = find(_rows(request), pk)
        try:
            after = perform(request.actor, f"operation.{name}", row, **_arguments(request, name))
        except HostingError as error:
            if error.code == "forbidden":
                raise PermissionDenied from error
            messages.error(request, f"{error.detail} {error.hint}".strip())
            after = row
        if name == "cancel" and after.state == OperationState.CANCELLED:
            messages.success(request, _("Cancelled. Nothing was changed."))
            return HttpResponseRedirect(words.place(row)[0])
        return HttpResponseRedirect(reverse("portal:operation", args=(after.pk,)))

    return press


def _arguments(request: PortalRequest, name: str) -> dict[str, Any]:
    if name == "approve":
        return {"digest": request.POST.get("digest", "")}
    return {"wait_for_approval": True} if name == "rollback" else {}


approve, cancel, retry, discard, undo = (_button(name) for name in _BUTTONS)


def version_of(row: Operation) -> str:
    """Changes whenever the operation's page would: state, phase, plan, journal, error."""
    journal = list(row.journal.order_by("seq").values_list("seq", "state"))
    parts = (row.state, row.phase, row.plan_digest, row.attempts, row.error, row.result, journal)
    return hashlib.sha256(repr(parts).encode()).hexdigest()[:16]
