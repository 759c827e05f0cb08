"""The worker's chore that answers questions about mail, and forgets them after a day."""

from datetime import timedelta
from typing import Any

from django.utils import timezone

from hosting.adapters.mail_queue.log import Viewer, search, seen_by
from hosting.choices import LookupKind, LookupState, NodeState
from hosting.connections.base import Context, perform
from hosting.errors import HostingError
from hosting.models import HostingService, MailLookup
from hosting.operations import mail_check
from hosting.operations.journal import error_json
from hosting.operations.nodes import connect
from hosting.texts import N_
from observability.context import current
from observability.logging import get_logger
from observability.operations import register_operation

#: Personal data: nobody needs yesterday's question.
_KEPT = timedelta(days=1)
#: A question that a worker took and did not answer in this time is another's.
_LEASE = timedelta(minutes=3)
_AT_ONCE = 5

log = get_logger(register_operation("mail_lookup"))


def answer_due() -> None:
    """Answer what waits, the oldest first."""
    waiting = MailLookup.objects.filter(state=LookupState.WAITING, node__state=NodeState.READY)
    free = waiting.filter(taken_at=None) | waiting.filter(taken_at__lt=timezone.now() - _LEASE)
    for row in free.order_by("created_at", "pk")[:_AT_ONCE]:
        same = MailLookup.objects.filter(pk=row.pk, state=LookupState.WAITING, taken_at=row.taken_at)
        if same.update(taken_at=timezone.now()):
            answer(row)


def answer(row: MailLookup) -> None:
    """Answer one question; an error is an answer as well."""
    values: dict[str, Any] = {"state": LookupState.ANSWERED, "error": None}
    try:
        values["answer"] = _checked(row) if row.kind == LookupKind.CHECK else _searched(row)
    except HostingError as error:
        values |= {"state": LookupState.FAILED, "error": error_json(error)}
    except Exception as error:
        log.exception("lookup hit a bug", lookup_id=row.pk, status="failed")
        bug = HostingError(N_("NPanel itself failed at it (%(kind)s).", kind=type(error).__name__), code="bug")
        values |= {"state": LookupState.FAILED, "error": error_json(bug)}
    MailLookup.objects.filter(pk=row.pk).update(finished_at=timezone.now(), **values)
    done = values["state"] == LookupState.ANSWERED
    log.info(
        "question about mail answered" if done else "question about mail failed",
        node=row.node.name,
        kind=row.kind,
        status="success" if done else "failed",
        error_code="" if done else values["error"]["code"],
    )


def _searched(row: MailLookup) -> dict[str, Any]:
    found = perform(connect(row.node), search(row.query), context=Context(trace_id=current().trace_id))
    return (found if row.service is None else seen_by(found, _viewer(row.service))).to_json()


def _checked(row: MailLookup) -> dict[str, Any]:
    mail = getattr(row.domain, "mail", None)
    if mail is None or mail.domain.name_key is None:
        raise HostingError(N_("Mail is off for this domain."), code="not_found")
    return mail_check.check(mail)


def _viewer(service: HostingService) -> Viewer:
    """Whose mail it is; names that the service gave up may be somebody else's by now."""
    names = service.domains.filter(mail__isnull=False, name_key__isnull=False).values_list("name", flat=True)
    return Viewer(service.username_key or "", frozenset(names))


def forget_old() -> None:
    """Remove questions that were asked longer than a day ago."""
    MailLookup.objects.filter(created_at__lt=timezone.now() - _KEPT).delete()
