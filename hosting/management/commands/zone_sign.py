"""``manage.py zone_sign``: sign a zone."""

from typing import Any

from hosting.management.zones import ZoneCommand, zone_of
from hosting.models import Operation
from hosting.services.dnssec import sign_zone


class Command(ZoneCommand):
    """Switch DNSSEC on."""

    help = "Sign a domain's zone (DNSSEC); zone_ds then shows the record for the registrar."

    def request(self, options: dict[str, Any], *, wait_for_approval: bool) -> Operation:
        """Ask for it."""
        return sign_zone(
            actor=self.actor,
            domain=zone_of(self, options),
            wait_for_approval=wait_for_approval,
            reason=options["reason"],
        )
