"""How the portal has a governed operation confirmed: the token in a cookie of its page, the name typed, a reason."""

import hashlib
from typing import Any

from django import forms
from django.conf import settings
from django.http import HttpResponseBase
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from hosting import intent_cookie
from hosting.choices import OperationKind, OperationState, ServiceState
from hosting.errors import HostingError
from hosting.governance import subsystem_labels
from hosting.models import Intent, Operation
from hosting.policies import Policy
from hosting.portal.access import PortalRequest
from hosting.portal.forms import NameAgain
from hosting.services.intents import issue_token


class ConfirmForm(NameAgain):
    """The name of what it is about, and why it is done."""

    reason = forms.CharField(
        label=gettext_lazy("Reason"),
        max_length=300,
        help_text=gettext_lazy("Kept with the operation, and shown to the customer."),
    )

    def answers(self) -> dict[str, Any]:
        return {"reason": self.cleaned_data["reason"]}


def keep_token(response: HttpResponseBase, operation: Operation, token: str) -> None:
    """Give a token to this browser alone, for the pages of what it confirms."""
    intent_cookie.keep(response, token, _path(operation))


def drop_token(response: HttpResponseBase, operation: Operation) -> None:
    """The token is used up."""
    intent_cookie.drop(response, _path(operation))


def hand_over(request: PortalRequest, response: HttpResponseBase, operation: Operation) -> None:
    """After something was asked for: give its token, if it has to be confirmed, to who asked."""
    if not Intent.objects.filter(operation=operation).exists():
        return
    try:
        keep_token(response, operation, issue_token(actor=request.actor, operation=operation))
    except HostingError:
        return  # its page offers to prepare it again, and says why not


def confirmation(request: PortalRequest, operation: Operation, intent: Intent | None) -> dict[str, Any] | None:
    """What the page shows of an intent: whether this person, with this browser, can confirm it, and until when."""
    if intent is None or operation.state != OperationState.PLANNED:
        return None
    actor, asker = request.actor, intent.actor
    names = ("type", "id", "impersonator_id")
    mine = all(str(asker.get(name, "")) == str(getattr(actor, name)) for name in names)
    policy = Policy(actor)
    may = all(policy.may(f"operation.{name}", operation) for name in ("prepare", "confirm"))
    held = bool(intent.token_sha256) and _digest(intent_cookie.held_token(request)) == intent.token_sha256
    return {
        "intent": intent,
        "open": intent.is_open(timezone.now()),
        "mine": mine and may,
        "ready": mine and may and held,
        "impacted": subsystem_labels(intent.impacted),
        "words": what_happens(operation),
        "form": ConfirmForm(name=operation.target_label, initial={"reason": operation.reason}),
    }


def mark_of(intent: Intent | None) -> tuple[str, ...]:
    """Changes whenever the page's part about the intent would."""
    return () if intent is None else (intent.state, intent.token_sha256[:12], intent.digest[:12])


def what_happens(operation: Operation) -> str:
    """What a confirmation sets off, in plain words."""
    values = {"name": operation.target_label, "days": settings.NPANEL_GRACE_DAYS}
    if operation.kind == OperationKind.DELETE:
        return (
            _(
                "Takes %(name)s off the web: its sites, its names in DNS and its sign-ins end. Files and databases are "
                "kept for %(days)d days, and it can be restored exactly until then."
            )
            % values
        )
    if operation.kind == OperationKind.ROLLBACK:
        return _("Takes an earlier change of %(name)s back. What that had made is removed, as the plan says.") % values
    return _("Carries out what the plan below says for %(name)s.") % values


def again_url(request: PortalRequest, operation: Operation) -> str:
    """Where a deletion that nobody confirmed in time can be asked for anew, or ""."""
    service, expired = operation.service, is_expired(operation)
    if not expired or service is None or operation.kind != OperationKind.DELETE or service.state in _GONE:
        return ""
    may = Policy(request.actor).may("service.delete", service)
    return reverse("portal:service_delete", args=(service.pk,)) if may else ""


def is_expired(operation: Operation) -> bool:
    """Whether it was given up because nobody confirmed it in time."""
    return operation.state == OperationState.CANCELLED and (operation.error or {}).get("code") == "intent_expired"


_GONE = (ServiceState.SOFT_DELETED, ServiceState.TERMINATED)


def _path(operation: Operation) -> str:
    return reverse("portal:operation", args=(operation.pk,))


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
