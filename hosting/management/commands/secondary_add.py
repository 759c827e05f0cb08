"""``manage.py secondary_add``: another name server for the zones of a node."""

import sys
from typing import Any

from django.core.management.base import CommandParser

from hosting.management.door import OperationCommand
from hosting.models import Operation
from hosting.services.secondaries import add_secondary


class Command(OperationCommand):
    """Add a secondary name server."""

    help = "Have another name server fetch all zones of a node, with a TSIG key of its own."

    def add_arguments(self, parser: CommandParser) -> None:
        """Whose zones, and who is to fetch them."""
        super().add_arguments(parser)
        parser.add_argument("node", help="the node whose zones they are")
        parser.add_argument("name", help="host name of the secondary")
        which = parser.add_mutually_exclusive_group(required=True)
        which.add_argument("--carrier", help="the node of ours that is to be it")
        which.add_argument("--address", default="", help="the address of another name server")
        parser.add_argument("--key-stdin", action="store_true", help="read its TSIG key (base64) from standard input")

    def request(self, options: dict[str, Any], *, wait_for_approval: bool) -> Operation:
        """Ask for it."""
        return add_secondary(
            actor=self.actor,
            node=self.node(options["node"]),
            name=options["name"],
            address=options["address"],
            carrier=self.node(options["carrier"]) if options["carrier"] else None,
            key=sys.stdin.readline().strip() if options["key_stdin"] else "",
            wait_for_approval=wait_for_approval,
            reason=options["reason"],
        )
