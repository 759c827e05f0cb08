"""``manage.py record_template``: keep, show or forget a template of records."""

import sys
from typing import Any

from django.core.management.base import CommandParser

from hosting.management.door import HostingCommand
from hosting.models import RecordTemplate
from hosting.services.record_templates import change_template, create_template, delete_template


class Command(HostingCommand):
    """Templates of records, of the operators' own."""

    help = "Show the templates of records, or one; --write keeps what standard input has, --delete forgets it."

    def add_arguments(self, parser: CommandParser) -> None:
        """Which one, and what to do with it."""
        super().add_arguments(parser)
        parser.add_argument("name", nargs="?")
        what = parser.add_mutually_exclusive_group()
        what.add_argument("--write", action="store_true", help="make or change it: its lines are on standard input")
        what.add_argument("--delete", action="store_true")

    def act(self, options: dict[str, Any]) -> int:
        """Do it, and show what there is."""
        name = options["name"] or ""
        rows = RecordTemplate.objects.filter(reseller=None)
        if options["write"]:
            self._write(rows.filter(name=name).first(), name, sys.stdin.read())
        elif options["delete"]:
            delete_template(actor=self.actor, template=self._one(name))
            name = ""
        shown = [self._one(name)] if name else list(rows)
        text = shown[0].text if name else "\n".join(row.name for row in shown)
        self.show({"templates": [{"name": row.name, "text": row.text} for row in shown]}, text or "There is none.")
        return 0

    def _write(self, row: RecordTemplate | None, name: str, text: str) -> None:
        if row is None:
            create_template(actor=self.actor, name=name, text=text)
        else:
            change_template(actor=self.actor, template=row, text=text)

    def _one(self, name: str) -> RecordTemplate:
        return self.find(RecordTemplate, "record_template", name=name, reseller=None)
