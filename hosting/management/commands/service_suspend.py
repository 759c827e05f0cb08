"""``manage.py service_suspend``: show the suspended page."""

from typing import Any

from django.core.management.base import CommandParser

from hosting.management.door import OperationCommand
from hosting.models import Operation
from hosting.services.sites import suspend_service


class Command(OperationCommand):
    """Suspend a service."""

    help = "Show visitors the suspended page and lock the service's sign-ins; nothing is lost."

    def add_arguments(self, parser: CommandParser) -> None:
        """Which service."""
        super().add_arguments(parser)
        parser.add_argument("username")

    def request(self, options: dict[str, Any], *, wait_for_approval: bool) -> Operation:
        """Ask for it."""
        return suspend_service(
            actor=self.actor,
            service=self.service(options["username"]),
            wait_for_approval=wait_for_approval,
            reason=options["reason"],
        )
