"""``manage.py node_bootstrap``: make a server ready."""

from typing import Any

from django.core.management.base import CommandParser

from hosting.management.door import OperationCommand
from hosting.models import Operation
from hosting.services.nodes import bootstrap_node


class Command(OperationCommand):
    """Make a server ready for hosting services."""

    help = "Install and configure what a node needs. Can be run again: what is right stays."

    def add_arguments(self, parser: CommandParser) -> None:
        """Which node."""
        super().add_arguments(parser)
        parser.add_argument("node")

    def request(self, options: dict[str, Any], *, wait_for_approval: bool) -> Operation:
        """Ask for the bootstrap."""
        return bootstrap_node(
            actor=self.actor,
            node=self.node(options["node"]),
            wait_for_approval=wait_for_approval,
            reason=options["reason"],
        )
