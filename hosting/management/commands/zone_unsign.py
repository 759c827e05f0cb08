"""``manage.py zone_unsign``: sign a zone no more."""

from typing import Any

from django.core.management.base import CommandParser

from hosting.management.zones import ZoneCommand, zone_of
from hosting.models import Operation
from hosting.services.dnssec import unsign_zone


class Command(ZoneCommand):
    """Switch DNSSEC off."""

    help = "Sign a domain's zone no more, once its DS record is gone from the zone above."

    def add_arguments(self, parser: CommandParser) -> None:
        """Whether to go ahead against advice."""
        super().add_arguments(parser)
        parser.add_argument(
            "--although-published", action="store_true",
            help="even if there is a DS record, or nobody can tell: with one, nobody finds the domain",
        )  # fmt: skip

    def request(self, options: dict[str, Any], *, wait_for_approval: bool) -> Operation:
        """Ask for it."""
        return unsign_zone(
            actor=self.actor,
            domain=zone_of(self, options),
            although_published=options["although_published"],
            wait_for_approval=wait_for_approval,
            reason=options["reason"],
        )
