"""``manage.py reseller_nameservers``: the name servers of a reseller's own."""

from typing import Any

from django.core.management.base import CommandParser

from accounts.models import Reseller
from hosting.management.door import HostingCommand
from hosting.services.people import change_reseller


class Command(HostingCommand):
    """Name servers that new domains of a reseller's customers are delegated to."""

    help = "Show the name servers of a reseller's own; set them with their names, or take them away with --none."

    def add_arguments(self, parser: CommandParser) -> None:
        """Whose, and which."""
        super().add_arguments(parser)
        parser.add_argument("reseller", help="its name")
        parser.add_argument("nameservers", nargs="*", metavar="HOST")
        parser.add_argument("--none", action="store_true", help="from now on those of the nodes")

    def act(self, options: dict[str, Any]) -> int:
        """Set or show them."""
        row = self.find(Reseller, "reseller_nameservers", name=options["reseller"])
        if options["nameservers"] or options["none"]:
            names = "" if options["none"] else " ".join(options["nameservers"])
            row = change_reseller(actor=self.actor, reseller=row, name_servers=names)
        found = row.name_servers.split()
        self.show({"reseller": row.name, "name_servers": found}, "\n".join(found) or "Those of the nodes.")
        return 0
