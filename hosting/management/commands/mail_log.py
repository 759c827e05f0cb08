"""``manage.py mail_log``: what became of mail, from the delivery log of a node."""

from typing import Any

from django.core.management.base import CommandParser

from hosting.errors import HostingError
from hosting.management.door import HostingCommand
from hosting.models import MailLookup
from hosting.services.mail_lookups import answer_lookup, search_log, search_node_log


class Command(HostingCommand):
    """Search the delivery log."""

    help = "Look in a node's mail log for an address, @domain or message id, and tell what became of each message."

    def add_arguments(self, parser: CommandParser) -> None:
        """Where, and what."""
        super().add_arguments(parser)
        parser.add_argument("query", help="name@example.com, @example.com, or the id of a message")
        where = parser.add_mutually_exclusive_group(required=True)
        where.add_argument("--node", help="everybody's mail on this node")
        where.add_argument("--service", help="user name: only what this service may see")

    def act(self, options: dict[str, Any]) -> int:
        """Ask, answer, show."""
        query = options["query"]
        if options["node"]:
            row = search_node_log(actor=self.actor, node=self.node(options["node"]), query=query)
        else:
            row = search_log(actor=self.actor, service=self.service(options["service"]), query=query)
        found = answered(self, row)
        stories = [_story(story) for story in found["stories"]]
        refused = [f"  {event['at']}  refused  {event['address']}  {event['detail']}" for event in found["refused"]]
        rest = [] if found["complete"] else ["There may be more: only the newest were looked for."]
        self.show(found, "\n".join([*stories, *refused, *rest]) or "The log has nothing about it.")
        return 0 if found["stories"] or found["refused"] else 2


def answered(command: HostingCommand, row: MailLookup) -> dict[str, Any]:
    """The answer to a question, looked up now.

    Raises:
        HostingError: what it failed with.
    """
    row = answer_lookup(actor=command.actor, lookup=row)
    if row.error:
        raise HostingError.from_stored(row.error)
    return dict(row.answer or {})


def _story(story: dict[str, Any]) -> str:
    who = story["auth"] or story["login"]
    head = f"{story['message_id']}  from {story['sender'] or '<>'}{f' ({who})' if who else ''}"
    to = f"  to {', '.join(story['recipients'])}" if story["recipients"] else ""
    return "\n".join([head + to, *(_event(event) for event in story["events"])])


def _event(event: dict[str, str]) -> str:
    origin = f"{event['origin']} -> " if event["origin"] else ""
    return f"  {event['at']}  {event['what']:<9}  {origin}{event['address']}  {event['detail']}".rstrip()
