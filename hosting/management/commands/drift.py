"""``manage.py drift``: find, repair and adopt differences."""

from typing import Any

from django.core.management.base import CommandParser

from hosting.choices import DriftState
from hosting.management.door import OperationCommand
from hosting.models import DriftItem, Node, Operation
from hosting.services import drift


class Command(OperationCommand):
    """Scan nodes for drift; repair or adopt what was found."""

    help = "Compare nodes with what is wanted (exit 2 if something differs); --repair ID or --adopt ID settles one."

    def add_arguments(self, parser: CommandParser) -> None:
        """Where to look, or what to settle."""
        super().add_arguments(parser)
        parser.add_argument("--node", help="only this node")
        group = parser.add_mutually_exclusive_group()
        group.add_argument("--repair", type=int, metavar="ID", help="make the node as wanted again")
        group.add_argument("--adopt", type=int, metavar="ID", help="take what the node has for what is wanted")

    def act(self, options: dict[str, Any]) -> int:
        """Settle one difference, or look for them."""
        if options["repair"] or options["adopt"]:
            return super().act({**options, "yes": bool(options["adopt"]) or options["yes"]})
        return self._scan(options["node"])

    def request(self, options: dict[str, Any], *, wait_for_approval: bool) -> Operation:
        """Ask for the repair or the adoption."""
        item = self.find(DriftItem, "drift", pk=options["repair"] or options["adopt"])
        if options["repair"]:
            return drift.repair(actor=self.actor, item=item, wait_for_approval=wait_for_approval)
        operation = drift.adopt(actor=self.actor, item=item).operation
        assert operation is not None  # noqa: S101 - adopt() always links one
        return operation

    def _scan(self, name: str | None) -> int:
        nodes = [self.node(name)] if name else list(Node.objects.filter(state="ready"))
        for node in nodes:
            self.say(f"  scanning {node.name} …")
            drift.scan_node(actor=self.actor, node=node)
        items = list(DriftItem.objects.filter(node__in=nodes, state=DriftState.OPEN).select_related("node", "service"))
        data = [
            {"id": i.pk, "node": i.node.name, "kind": i.kind, "key": i.key, "since": i.first_seen_at, "diff": i.diff}
            for i in items
        ]
        text = "\n".join(
            "\n".join([f"{i.pk}  {i.node.name}  {i.kind} {i.key}", *(f"    {d}" for d in i.diff)]) for i in items
        )
        self.show({"drift": data}, text or "No drift.")
        return 2 if items else 0
