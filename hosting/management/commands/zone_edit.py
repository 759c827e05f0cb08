"""``manage.py zone_edit``: add, change and delete many records of a zone in one operation."""

from typing import Any

from django.core.management.base import CommandParser
from django.db.models import QuerySet

from hosting.errors import HostingError
from hosting.management.zones import ZoneCommand, zone_of
from hosting.models import DnsRecord, Domain, Operation
from hosting.services.zone_edits import edit_zone
from hosting.texts import N_


class Command(ZoneCommand):
    """Edit a zone."""

    help = "Add, replace and delete records of a zone in one operation: all of it, or nothing."

    def add_arguments(self, parser: CommandParser) -> None:
        """The records, each option as often as wanted."""
        super().add_arguments(parser)
        parser.add_argument("--add", action="append", default=[], metavar="RECORD", help="'NAME [TTL] TYPE CONTENT'")
        parser.add_argument(
            "--replace", action="append", default=[], metavar="RECORD",
            help="'NAME [TTL] TYPE CONTENT' in place of the one record of that name and type",
        )  # fmt: skip
        parser.add_argument(
            "--delete", action="append", default=[], metavar="RECORD",
            help="'NAME TYPE [CONTENT]': that record, or without content all of the name and type",
        )  # fmt: skip

    def request(self, options: dict[str, Any], *, wait_for_approval: bool) -> Operation:
        """Ask for all of it at once."""
        domain = zone_of(self, options)
        return edit_zone(
            actor=self.actor,
            domain=domain,
            add=[_parts(text) for text in options["add"]],
            change=[_replacement(domain, text) for text in options["replace"]],
            delete=[pk for text in options["delete"] for pk in _meant(domain, text)],
            wait_for_approval=wait_for_approval,
            reason=options["reason"],
        )


def _parts(text: str) -> dict[str, Any]:
    name, *rest = text.split(None, 2)
    has_ttl = len(rest) == 2 and rest[0].isascii() and rest[0].isdigit() and len(rest[0]) < 11
    ttl, rest = ({"ttl": int(rest[0])}, rest[1].split(None, 1)) if has_ttl else ({}, rest)
    if len(rest) != 2:
        raise _unclear(text, N_("Write NAME [TTL] TYPE CONTENT, for example: www 300 A 192.0.2.1"))
    return {"name": name, "type": rest[0].upper(), "content": rest[1], **ttl}


def _replacement(domain: Domain, text: str) -> dict[str, Any]:
    wish = _parts(text)
    found = list(_named(domain, wish["name"], wish["type"])[:2])
    if len(found) != 1:
        raise _unclear(text, N_("Exactly one record has to have that name and type; else use --delete and --add."))
    return {**wish, "id": found[0].pk}


def _meant(domain: Domain, text: str) -> list[int]:
    name, *rest = text.split(None, 2)
    found = _named(domain, name, rest[0]) if rest else DnsRecord.objects.none()
    pks = [record.pk for record in found if len(rest) < 2 or record.content == rest[1]]
    if not pks:
        raise _unclear(text, N_("No record is like that; zone_export shows them."))
    return pks


def _named(domain: Domain, name: str, kind: str) -> QuerySet[DnsRecord]:
    short = name.lower().rstrip(".")
    relative = "@" if short in ("@", domain.name) else short.removesuffix(f".{domain.name}")
    return domain.records.filter(name=relative, type=kind.upper())


def _unclear(text: str, hint: Any) -> HostingError:
    return HostingError(N_("“%(text)s” names no record.", text=text[:200]), code="record_invalid", hint=hint)
