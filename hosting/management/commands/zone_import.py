"""``manage.py zone_import``: make a zone's records those of a zone file."""

import sys
from pathlib import Path
from typing import Any

from django.core.management.base import CommandParser

from hosting.errors import HostingError
from hosting.management.zones import ZoneCommand, left_out_text, look_text, zone_of
from hosting.models import Operation
from hosting.services.zone_edits import import_zone_file, look_at_import
from hosting.state.zone_files import MAX_BYTES
from hosting.texts import N_


class Command(ZoneCommand):
    """Import a zone file."""

    help = (
        "Make a zone's records those of a zone file (RFC 1035). SOA and name servers stay the node's own; "
        "$INCLUDE is refused. --preview says what would change, and exits 2 if anything would."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """Which file, and whether records that it does not have stay."""
        super().add_arguments(parser)
        parser.add_argument("file", help="the zone file, or - for standard input")
        parser.add_argument(
            "--keep-others", action="store_true", help="keep records of names and types that the file does not have"
        )
        parser.add_argument("--preview", action="store_true", help="say what would change, and change nothing")

    def act(self, options: dict[str, Any]) -> int:
        """Look at the file first, so that what is left out is said."""
        self.text = _read(options["file"])
        domain = zone_of(self, options)
        look = look_at_import(domain=domain, text=self.text, keep_others=options["keep_others"])
        for line in left_out_text(look):
            self.say(line)
        if not options["preview"]:
            return super().act(options)
        self.show(look.facts(), look_text(look))
        return 2 if look.changes else 0

    def request(self, options: dict[str, Any], *, wait_for_approval: bool) -> Operation:
        """Ask for the import."""
        return import_zone_file(
            actor=self.actor,
            domain=zone_of(self, options),
            text=self.text,
            keep_others=options["keep_others"],
            wait_for_approval=wait_for_approval,
            reason=options["reason"],
        )


def _read(name: str) -> str:
    try:
        if name == "-":
            return sys.stdin.read(MAX_BYTES + 1)
        with Path(name).open(encoding="utf-8") as file:
            return file.read(MAX_BYTES + 1)
    except (OSError, UnicodeDecodeError) as error:
        raise HostingError(
            N_("%(name)s can't be read: %(error)s", name=name, error=error),
            code="zone_file_invalid",
            hint=N_("Name a text file in UTF-8, or - for standard input."),
        ) from error
