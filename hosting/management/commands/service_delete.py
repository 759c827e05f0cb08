"""``manage.py service_delete``: remove a service from its node, restorable for the grace period."""

from typing import Any

from hosting.choices import OperationKind
from hosting.management.confirming import ConfirmedCommand
from hosting.models import Operation
from hosting.services.sites import delete_service


class Command(ConfirmedCommand):
    """Delete a service."""

    kind = OperationKind.DELETE
    help = (
        "Prepare the removal of a service from its node and show plan and token; --confirm TOKEN carries it out. Its "
        "data is kept aside there, and service_restore brings it back until it is purged."
    )

    def request(self, options: dict[str, Any], *, wait_for_approval: bool) -> Operation:
        """Ask for it."""
        return delete_service(actor=self.actor, service=self.service(options["username"]), reason=options["reason"])
