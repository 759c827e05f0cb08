"""``manage.py secondary_remove``: a name server that fetches the zones of a node no more."""

from typing import Any

from django.core.management.base import CommandParser

from hosting.management.door import OperationCommand
from hosting.models import Operation, Secondary
from hosting.services.secondaries import remove_secondary


class Command(OperationCommand):
    """Remove a secondary name server."""

    help = "Let a name server fetch the zones of a node no more."

    def add_arguments(self, parser: CommandParser) -> None:
        """Which one."""
        super().add_arguments(parser)
        parser.add_argument("node", help="the node whose zones it fetches")
        parser.add_argument("name", help="host name of the secondary")

    def request(self, options: dict[str, Any], *, wait_for_approval: bool) -> Operation:
        """Ask for it."""
        node = self.node(options["node"])
        return remove_secondary(
            actor=self.actor,
            secondary=self.find(Secondary, "secondary_add", node=node, name=options["name"]),
            wait_for_approval=wait_for_approval,
            reason=options["reason"],
        )
