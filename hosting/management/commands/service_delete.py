"""``manage.py service_delete``: remove a service from its node."""

from typing import Any

from django.core.management.base import CommandParser

from hosting.management.door import OperationCommand
from hosting.models import Operation
from hosting.services.sites import delete_service


class Command(OperationCommand):
    """Delete a service."""

    help = "Remove a service from its node. Its data is kept aside there, so that service_rollback can bring it back."

    def add_arguments(self, parser: CommandParser) -> None:
        """Which service."""
        super().add_arguments(parser)
        parser.add_argument("username")

    def request(self, options: dict[str, Any], *, wait_for_approval: bool) -> Operation:
        """Ask for it."""
        return delete_service(
            actor=self.actor,
            service=self.service(options["username"]),
            wait_for_approval=wait_for_approval,
            reason=options["reason"],
        )
