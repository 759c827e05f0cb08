"""``manage.py erase_person``: a person's or customer's fields in the audit record become unreadable for good."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from accounts.actors import actor_from_terminal
from accounts.belongings import forget_names
from audit.erasure import NotSealed, erase
from audit.sealing import SealerBusy


class Command(BaseCommand):
    """Erase one subject."""

    help = "Destroy the key of a person's or customer's fields in the audit record. Exit status: 0 done, 1 not."

    def add_arguments(self, parser: CommandParser) -> None:
        """Whom, why, and that it is meant."""
        parser.add_argument("subject", help="user:ID or customer:ID")
        parser.add_argument("--reason", required=True, help="why; kept in the audit log")
        parser.add_argument("--yes", action="store_true", help="do it: it can't be undone")

    def handle(self, *args: Any, **options: Any) -> None:
        """Do it and say so."""
        if not options["yes"]:
            raise CommandError("This can't be undone. Add --yes to do it.")
        try:
            count = erase(actor=actor_from_terminal(), subject=options["subject"], reason=options["reason"])
        except (ValueError, SealerBusy, NotSealed, OSError) as error:
            raise CommandError(str(error)) from error
        kind, _colon, identity = options["subject"].partition(":")
        if kind == "customer":
            forget_names(int(identity))
        self.stdout.write(f"{options['subject']} is erased: {count} events changed their words, none its proof.")
