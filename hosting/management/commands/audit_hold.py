"""``manage.py audit_hold``: place, list and release legal holds on audit events."""

import datetime
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from accounts.actors import actor_from_terminal
from audit import holds
from audit.models import LegalHold


class Command(BaseCommand):
    """Without options: list what is held."""

    help = "List legal holds; --place or --release one. Held events leave neither the database nor the archive."

    def add_arguments(self, parser: CommandParser) -> None:
        """One of two, and why."""
        what = parser.add_mutually_exclusive_group()
        what.add_argument("--place", action="store_true")
        what.add_argument("--release", type=int, metavar="NUMBER")
        parser.add_argument("--target", default="", help="type:id, e.g. service:42; none: all events of the time")
        parser.add_argument("--since", type=_moment, help="2026-01-31, UTC")
        parser.add_argument("--until", type=_moment)
        parser.add_argument("--reason", default="", help="why; kept in the audit log")

    def handle(self, *args: Any, **options: Any) -> None:
        """Do it, then list."""
        actor = actor_from_terminal()
        kind, _colon, identity = options["target"].partition(":")
        try:
            if options["place"]:
                holds.place(
                    actor=actor, reason=options["reason"], target_type=kind, target_id=identity,
                    since=options["since"], until=options["until"],
                )  # fmt: skip
            elif options["release"] is not None:
                hold = LegalHold.objects.get(pk=options["release"], released_at=None)
                holds.release(actor=actor, hold=hold, reason=options["reason"])
        except ValueError as error:
            raise CommandError(str(error)) from error
        except LegalHold.DoesNotExist as error:
            raise CommandError(f"There is no legal hold {options['release']}.") from error
        for hold in LegalHold.objects.filter(released_at=None):
            self.stdout.write(f"{hold.pk}  {hold}  (by {hold.placed_by}, {hold.placed_at:%Y-%m-%d})")


def _moment(text: str) -> datetime.datetime:
    found = datetime.datetime.fromisoformat(text)
    return found if found.tzinfo else found.replace(tzinfo=datetime.UTC)
