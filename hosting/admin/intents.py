"""How the console has a governed operation or bulk run confirmed: the token in a cookie of its page, words, clock."""

import hashlib
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponseBase
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from accounts.actors import actor_from_request
from hosting import intent_cookie
from hosting.admin.cells import address_of
from hosting.choices import OperationKind, OperationState
from hosting.errors import HostingError
from hosting.governance import subsystem_labels
from hosting.models import BulkRun, Intent, Operation
from hosting.services.intents import issue_token


def keep_token(response: HttpResponseBase, subject: Operation | BulkRun, token: str) -> None:
    """Give a token to this browser alone, for the pages of what it confirms."""
    intent_cookie.keep(response, token, _path(subject))


def drop_token(response: HttpResponseBase, subject: Operation | BulkRun) -> None:
    """The token is used up."""
    intent_cookie.drop(response, _path(subject))


def hand_over(request: HttpRequest, response: HttpResponseBase, made: Any) -> None:
    """After an action: give its governed operation's token to who asked for it."""
    if not isinstance(made, Operation) or not Intent.objects.filter(operation=made).exists():
        return
    try:
        keep_token(response, made, issue_token(actor=actor_from_request(request), operation=made))
    except HostingError:
        return  # its page offers to prepare it again, and says why not


def _path(subject: Operation | BulkRun) -> str:
    return address_of(subject).removesuffix("change/")


def confirmation(request: HttpRequest, subject: Operation | BulkRun, intent: Intent | None) -> dict[str, Any]:
    """What the page shows of an intent: whether this person, with this browser, can confirm it, and until when."""
    if intent is None:
        return {}
    actor, asker = actor_from_request(request), intent.actor
    mine = (str(asker.get("type")), str(asker.get("id"))) == (str(actor.type), actor.id)
    held = bool(intent.token_sha256) and _digest(intent_cookie.held_token(request)) == intent.token_sha256
    return {
        "intent": intent,
        "open": intent.is_open(timezone.now()),
        "mine": mine,
        "ready": mine and held,
        "clock": clock(intent),
        "impacted": subsystem_labels(intent.impacted),
        "words": what_happens(subject),
    }


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


def clock(intent: Intent) -> str:
    """How long an intent still waits, as people say it."""
    if intent.expires_at is None:
        return ""
    left = int((intent.expires_at - timezone.now()).total_seconds())
    if left <= 0:
        return _("expired")
    if left < 60:
        return ngettext("%d second left", "%d seconds left", left) % left
    return ngettext("%d minute left", "%d minutes left", left // 60) % (left // 60)


def mark_of(intent: Intent | None) -> tuple[str, ...]:
    """Changes whenever the page's part about the intent would (its clock is a region of its own)."""
    if intent is None:
        return ()
    return intent.state, intent.token_sha256[:12], intent.digest[:12], str(intent.is_open(timezone.now()))


def what_happens(subject: Operation | BulkRun) -> str:
    """What a confirmation sets off, in plain words."""
    days = settings.NPANEL_GRACE_DAYS
    if isinstance(subject, BulkRun):
        return ngettext(
            "Takes %(n)d service off the web. Files and databases stay on its node for %(days)d days, and it can be "
            "restored until then.",
            "Takes %(n)d services off the web. Files and databases stay on their nodes for %(days)d days, and each can "
            "be restored until then.",
            subject.total,
        ) % {"n": subject.total, "days": days}
    names = {"name": subject.target_label, "node": subject.node.name if subject.node else "", "days": days}
    template = {
        OperationKind.DELETE.value: _(
            "Takes %(name)s off the web: its sites, its names in DNS and its sign-ins end. Files and databases are "
            "kept on %(node)s for %(days)d days, and it can be restored exactly until then."
        ),
        OperationKind.PURGE.value: _(
            "Removes for good what was kept of %(name)s on %(node)s, and gives its names up. A final archive is "
            "written and read back first. It can't be restored after that."
        ),
        OperationKind.DELETE_MESSAGES.value: _(
            "Deletes the messages below from the mail queue of %(node)s for good. Nobody receives them, and those who "
            "sent them are not told."
        ),
        OperationKind.ROLLBACK.value: _(
            "Takes an earlier operation on %(name)s back. What it had made on %(node)s is removed, as the plan says."
        ),
    }.get(subject.kind, _("Carries the plan below out on %(node)s."))
    return template % names


def prepare_again_url(operation: Operation) -> str:
    """Where what expired can be asked for anew ("" where there is no such page)."""
    action = {OperationKind.DELETE.value: "remove", OperationKind.PURGE.value: "purge"}.get(operation.kind, "")
    expired = operation.state == OperationState.CANCELLED and (operation.error or {}).get("code") == "intent_expired"
    if not (action and expired and operation.service):
        return ""
    return f"{_path_of_service(operation)}{action}/"


def _path_of_service(operation: Operation) -> str:
    service = operation.service
    return address_of(service).removesuffix("change/") if service is not None else ""
