"""What the commands share that work on a whole zone."""

from typing import Any

from django.core.management.base import CommandParser

from hosting.management.door import HostingCommand, OperationCommand
from hosting.models import Domain
from hosting.services.zone_edits import Look
from hosting.state import DnsRecord
from hosting.translated import told


def zone_of(command: HostingCommand, options: dict[str, Any]) -> Domain:
    """The domain that the command line names.

    Raises:
        HostingError: ``not_found``.
    """
    return command.find(Domain, "service_create", name_key=str(options["domain"]).strip().lower().rstrip("."))


class ZoneCommand(OperationCommand):
    """A command that changes one zone."""

    def add_arguments(self, parser: CommandParser) -> None:
        """Which zone."""
        super().add_arguments(parser)
        parser.add_argument("domain")


def look_text(look: Look) -> str:
    """What an import would do, for a terminal."""
    found = look.changes
    lines = [f"+ {_line(record)}" for record in found.added]
    lines += [f"~ {_line(old)}\n  {_line(new)}" for old, new in found.changed]
    lines += [f"- {_line(record)}" for record in found.removed]
    counts = (len(found.added), len(found.changed), len(found.removed), len(found.kept))
    return "\n".join([*lines, "{} added, {} changed, {} removed, {} kept.".format(*counts)])


def left_out_text(look: Look) -> list[str]:
    """What of a text does not become a record, a line each."""
    return [f"Line {one.line}, {one.name} {one.type}, is left out: {told(one.reason)}" for one in look.left_out]


def _line(record: DnsRecord) -> str:
    return f"{record.name} {record.ttl} {record.type} {record.content}"
