"""``manage.py service_rollback``: take the last operation of a service back."""

from typing import Any

from django.core.management.base import CommandParser
from django.db.models import Exists, OuterRef

from hosting.choices import OperationKind, OperationState
from hosting.errors import HostingError
from hosting.management.door import OperationCommand
from hosting.models import HostingService, JournalEntry, Operation
from hosting.services.operations import rollback_operation


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
            else _last(service)
        )
        return rollback_operation(
            actor=self.actor, operation=operation, reason=options["reason"], wait_for_approval=wait_for_approval
        )


def _last(service: HostingService) -> Operation:
    """The newest operation that changed something and is still in force: only a rollback that succeeded undid one."""
    undone = Operation.objects.filter(reverts=OuterRef("pk"), state=OperationState.SUCCEEDED)
    changed = JournalEntry.objects.filter(operation=OuterRef("pk"), backward=False)
    done = service.operations.filter(~Exists(undone), Exists(changed), state=OperationState.SUCCEEDED)
    last = done.exclude(kind=OperationKind.ROLLBACK).order_by("-created_at").first()
    if last is None:
        raise HostingError(f"Nothing of {service.username} can be rolled back.", code="nothing_to_roll_back")
    return last
