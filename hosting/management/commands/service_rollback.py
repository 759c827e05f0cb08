"""``manage.py service_rollback``: take the last operation of a service back."""

from typing import Any

from django.core.management.base import CommandParser

from hosting.management.door import OperationCommand
from hosting.models import Operation
from hosting.services.operations import last_in_force, rollback_operation


class Command(OperationCommand):
    """Roll an operation back."""

    help = "Take back the last operation of a service that changed something, or the one given with --operation."

    def add_arguments(self, parser: CommandParser) -> None:
        """Which service, which operation."""
        super().add_arguments(parser)
        parser.add_argument("username")
        parser.add_argument("--operation", default="", help="UUID (default: the last one that changed something)")

    def request(self, options: dict[str, Any], *, wait_for_approval: bool) -> Operation:
        """Ask for the rollback."""
        service = self.service(options["username"])
        operation = (
            self.find(Operation, "service_plan", pk=options["operation"], service=service)
            if options["operation"]
            else last_in_force(service)
        )
        return rollback_operation(
            actor=self.actor, operation=operation, reason=options["reason"], wait_for_approval=wait_for_approval
        )
