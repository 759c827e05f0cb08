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
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from hosting import intent_cookie, selectors
from hosting.choices import OperationKind, OperationState
from hosting.errors import HostingError
from hosting.models import Intent, Operation
from hosting.operations.intents import intent_of
from hosting.operations.present import plan_view, possible, progress
from hosting.policies import Policy, perform
from hosting.portal import intents, words
from hosting.portal.access import PortalRequest, find, portal, require
from hosting.portal.deleted import is_restorable
from hosting.portal.pages import page
from hosting.story import chapters, story
from hosting.translated import translated_sentence

#: Moments of a timeline, at most.
_TOLD = 300
#: Use case and, for those that need more than the operation, its further arguments.
_BUTTONS = ("approve", "cancel", "retry", "discard", "rollback")


@require_http_methods(["GET", "HEAD", "POST"])
@portal
def operation(request: PortalRequest, pk: UUID) -> HttpResponse:
    """The plan in words while it waits, its progress while it runs, its outcome at the end. A POST confirms it."""
    row = find(_rows(request), pk)
    if request.method == "POST":
        return _confirm(request, row)
    return page(request, "portal/operation.html", shown(request, row))


def _confirm(request: PortalRequest, row: Operation) -> HttpResponse:
    """Confirm a governed operation with the name typed, a reason and this browser's token."""
    require(request, "operation.confirm", row)
    form = intents.ConfirmForm(request.POST, name=row.target_label)
    response = HttpResponseRedirect(reverse("portal:operation", args=(row.pk,)))
    if form.is_valid():
        given = {"token": intent_cookie.held_token(request), "digest": request.POST.get("digest", ""), **form.answers()}
        try:
            perform(request.actor, "operation.confirm", row, **given)
        except HostingError as error:
            form.refuse(error)
        else:
            intents.drop_token(response, row)
            return response
    context = shown(request, find(_rows(request), row.pk))
    if not context["confirmation"]:
        messages.error(request, " ".join(str(text) for texts in form.errors.values() for text in texts))
        return response
    context["confirmation"]["form"] = context["form"] = form
    return page(request, "portal/operation.html", context)


@require_POST
@portal
def prepare(request: PortalRequest, pk: UUID) -> HttpResponse:
    """Show a plan that still waits once more, to this browser."""
    row = find(_rows(request), pk)
    response = HttpResponseRedirect(reverse("portal:operation", args=(row.pk,)))
    try:
        intents.keep_token(response, row, perform(request.actor, "operation.prepare", row))
    except HostingError as error:
        _refuse(request, error)
    return response


@require_safe
@portal
def live(request: PortalRequest, pk: UUID) -> HttpResponse:
    """The part of the page that changes, or 204 when it has not since ``?version=``."""
    row = find(_rows(request), pk)
    if request.GET.get("version") == version_of(row, intent_of(row)):
        return HttpResponse(status=204)
    return page(request, "portal/operation_live.html", {**shown(request, row), "swapped": True})


@require_safe
@portal
def timeline(request: PortalRequest, pk: UUID) -> HttpResponse:
    """What happened under the operation's trace, as far as it concerns what this person may see."""
    row = find(_rows(request), pk)
    told = story(request.actor, row.trace_id)
    parts = chapters(told.moments[:_TOLD])
    context = {"object": row, "title": words.title(row), "story": told, "parts": parts}
    return page(request, "portal/timeline.html", context)


def shown(request: PortalRequest, row: Operation) -> dict[str, Any]:
    """What the page says of an operation."""
    url, label = words.place(row)
    intent, final = intent_of(row), row.is_final
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
        "confirmation": intents.confirmation(request, row, intent),
        "again_url": intents.again_url(request, row),
        "restore_url": _restore_url(request, row),
        "version": version_of(row, intent),
        "place": {"url": url, "label": label},
        "following": row.reverted_by.order_by("-created_at").first(),
        "pace": "" if final else "5s" if row.state == OperationState.PLANNED else "1s",
    }


def _rows(request: PortalRequest) -> Any:
    return selectors.operations(request.actor).select_related("node", "service", "reverts")


def _possible(request: PortalRequest, row: Operation) -> dict[str, bool]:
    """Which buttons there are: what makes sense now, and what this person may do."""
    policy, now = Policy(request.actor), possible(row)
    found = {name: getattr(now, name.replace("rollback", "roll_back")) and policy.may(f"operation.{name}", row)
             for name in _BUTTONS}  # fmt: skip
    found["rollback"] = found["rollback"] and row.kind != OperationKind.DELETE  # that is restored, while it can be
    return found


def _restore_url(request: PortalRequest, row: Operation) -> str:
    """Where what this operation deleted can be restored, or ""."""
    service = row.service
    if service is None or row.kind != OperationKind.DELETE or row.state != OperationState.SUCCEEDED:
        return ""
    restorable = is_restorable(service) and Policy(request.actor).may("service.restore", service)
    return reverse("portal:service_restore", args=(service.pk,)) if restorable else ""


def _button(name: str) -> Callable[..., HttpResponse]:
    @require_POST
    @portal
    def press(request: PortalRequest, pk: UUID) -> HttpResponse:
        row = find(_rows(request), pk)
        try:
            after = perform(request.actor, f"operation.{name}", row, **_arguments(request, name, row))
        except HostingError as error:
            _refuse(request, error)
            after = row
        if name == "cancel" and after.state == OperationState.CANCELLED:
            messages.success(request, _("Cancelled. Nothing was changed."))
            return HttpResponseRedirect(words.place(row)[0])
        return HttpResponseRedirect(reverse("portal:operation", args=(after.pk,)))

    return press


def _refuse(request: PortalRequest, error: HostingError) -> None:
    """Say on the next page why it was refused.

    Raises:
        PermissionDenied: the policy said no.
    """
    if error.code == "forbidden":
        raise PermissionDenied from error
    messages.error(request, translated_sentence(error))


def _arguments(request: PortalRequest, name: str, row: Operation) -> dict[str, Any]:
    if name == "approve":
        return {"digest": request.POST.get("digest", "")}
    at_once = request.POST.get("approval") == "at_once" and row.kind == OperationKind.CHANGE_DNS
    return {"wait_for_approval": not at_once} if name == "rollback" else {}


approve, cancel, retry, discard, undo = (_button(name) for name in _BUTTONS)


def version_of(row: Operation, intent: Intent | None = None) -> str:
    """Changes whenever the operation's page would: state, phase, plan, journal, error, its confirmation."""
    journal = list(row.journal.order_by("seq").values_list("seq", "state"))
    parts = (row.state, row.phase, row.plan_digest, row.attempts, row.error, row.result, journal)
    return hashlib.sha256(repr((*parts, intents.mark_of(intent))).encode()).hexdigest()[:16]
