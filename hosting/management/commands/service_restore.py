"""``manage.py service_restore``: bring a deleted service back."""

from typing import Any

from django.core.management.base import CommandParser

from hosting.management.door import OperationCommand
from hosting.models import Operation
from hosting.services.lifecycle import restore_service


class Command(OperationCommand):
    """Restore a deleted service."""

    help = "Bring a deleted service back exactly as it was, with its data, within the grace period."

    def add_arguments(self, parser: CommandParser) -> None:
        """Which service."""
        super().add_arguments(parser)
        parser.add_argument("username")

    def request(self, options: dict[str, Any], *, wait_for_approval: bool) -> Operation:
        """Ask for it."""
        return restore_service(
            actor=self.actor,
            service=self.service(options["username"]),
            wait_for_approval=wait_for_approval,
            reason=options["reason"],
        )
