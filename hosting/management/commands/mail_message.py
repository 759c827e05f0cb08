"""``manage.py mail_message``: hold, release or delete messages that wait, or have one tried again."""

from typing import Any

from django.core.management.base import CommandParser

from hosting.choices import OperationKind, OperationState
from hosting.errors import HostingError
from hosting.management.door import OperationCommand, given_token
from hosting.models import Node, Operation, QueuedMessage
from hosting.services import mail_queue
from hosting.texts import N_


class Command(OperationCommand):
    """Do something with messages in a node's mail queue."""

    help = (
        "Try a waiting message again, hold it, release it or delete it; or delete all of a sender (clear). A deletion "
        "shows plan and token; --confirm TOKEN carries it out."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """What, and with which message."""
        super().add_arguments(parser)
        parser.add_argument("what", choices=["retry", "hold", "release", "delete", "clear"])
        parser.add_argument("node")
        parser.add_argument("message", help="its id; with clear a sender, '' for mail servers' reports")
        parser.add_argument("--confirm", default="", metavar="TOKEN", help="confirm a deletion; - reads the token")

    def act(self, options: dict[str, Any]) -> int:
        """Ask for another try, or for an operation; or confirm one."""
        node = self.node(options["node"])
        if options["confirm"]:
            return self._confirm(_waiting(node), given_token(options["confirm"]), options)
        if options["what"] == "retry":
            mail_queue.retry_message(actor=self.actor, message=_message(node, options["message"]))
            self.show({"asked": options["message"]}, "The worker has its delivery tried now.")
            return 0
        return super().act(options)

    def request(self, options: dict[str, Any], *, wait_for_approval: bool) -> Operation:
        """Ask for it."""
        node, what, reason = self.node(options["node"]), options["what"], options["reason"]
        if what == "clear":
            mail_queue.look_at_queue(actor=self.actor, node=node)
            sender = options["message"]
            return mail_queue.clear_queue(actor=self.actor, queue=node.mail_queue, sender=sender, reason=reason)
        message = _message(node, options["message"])
        if what == "delete":
            return mail_queue.delete_message(actor=self.actor, message=message, reason=reason)
        change = mail_queue.hold_message if what == "hold" else mail_queue.release_message
        return change(actor=self.actor, message=message, wait_for_approval=wait_for_approval, reason=reason)


def _message(node: Node, message_id: str) -> QueuedMessage:
    rows = QueuedMessage.objects.filter(node=node, message_id=message_id)
    found = next((row for row in rows if row.message_id == message_id), None)
    if found is None:
        raise HostingError(
            N_("No message %(name)s waits on %(node)s.", name=message_id, node=node.name),
            code="not_found",
            hint=N_("manage.py mail_queue shows what waits."),
        )
    return found


def _waiting(node: Node) -> Operation:
    kinds = node.operations.filter(kind=OperationKind.DELETE_MESSAGES, state=OperationState.PLANNED)
    found = kinds.order_by("-created_at").first()
    if found is None:
        raise HostingError(
            N_("No deletion on %(node)s waits to be confirmed.", node=node.name),
            code="intent_closed",
            hint=N_("Prepare it again: run the same command without --confirm."),
        )
    return found
