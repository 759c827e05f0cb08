"""``manage.py zone_undo``: take the last change of a zone back."""

from typing import Any

from hosting.errors import HostingError
from hosting.management.zones import ZoneCommand, zone_of
from hosting.models import Operation
from hosting.services.operations import rollback_operation
from hosting.services.zone_edits import last_change
from hosting.texts import N_


class Command(ZoneCommand):
    """Undo a zone's last change."""

    help = "Take back the last change of a zone's records, if nothing has changed the zone since."

    def request(self, options: dict[str, Any], *, wait_for_approval: bool) -> Operation:
        """Ask for the rollback."""
        domain = zone_of(self, options)
        operation = last_change(domain)
        if operation is None:
            raise HostingError(
                N_("The zone %(name)s has no change to take back.", name=domain.name), code="nothing_to_roll_back"
            )
        return rollback_operation(
            actor=self.actor, operation=operation, reason=options["reason"], wait_for_approval=wait_for_approval
        )
