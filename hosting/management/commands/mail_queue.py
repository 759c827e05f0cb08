"""``manage.py mail_queue``: what waits in the nodes' mail queues."""

from typing import Any

from django.core.management.base import CommandParser
from django.db.models import Count

from hosting.choices import NodeState
from hosting.management.door import HostingCommand
from hosting.models import MailQueue, Node, QueuedMessage
from hosting.services.mail_queue import look_at_queue

#: Messages shown of each node; ``--json`` shows all that are known.
_LINES = 50


class Command(HostingCommand):
    """Look at mail queues."""

    help = "Look at the mail queues of nodes now and show what waits, the newest first, and who sent most of it."

    def add_arguments(self, parser: CommandParser) -> None:
        """Where, and whose."""
        super().add_arguments(parser)
        parser.add_argument("--node", help="only this node")
        parser.add_argument("--sender", help="only messages of this sender; '' for mail servers' reports")

    def act(self, options: dict[str, Any]) -> int:
        """Look at each node, then show."""
        nodes = [self.node(options["node"])] if options["node"] else list(Node.objects.filter(state=NodeState.READY))
        for node in nodes:
            look_at_queue(actor=self.actor, node=node)
        shown = [self._queue(node, options["sender"]) for node in nodes]
        self.show({"queues": [facts for facts, _text in shown]}, "\n".join(text for _facts, text in shown))
        return 0

    def _queue(self, node: Node, sender: str | None) -> tuple[dict[str, Any], str]:
        rows = node.queued_messages.order_by("-since", "-pk")
        rows = rows if sender is None else rows.filter(sender=sender)
        total = MailQueue.objects.filter(node=node).values_list("total", flat=True).first() or 0
        senders = list(rows.order_by().values_list("sender").annotate(n=Count("pk")).order_by("-n", "sender")[:5])
        lines = [f"{node.name}: {total} messages wait"]
        lines += [f"  {count} from {name or '<>'}" for name, count in senders]
        lines += [_line(row) for row in rows[:_LINES]]
        messages = [_facts(row) for row in rows] if self.as_json else []
        return {"node": node.name, "total": total, "senders": dict(senders), "messages": messages}, "\n".join(lines)


def _line(row: QueuedMessage) -> str:
    held = "  held" if row.held else ""
    to = ", ".join(row.recipients[:3]) + (f" +{row.recipient_count - 3}" if row.recipient_count > 3 else "")
    said = f"\n      {row.said}" if row.said else ""
    return f"  {row.message_id}  {row.since:%Y-%m-%d %H:%M}{held}  {row.sender or '<>'} to {to}{said}"


def _facts(row: QueuedMessage) -> dict[str, Any]:
    return {
        "message": row.message_id,
        "since": row.since,
        "size": row.size,
        "sender": row.sender,
        "recipients": row.recipients,
        "recipient_count": row.recipient_count,
        "held": row.held,
        "said": row.said,
    }
