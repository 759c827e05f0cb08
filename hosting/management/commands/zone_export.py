"""``manage.py zone_export``: a zone as a zone file."""

from typing import Any

from django.core.management.base import CommandParser

from hosting.management.door import HostingCommand
from hosting.management.zones import zone_of
from hosting.services.zone_edits import zone_file


class Command(HostingCommand):
    """Print a zone."""

    help = "Print a domain's zone as a zone file, with its SOA and name servers. Changes nothing."

    def add_arguments(self, parser: CommandParser) -> None:
        """Which zone."""
        super().add_arguments(parser)
        parser.add_argument("domain")

    def act(self, options: dict[str, Any]) -> int:
        """Print it."""
        domain = zone_of(self, options)
        text = zone_file(domain)
        self.show({"domain": domain.name, "text": text}, text.rstrip("\n"))
        return 0
