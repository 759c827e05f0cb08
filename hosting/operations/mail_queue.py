"""The worker's chores for mail queues: look at them, and have messages tried again that somebody asked for."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from django.conf import settings
from django.db.models import Q
from django.utils import timezone

from audit.actor import Actor
from audit.choices import Outcome
from audit.record import record_outcome
from hosting.adapters.mail_queue import look, retry
from hosting.adapters.mail_queue.answers import Queue, Waiting
from hosting.choices import NodeState
from hosting.connections.base import Context, perform
from hosting.errors import HostingError
from hosting.models import Domain, MailQueue, Node, QueuedMessage
from hosting.operations.nodes import connect
from hosting.transactions import retried
from hosting.verbs import MESSAGE_RETRY
from observability.context import current
from observability.logging import get_logger
from observability.operations import register_operation
from observability.redaction import redact_text

_BATCH = 200
#: So many messages are tried again at once on one node; the others wait for the next round.
_TRIED = 20
_SHOWN = ("service", "recipients", "recipient_count", "held", "said")

log = get_logger(register_operation("mail_queue"))


@dataclass(frozen=True, slots=True)
class _Owners:
    """Whose mail is whose on one node: services by domain with mail, and by user name."""

    domains: Mapping[str, int]
    users: Mapping[str, int]

    def of(self, message: Waiting) -> int | None:
        """The service that sent it; of mail from elsewhere, the one that all who have not got it yet belong to.

        What it names as its sender counts for nothing: anybody can write that.
        """
        if message.auth:
            return self.domains.get(message.auth.rpartition("@")[2].lower())
        if message.login in self.users:
            return self.users[message.login]
        found = {self.domains.get(domain.lower()) for domain in message.domains}
        return found.pop() if len(found) == 1 else None


def look_due() -> None:
    """Look at the queues of ready nodes whose last look is too long ago, or that somebody wants looked at."""
    due = Q(mail_queue=None) | Q(mail_queue__look_at=None) | Q(mail_queue__look_at__lte=timezone.now())
    for node in Node.objects.filter(due, state=NodeState.READY):
        try:
            look_at(node)
        except HostingError as error:
            note = redact_text(error.detail)[:300]
            MailQueue.objects.filter(node=node).update(note=note, look_at=_next_look())


def look_at(node: Node) -> int:
    """Look at a node's queue now (worker only).

    Returns:
        How many messages wait.

    Raises:
        HostingError: the node can't be asked; what was known stays.
    """
    found = perform(connect(node), look(), context=Context(trace_id=current().trace_id))
    if found.present:
        _keep(node, found)
    return found.total


@retried
def _keep(node: Node, found: Queue) -> None:
    # Also the lock: two looks at once would make one message two rows.
    queue, _new = MailQueue.objects.select_for_update().get_or_create(node=node)
    known = {row.message_id: row for row in node.queued_messages.all()}
    owners = _owners(node)
    new, changed = [], []
    for message in found.messages:
        row = known.pop(message.message_id, None)
        if row is None:
            new.append(_filled(QueuedMessage(node=node, message_id=message.message_id), message, owners))
        elif _facts(row) != _facts(_filled(row, message, owners)):
            changed.append(row)
    QueuedMessage.objects.filter(pk__in=[row.pk for row in known.values()]).delete()
    QueuedMessage.objects.bulk_update(changed, _SHOWN, batch_size=_BATCH)
    QueuedMessage.objects.bulk_create(new, batch_size=_BATCH)
    queue.total, queue.note, queue.seen_at, queue.look_at = found.total, "", timezone.now(), _next_look()
    queue.oldest_at = _moment(found.oldest) if found.total else None
    queue.save()


def _owners(node: Node) -> _Owners:
    domains = Domain.objects.filter(service__node=node, mail__isnull=False).exclude(name_key=None)
    users = node.services.exclude(username_key=None)
    return _Owners(dict(domains.values_list("name", "service_id")), dict(users.values_list("username", "pk")))


def _filled(row: QueuedMessage, message: Waiting, owners: _Owners) -> QueuedMessage:
    row.service_id = owners.of(message)
    row.sender, row.since, row.size = message.sender, _moment(message.since), message.size
    row.recipients, row.recipient_count = list(message.recipients), message.count
    row.held, row.said = message.held, message.said
    return row


def _facts(row: QueuedMessage) -> tuple[object, ...]:
    return row.service_id, tuple(row.recipients), row.recipient_count, row.held, row.said


def _next_look() -> datetime:
    return timezone.now() + timedelta(seconds=settings.NPANEL_MAIL_QUEUE_SECONDS)


def _moment(seconds: int) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


def retry_due() -> None:
    """Have messages tried again that somebody asked for, some of each node; what was held since is not (Exim would)."""
    asked = QueuedMessage.objects.filter(held=False).exclude(retry_asked_at=None).order_by("retry_asked_at", "pk")
    for node in Node.objects.filter(state=NodeState.READY, pk__in=asked.order_by().values("node")):
        _retry(node, list(asked.filter(node=node)[:_TRIED]))


def _retry(node: Node, rows: Iterable[QueuedMessage]) -> None:
    mine = [row for row in rows if _claimed(row)]
    if not mine:
        return
    error: HostingError | None = None
    try:
        perform(connect(node), retry(*(row.message_id for row in mine)), context=Context(trace_id=current().trace_id))
    except HostingError as failure:
        error = failure
    for row in mine:
        _told(node, row, error)
    MailQueue.objects.filter(node=node).update(look_at=None)


def _claimed(row: QueuedMessage) -> bool:
    """Whether this worker is the one that does it."""
    same = QueuedMessage.objects.filter(pk=row.pk, retry_asked_at=row.retry_asked_at, held=False)
    return bool(same.update(retry_asked_at=None))


def _told(node: Node, row: QueuedMessage, error: HostingError | None) -> None:
    record_outcome(
        verb=MESSAGE_RETRY,
        actor=Actor(**row.retry_actor),
        target=row.service or row.node,
        outcome=Outcome.SUCCEEDED if error is None else Outcome.FAILED,
        reason="" if error is None else error.detail,
        after={"message": row.message_id},
        node=node.name,
    )
    log.info(
        "message tried again" if error is None else "message could not be tried again",
        node=node.name,
        message_id=row.message_id,
        status="success" if error is None else "failed",
        error_code=error.code if error else None,
    )
