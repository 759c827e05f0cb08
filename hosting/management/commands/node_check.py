"""``manage.py node_check``: reach a node and say what is there."""

import json
from typing import Any

from django.core.management.base import CommandParser

from hosting.management.door import HostingCommand
from hosting.services.nodes import check_node


class Command(HostingCommand):
    """Reach a node and look."""

    help = "Connect to a node, say what it is, and whether its setup is as wanted (exit 2 if not)."

    def add_arguments(self, parser: CommandParser) -> None:
        """Which node."""
        super().add_arguments(parser)
        parser.add_argument("node")

    def act(self, options: dict[str, Any]) -> int:
        """Connect, discover, compare."""
        facts, setup = check_node(node=self.node(options["node"]))
        text = "\n".join([json.dumps(facts, indent=2), setup.render()])
        self.show({"facts": facts, "setup": setup.to_json()}, text)
        return 2 if setup else 0
