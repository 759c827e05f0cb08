"""``manage.py service_apply``: make the node match a service's facts."""

from typing import Any

from django.core.management.base import CommandParser

from hosting.management.door import OperationCommand
from hosting.models import Operation
from hosting.services.sites import apply_service


class Command(OperationCommand):
    """Make the node match the wanted facts."""

    help = "Plan a service against its node and apply the difference."

    def add_arguments(self, parser: CommandParser) -> None:
        """Which service."""
        super().add_arguments(parser)
        parser.add_argument("username")

    def request(self, options: dict[str, Any], *, wait_for_approval: bool) -> Operation:
        """Ask for it."""
        return apply_service(
            actor=self.actor,
            service=self.service(options["username"]),
            wait_for_approval=wait_for_approval,
            reason=options["reason"],
        )
