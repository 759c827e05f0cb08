"""``manage.py node_resume``: let operations run on a paused node again."""

from typing import Any

from django.core.management.base import CommandParser

from hosting.management.door import HostingCommand
from hosting.services.nodes import resume_node


class Command(HostingCommand):
    """Resume a paused node."""

    help = "Let operations run on a paused node again. Spooled audit events have to be replayed before."

    def add_arguments(self, parser: CommandParser) -> None:
        """Which node."""
        super().add_arguments(parser)
        parser.add_argument("node")

    def act(self, options: dict[str, Any]) -> int:
        """Resume it."""
        node = self.node(options["node"])
        resume_node(actor=self.actor, node=node)
        self.show({"node": node.name, "state": node.state}, f"{node.name} is {node.get_state_display().lower()} again.")
        return 0
