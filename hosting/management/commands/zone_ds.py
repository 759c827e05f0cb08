"""``manage.py zone_ds``: the DS records for the registrar, and what the zone above has of them."""

from typing import Any

from django.core.management.base import CommandParser

from hosting.management.door import HostingCommand
from hosting.management.zones import zone_of
from hosting.services.dnssec import ParentSays, ds_records, parent_says

_WORDS = {
    ParentSays.OURS: "The zone above has it.",
    ParentSays.OTHER: "The zone above has another DS record: whoever checks signatures does not find the domain.",
    ParentSays.NOTHING: "The zone above has no DS record.",
    ParentSays.NO_ANSWER: "What the zone above has could not be looked up.",
}


class Command(HostingCommand):
    """Show DS records."""

    help = "Print a signed zone's DS records and what the zone above says; exit 2 if it does not say the same."

    def add_arguments(self, parser: CommandParser) -> None:
        """Which zone."""
        super().add_arguments(parser)
        parser.add_argument("domain")

    def act(self, options: dict[str, Any]) -> int:
        """Print them."""
        domain = zone_of(self, options)
        records, says = ds_records(domain), parent_says(domain)
        lines = [f"{domain.name}. IN DS {record}" for record in records] or [f"{domain.name} is not signed."]
        self.show({"domain": domain.name, "ds": records, "parent": says.value}, "\n".join([*lines, _WORDS[says]]))
        return 0 if says == (ParentSays.OURS if records else ParentSays.NOTHING) else 2
