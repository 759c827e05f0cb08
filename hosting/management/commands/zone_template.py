"""``manage.py zone_template``: put a template's records into a zone."""

from typing import Any

from django.core.management.base import CommandParser

from hosting.management.zones import ZoneCommand, look_text, zone_of
from hosting.models import Operation, RecordTemplate
from hosting.services.record_templates import apply_template, look_at_template


class Command(ZoneCommand):
    """Put a template of records into a zone."""

    help = "Put a template's records into a zone, in place of those of the same names and types; others stay."

    def add_arguments(self, parser: CommandParser) -> None:
        """Which template."""
        super().add_arguments(parser)
        parser.add_argument("template", help="its name")
        parser.add_argument("--preview", action="store_true", help="say what would change, and change nothing")

    def act(self, options: dict[str, Any]) -> int:
        """Apply it, or only look."""
        self.template = self.find(RecordTemplate, "record_template", name=options["template"], reseller=None)
        if not options["preview"]:
            return super().act(options)
        look = look_at_template(domain=zone_of(self, options), template=self.template)
        self.show(look.facts(), look_text(look))
        return 2 if look.changes else 0

    def request(self, options: dict[str, Any], *, wait_for_approval: bool) -> Operation:
        """Ask for it."""
        return apply_template(
            actor=self.actor,
            domain=zone_of(self, options),
            template=self.template,
            wait_for_approval=wait_for_approval,
            reason=options["reason"],
        )
