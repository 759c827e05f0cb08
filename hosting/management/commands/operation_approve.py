"""``manage.py operation_approve``: apply a plan that waits."""

from typing import Any

from django.core.management.base import CommandParser

from hosting.management.door import OperationCommand
from hosting.models import Operation
from hosting.services.operations import approve_operation


class Command(OperationCommand):
    """Apply a plan that was shown before."""

    help = "Approve a planned operation, exactly as it was shown, and wait for its end."

    def add_arguments(self, parser: CommandParser) -> None:
        """Which one, and the digest that was seen."""
        super().add_arguments(parser)
        parser.add_argument("operation", help="UUID")
        parser.add_argument("digest", help="the plan's digest")

    def request(self, options: dict[str, Any], *, wait_for_approval: bool) -> Operation:
        """Approve it."""
        operation = self.find(Operation, "service_plan", pk=options["operation"])
        return approve_operation(
            actor=self.actor, operation=operation, digest=options["digest"], reason=options["reason"]
        )
