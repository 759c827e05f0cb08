"""``manage.py audit_hold``: place, list and release legal holds on audit events."""

import datetime
from typing import Any

from django.core.management.base import CommandError, CommandParser

from audit.models import LegalHold
from hosting.management.door import HostingCommand
from hosting.services import holds


class Command(HostingCommand):
    """Without options: list what is held."""

    help = "List legal holds; --place or --release one. Held events leave neither the database nor the archive."

    def add_arguments(self, parser: CommandParser) -> None:
        """One of two, and why."""
        super().add_arguments(parser)
        what = parser.add_mutually_exclusive_group()
        what.add_argument("--place", action="store_true")
        what.add_argument("--release", type=int, metavar="NUMBER")
        parser.add_argument("--target", default="", help="type:id, e.g. service:42; none: all events of the time")
        parser.add_argument("--customer", default="", help="a name: the customer with all that is theirs")
        parser.add_argument("--since", type=_moment, help="2026-01-31, UTC")
        parser.add_argument("--until", type=_moment)
        parser.add_argument("--reason", default="", help="why; kept in the audit log")

    def act(self, options: dict[str, Any]) -> int:
        """Do it, then list."""
        if options["customer"] and (options["target"] or not options["place"]):
            raise CommandError("--customer goes with --place and without --target.")
        times = {name: options[name] for name in ("reason", "since", "until")}
        if options["customer"]:
            holds.hold_customer(actor=self.actor, name=options["customer"], **times)
        elif options["place"]:
            holds.place_hold(actor=self.actor, target=options["target"], **times)
        elif options["release"] is not None:
            hold = LegalHold.objects.filter(pk=options["release"]).first()
            if hold is None:
                raise CommandError(f"There is no legal hold {options['release']}.")
            holds.release_hold(actor=self.actor, hold=hold, reason=options["reason"])
        rows = list(LegalHold.objects.filter(released_at=None, part_of=None))
        self.show({"holds": [_facts(row) for row in rows]}, "\n".join(map(_said, rows)) or "Nothing is held.")
        return 0


def _facts(row: LegalHold) -> dict[str, Any]:
    names = ("id", "target_type", "target_id", "target_label", "is_whole", "since", "until", "reason", "placed_by",
             "placed_at")  # fmt: skip
    return {**{name: getattr(row, name) for name in names}, "parts": _parts(row)}


def _said(row: LegalHold) -> str:
    more = f", with {_parts(row)} targets of theirs" if row.is_whole else ""
    name = f"{row.target_label}  " if row.is_whole else ""
    return f"{row.pk}  {name}{row}{more}  (by {row.placed_by}, {row.placed_at:%Y-%m-%d})"


def _parts(row: LegalHold) -> int:
    return LegalHold.objects.filter(part_of=row.pk).count()


def _moment(text: str) -> datetime.datetime:
    found = datetime.datetime.fromisoformat(text)
    return found if found.tzinfo else found.replace(tzinfo=datetime.UTC)
