"""Messages that wait in a node's mail queue: tried again, held, released, deleted."""

import dataclasses

from django.db import transaction
from django.utils import timezone

from audit.actor import Actor
from audit.choices import Outcome
from audit.record import record
from hosting.choices import OperationKind
from hosting.errors import HostingError
from hosting.models import MailQueue, Node, Operation, QueuedMessage
from hosting.operations import mail_queue
from hosting.operations.doorbell import ring
from hosting.operations.requests import request_operation
from hosting.services.rows import reread
from hosting.state import QueuedMessage as Message
from hosting.state import Ref
from hosting.texts import N_
from hosting.transactions import retried
from hosting.verbs import MESSAGE_RETRY

#: So many messages one operation deletes at most: each is a line of its plan, which a person looks at.
MOST = 500


@retried
def retry_message(*, actor: Actor, message: QueuedMessage) -> None:
    """Have the delivery of a waiting message tried again now. The worker does it within seconds.

    Raises:
        HostingError: ``message_held``, ``not_found`` (it does not wait any more).
    """
    row = reread(message)
    if row.held:
        raise HostingError(
            N_("The message %(name)s is held.", name=row.message_id),
            code="message_held",
            hint=N_("It has to be released first, by who runs the server."),
        )
    row.retry_asked_at, row.retry_actor = timezone.now(), dataclasses.asdict(actor)
    row.save(update_fields=["retry_asked_at", "retry_actor"])
    record(
        verb=MESSAGE_RETRY,
        actor=actor,
        target=row.service or row.node,
        outcome=Outcome.REQUESTED,
        after=_told(row),
        node=row.node.name,
    )
    transaction.on_commit(ring)


@retried
def hold_message(
    *, actor: Actor, message: QueuedMessage, wait_for_approval: bool = False, reason: str = ""
) -> Operation:
    """Hold a waiting message: it is not tried again until somebody releases it.

    Raises:
        HostingError: ``not_found``.
    """
    return _operation(actor, OperationKind.HOLD_MESSAGE, reread(message, "node"), wait_for_approval, reason)


@retried
def release_message(
    *, actor: Actor, message: QueuedMessage, wait_for_approval: bool = False, reason: str = ""
) -> Operation:
    """Release a held message: it is tried again at the next run of the queue.

    Raises:
        HostingError: ``not_found``.
    """
    return _operation(actor, OperationKind.RELEASE_MESSAGE, reread(message, "node"), wait_for_approval, reason)


@retried
def delete_message(*, actor: Actor, message: QueuedMessage, reason: str = "") -> Operation:
    """Delete a waiting message for good, once that is confirmed. Nobody receives it, and its sender is not told.

    Raises:
        HostingError: ``not_found``.
    """
    return _operation(actor, OperationKind.DELETE_MESSAGES, reread(message, "node"), True, reason)


@retried
def clear_queue(*, actor: Actor, queue: MailQueue, sender: str = "", reason: str = "") -> Operation:
    """Delete the messages of one sender for good, once that is confirmed: 500 at most, the newest first.

    Args:
        sender: as it stands in the list; "" for what mail servers report by themselves.

    Raises:
        HostingError: ``nothing_chosen``, ``not_found``.
    """
    row = reread(queue, "node")
    found = QueuedMessage.objects.filter(node=row.node, sender=sender).order_by("-since", "-pk")
    ids = list(found.values_list("message_id", flat=True)[:MOST])
    if not ids:
        raise HostingError(
            N_("No message of %(sender)s waits on %(node)s.", sender=sender or "<>", node=row.node.name),
            code="nothing_chosen",
            hint=N_("Look at the queue again."),
            field="sender",
        )
    wanted: dict[str, object] = {"sender": sender, "messages": len(ids)}
    return _request(actor, OperationKind.DELETE_MESSAGES, row.node, ids, wanted, True, reason)


def look_at_queue(*, actor: Actor, node: Node) -> int:
    """Look at a node's queue now and here (needs the worker's key); gives the number of messages.

    Raises:
        HostingError: the node can't be asked.
    """
    return mail_queue.look_at(node)


def _operation(
    actor: Actor, kind: OperationKind, row: QueuedMessage, wait_for_approval: bool, reason: str
) -> Operation:
    return _request(actor, kind, row.node, [row.message_id], _told(row), wait_for_approval, reason)


def _request(
    actor: Actor,
    kind: OperationKind,
    node: Node,
    message_ids: list[str],
    wanted: dict[str, object],
    wait_for_approval: bool,
    reason: str,
) -> Operation:
    return request_operation(
        actor=actor,
        kind=kind,
        node=node,
        refs=[Ref(Message.kind, one) for one in message_ids],
        wait_for_approval=wait_for_approval,
        reason=reason,
        wanted=wanted,
    )


def _told(row: QueuedMessage) -> dict[str, object]:
    return {"message": row.message_id, "sender": row.sender, "recipients": row.recipient_count}
