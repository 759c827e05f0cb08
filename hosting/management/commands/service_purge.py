"""``manage.py service_purge``: remove for good what a deleted service left, before its grace period ends."""

from typing import Any

from hosting.choices import OperationKind
from hosting.management.confirming import ConfirmedCommand
from hosting.models import Operation
from hosting.services.lifecycle import purge_service


class Command(ConfirmedCommand):
    """Purge a deleted service."""

    kind = OperationKind.PURGE
    help = (
        "Prepare to remove for good what a deleted service left, and show plan and token; --confirm TOKEN carries it "
        "out. A final archive is written and read back first. This can't be rolled back."
    )

    def request(self, options: dict[str, Any], *, wait_for_approval: bool) -> Operation:
        """Ask for it."""
        return purge_service(actor=self.actor, service=self.service(options["username"]), reason=options["reason"])
