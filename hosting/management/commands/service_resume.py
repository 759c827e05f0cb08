"""``manage.py service_resume``: bring a suspended service back."""

from typing import Any

from django.core.management.base import CommandParser

from hosting.management.door import OperationCommand
from hosting.models import Operation
from hosting.services.sites import resume_service


class Command(OperationCommand):
    """Resume a service."""

    help = "Bring a suspended service back exactly as it was."

    def add_arguments(self, parser: CommandParser) -> None:
        """Which service."""
        super().add_arguments(parser)
        parser.add_argument("username")

    def request(self, options: dict[str, Any], *, wait_for_approval: bool) -> Operation:
        """Ask for it."""
        return resume_service(
            actor=self.actor,
            service=self.service(options["username"]),
            wait_for_approval=wait_for_approval,
            reason=options["reason"],
        )
